"""A month later, by clicking only: who runs low is written to, a wallet tops itself up, a page tells of the jobs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.browsing import reader, served
from tests.browser.places import sign_in

pytestmark = pytest.mark.e2e


def test_a_month_later(browser: Browser, tmp_path: Path) -> None:
    with served(tmp_path) as demo, reader(browser, demo) as one:
        page = one.open(demo.url)
        page.set_default_timeout(90_000)
        page.get_by_role("link", name="Move the clock", exact=True).first.click()
        page.get_by_role("button", name="A month and two days later").click()
        expect(page.locator("main")).to_be_visible()
        page.goto(demo.url)
        page.get_by_role("link", name="Read their mail").click()
        for letter in ("480 credits left", "Topped up automatically: 1,000 credits", "credits expire on"):
            found = page.get_by_role("link", name=re.compile(letter)).first
            for _ in range(30):
                if found.count():
                    break
                page.wait_for_timeout(500)
                page.reload()
            expect(found).to_be_visible()
        page.goto(demo.url)
        page.get_by_role("link", name="buys its pack by itself").click()
        expect(page.locator("main")).to_contain_text("1,000 credits")
        one.look(page)
        sign_in(page, demo)
        page.goto(demo.url)
        page.get_by_role("link", name="the jobs", exact=True).click()
        expect(page.get_by_role("heading", name="Jobs", exact=True)).to_be_visible()
        expect(page.get_by_role("table").last).to_contain_text("auto_topups")
        one.look(page)
