"""Finance's pages in every look, and by clicking alone: with scripts and without."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.browsing import LOOKS, Demo, reader
from tests.browser.places import for_staff, sign_in

pytestmark = pytest.mark.e2e


@pytest.mark.parametrize("look", list(LOOKS))
def test_pages_are_for_everybody(browser: Browser, demo: Demo, look: str) -> None:
    with reader(browser, demo, look) as one:
        page = one.open(demo.kept["finance_url"])
        one.look(page, "sign-in")
        sign_in(page, demo)
        for name, url in for_staff(demo).items():
            page.goto(url)
            expect(page.get_by_role("heading", level=1)).to_be_visible()
            one.look(page, name)
            page.set_viewport_size({"width": 320, "height": 800})
            one.look(page, f"{name}, narrowest")
            page.set_viewport_size(LOOKS[look][1])


EDGES = """rows => [...new Set(rows.flatMap(row =>
    [...row.querySelectorAll(":scope > [data-label]")].map(cell => Math.round(cell.getBoundingClientRect().left))))]"""
STICKS_OUT = "rows => rows.flatMap(row => [...row.children]).filter(one => one.scrollWidth > one.clientWidth).length"


@pytest.mark.parametrize("width", [320, 375, 768])
def test_figures_stand_in_columns_where_a_table_has_no_room(browser: Browser, demo: Demo, width: int) -> None:
    """The same in every row of every table, with all that is in them."""
    with reader(browser, demo, "phone") as one:
        page = one.open(demo.kept["finance_url"])
        sign_in(page, demo)
        page.set_viewport_size({"width": width, "height": 812})
        for name, url in for_staff(demo).items():
            page.goto(url)
            rows = page.locator(".ledger > tbody > tr")
            edges = sorted(rows.evaluate_all(EDGES))
            steps = {right - left for left, right in pairwise(edges)}
            assert len(edges) <= {320: 2, 375: 3, 768: 7}[width], (name, edges)
            assert not steps or max(steps) < min(steps) * 2.1, (name, edges)
            assert rows.evaluate_all(STICKS_OUT) == 0, name


def test_all_of_it_works_without_scripts(browser: Browser, demo: Demo) -> None:
    with reader(browser, demo, "phone", javascript=False) as one:
        page = one.open(demo.kept["finance_url"])
        sign_in(page, demo)
        page.get_by_label("Status").select_option("held")
        page.get_by_role("button", name="Show").click()
        expect(page).to_have_url(re.compile("status=held"))
        page.get_by_role("link", name="Inbox").click()
        page.get_by_role("button", name=re.compile("^Replay evt_")).first.click()
        expect(page.get_by_role("status")).to_contain_text("was tried again: waiting")
        page.get_by_role("link", name="Customers").click()
        page.get_by_label("Id, name").fill("lumen")
        page.get_by_role("button", name="Search").click()
        page.get_by_role("link", name="team_lumen").click()
        expect(page.get_by_role("heading", name="Lumen Studio")).to_be_visible()
        page.get_by_role("link", name="Reconciliation").click()
        page.get_by_role("link", name="Ask Stripe").click()
        expect(page.get_by_text("What Stripe says was paid")).to_be_visible()
        page.get_by_role("button", name="Sign out").click()
        expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
        page.go_back()
        page.reload()
        expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
