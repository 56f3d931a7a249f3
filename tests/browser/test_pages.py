"""Every page in light, dark and at a phone's width: readable by everybody, nothing from elsewhere, nothing broken."""

from __future__ import annotations

import re

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


@pytest.mark.parametrize("look", ["light", "dark"])
def test_the_narrowest_screen_scrolls_one_way_only(browser: Browser, demo: Demo, look: str) -> None:
    """320 pixels: what 1280 are at four times their size (WCAG 1.4.10)."""
    with reader(browser, demo, look) as one:
        for name, url in places(demo).items():
            page = one.open(url)
            page.set_viewport_size({"width": 320, "height": 800})
            one.look(page, name)
            page.close()


@pytest.mark.parametrize("look", list(LOOKS))
def test_the_interfaces_description_is_for_everybody(browser: Browser, demo: Demo, look: str) -> None:
    """Scripts draw it; what is there last is its list of schemas."""
    with reader(browser, demo, look) as one:
        page = one.open(f"{demo.url}/docs")
        expect(page.locator(".models[aria-label]")).to_be_visible()
        one.look(page, "docs")


@pytest.mark.parametrize("name", ["home", "wallet", "newcomer-plans"])
def test_the_keyboard_skips_to_the_page(browser: Browser, demo: Demo, name: str) -> None:
    with reader(browser, demo) as one:
        page = one.open(places(demo)[name])
        page.keyboard.press("Tab")
        expect(page.get_by_text("Skip to the page")).to_be_focused()
        page.keyboard.press("Enter")
        assert page.url.endswith("#main")
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.closest('main') !== null")


def test_all_of_it_works_without_scripts(browser: Browser, demo: Demo) -> None:
    with reader(browser, demo, javascript=False) as one:
        page = one.open(demo.kept["portal_url"])
        page.get_by_role("main").get_by_role("link", name="See all activity").click()
        first = page.locator("main").inner_text()
        page.get_by_role("link", name=re.compile("older|earlier", re.IGNORECASE)).click()
        expect(page).to_have_url(re.compile("before="))
        assert page.locator("main").inner_text() != first


def test_a_chosen_theme_stays(browser: Browser, demo: Demo) -> None:
    with reader(browser, demo) as one:
        page = one.open(demo.kept["portal_url"])
        page.get_by_role("button", name="Dark").click()
        page.get_by_role("link", name="Activity", exact=True).click()
        assert page.locator("html").get_attribute("data-bs-theme") == "dark"
