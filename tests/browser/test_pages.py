"""The pages in a real browser: for everybody, on every screen, nothing from elsewhere, with and without scripts."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Open
from tests.browser.demo import Demo
from tests.browser.visiting import LOOKS

pytestmark = pytest.mark.e2e

WHOLE = {"docs": ".models[aria-label]"}
"""What is there last, on a page that scripts draw."""


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("name", ["wallet", "activity", "docs"])
def test_a_page_is_for_everybody(demo: Demo, visit: Open, name: str, look: str) -> None:
    seen = visit(look)
    answer = seen.page.goto(demo.pages[name], wait_until="networkidle")
    assert answer is not None
    assert answer.status == 200
    expect(seen.page.locator(WHOLE.get(name, "h1"))).to_be_visible()
    assert seen.axe() == ""
    assert seen.overflow() <= 0


@pytest.mark.parametrize("look", LOOKS)
def test_the_narrowest_screen_scrolls_one_way_only(demo: Demo, visit: Open, look: str) -> None:
    """320 pixels: what 1280 are at four times their size (WCAG 1.4.10)."""
    seen = visit(look)
    seen.page.set_viewport_size({"width": 320, "height": 800})
    for name in ("wallet", "activity"):
        seen.page.goto(demo.pages[name])
        assert seen.overflow() <= 0, name


@pytest.mark.parametrize("name", ["wallet", "activity"])
def test_the_keyboard_skips_to_the_page(demo: Demo, visit: Open, name: str) -> None:
    seen = visit()
    seen.page.goto(demo.pages[name])
    seen.page.keyboard.press("Tab")
    skip = seen.page.locator("a.skip-link")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()
    seen.page.keyboard.press("Enter")
    expect(seen.page).to_have_url(re.compile("#main$"))
    seen.page.keyboard.press("Tab")
    assert seen.page.evaluate("document.activeElement.closest('main') !== null")


def test_all_of_it_works_without_scripts(demo: Demo, visit: Open) -> None:
    seen = visit(java_script_enabled=False)
    seen.page.goto(demo.portal_url)
    expect(seen.page.get_by_role("heading", level=1)).to_be_visible()
    seen.page.get_by_role("main").get_by_role("link", name=re.compile("activity", re.IGNORECASE)).first.click()
    expect(seen.page).to_have_url(re.compile("/activity"))
    first = seen.page.locator("main").inner_text()
    seen.page.get_by_role("link", name=re.compile("older|earlier", re.IGNORECASE)).click()
    expect(seen.page).to_have_url(re.compile("before="))
    assert seen.page.locator("main").inner_text() != first
    seen.page.get_by_role("button", name="Dark").click()
    expect(seen.page.locator("html")).to_have_attribute("data-bs-theme", "dark")


def test_a_chosen_look_is_kept(demo: Demo, visit: Open) -> None:
    """Whatever the system says; and it is as readable as the system's own."""
    seen = visit("dark")
    seen.page.goto(demo.portal_url)
    seen.page.get_by_role("button", name="Light").click()
    expect(seen.page.locator("html")).to_have_attribute("data-bs-theme", "light")
    seen.page.goto(demo.pages["activity"])
    expect(seen.page.locator("html")).to_have_attribute("data-bs-theme", "light")
    assert seen.axe() == ""


def test_what_was_spent_meanwhile_is_on_the_page(demo: Demo, visit: Open) -> None:
    seen = visit()
    customer = "team_browser"
    assert demo.ask("PUT", f"/v1/customers/{customer}", json={"name": "Team Browser"}).status_code == 201
    for path, body in (("grants", {"credits": 100, "reason": "Welcome"}), ("spends", {"credits": 30})):
        answer = demo.ask("POST", f"/v1/customers/{customer}/{path}", json=body, headers={"Idempotency-Key": path})
        assert answer.status_code == 201, answer.text
    link = demo.ask("POST", f"/v1/customers/{customer}/portal-links", json={}).json()["url"]
    seen.page.goto(link)
    expect(seen.page.get_by_role("main")).to_contain_text("70")
    assert seen.axe() == ""
