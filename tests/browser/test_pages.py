"""Every page in light, dark and at a phone's width: readable by everybody, nothing from elsewhere, nothing broken."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.browsing import LOOKS, Demo, reader
from tests.browser.places import places

pytestmark = pytest.mark.e2e


@pytest.mark.parametrize("look", list(LOOKS))
def test_pages_are_for_everybody(browser: Browser, demo: Demo, look: str) -> None:
    with reader(browser, demo, look) as one:
        for name, url in places(demo).items():
            page = one.open(url)
            one.look(page, name)
            page.close()


def test_the_interfaces_page_works_under_the_strict_policy(browser: Browser, demo: Demo) -> None:
    with reader(browser, demo) as one:
        page = one.open(f"{demo.url}/docs")
        expect(page.get_by_text("/v1/customers/{customer}/spends").first).to_be_visible()


def test_the_skip_link_leads_to_the_page(browser: Browser, demo: Demo) -> None:
    with reader(browser, demo) as one:
        page = one.open(demo.kept["portal_url"])
        page.keyboard.press("Tab")
        expect(page.get_by_text("Skip to the page")).to_be_focused()
        page.keyboard.press("Enter")
        assert page.url.endswith("#main")


def test_a_chosen_theme_stays(browser: Browser, demo: Demo) -> None:
    with reader(browser, demo) as one:
        page = one.open(demo.kept["portal_url"])
        page.get_by_role("button", name="Dark").click()
        page.get_by_role("link", name="Activity", exact=True).click()
        assert page.locator("html").get_attribute("data-bs-theme") == "dark"
