"""What the demo's customers are sent: a letter comes within seconds of its cause, and one click ends such letters."""

from __future__ import annotations

import re

import pytest
import requests
from playwright.sync_api import Browser, expect

from tests.browser.browsing import LOOKS, Demo, reader
from tests.browser.places import places

pytestmark = pytest.mark.e2e


def test_a_letter_comes_within_seconds(browser: Browser, demo: Demo) -> None:
    with reader(browser, demo) as one:
        page = one.open(f"{demo.url}/demo/mail/")
        before = page.locator("tbody tr").count()
        headers = {"Authorization": f"Bearer {demo.kept['api_key']}", "Idempotency-Key": "a-letter"}
        given = {"credits": 1000, "reason": "to settle it"}
        done = requests.post(f"{demo.url}/v1/customers/team_ostwind/grants", json=given, timeout=20, headers=headers)
        assert done.status_code == 201, done.text
        for _ in range(40):
            page.reload()
            if page.locator("tbody tr").count() > before:
                break
            page.wait_for_timeout(500)
        page.get_by_role("link", name="Ihr Minus ist ausgeglichen").first.click()
        letter = page.frame_locator("iframe.letter")
        expect(letter.get_by_role("heading", name="Ihr Minus ist ausgeglichen")).to_be_visible()
        with page.context.expect_page() as opened:
            letter.get_by_role("link", name="Konto öffnen").click()
        expect(opened.value.get_by_text("Ostwind Analytics")).to_be_visible()


@pytest.mark.parametrize("look", list(LOOKS))
def test_a_letter_is_for_everybody(browser: Browser, demo: Demo, look: str) -> None:
    """Read as any mail program would show it, beside no page of ours."""
    mailbox = requests.get(f"{demo.url}/demo/mail/", timeout=20).text
    letters = re.findall(r'href="(/demo/mail/[^"]+)">([^<]*)<', mailbox)
    shown = {re.sub(r"[\d.,\s]+", " ", subject): path for path, subject in letters}  # one of each kind
    with reader(browser, demo, look) as one:
        page = one.open("about:blank")
        for subject, path in shown.items():
            page.set_content(requests.get(f"{demo.url}{path}/html", timeout=20).text)
            one.look(page, subject)


@pytest.mark.parametrize("javascript", [True, False])
def test_one_click_ends_such_letters(browser: Browser, demo: Demo, javascript: bool) -> None:
    with reader(browser, demo, javascript=javascript) as one:
        page = one.open(places(demo)["unsubscribe"])
        page.get_by_role("button", name="Unsubscribe", exact=True).click()
        expect(page.get_by_role("heading", name="Done")).to_be_visible()
        page = one.open(places(demo)["notices"])
        box = page.get_by_label("Few credits are left")
        box.uncheck()
        page.get_by_role("button", name="Save").click()
        expect(page.get_by_text("Saved.")).to_be_visible()
        expect(box).not_to_be_checked()
        box.check()
        page.get_by_role("button", name="Save").click()
        expect(box).to_be_checked()
