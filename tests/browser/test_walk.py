"""The walk that the demo's first page proposes, by clicking only: all of it with JavaScript and without."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import time
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.browsing import Demo, Reader, reader, served

pytestmark = pytest.mark.e2e

PAYS, DECLINED = "4242 4242 4242 4242", "4000 0000 0000 0002"


@pytest.mark.parametrize("look", ["light", "phone-dark"])
def test_a_newcomers_walk(browser: Browser, tmp_path: Path, look: str) -> None:
    """Without JavaScript on a phone, with it at a desk."""
    with served(tmp_path) as demo:
        with reader(browser, demo, look, javascript=look == "light") as one:
            page = one.open(demo.url)
            looks = [] if look != "light" else [one]  # axe is a script, too
            subscribe(page, looks)
            spend(demo, page)
            top_up(demo, page, looks)
            a_month_and_two_days(demo, page)
        before = books(demo)
        demo.stop()
        demo.start()
        assert books(demo) == before, "everything is still there"


def subscribe(page: Page, looks: list[Reader]) -> None:
    page.get_by_role("link", name="Subscribe Juniper & Daughters to a plan").click()
    page.get_by_role("button", name="Subscribe to Basic").click()
    look(looks, page)
    pay(page, DECLINED)
    expect(page.get_by_role("alert")).to_contain_text("Nothing was charged")
    look(looks, page)
    pay(page, PAYS)
    expect(page.locator("main")).to_contain_text("1,000")
    look(looks, page)


def pay(page: Page, card: str) -> None:
    page.get_by_label("Card number").fill(card)
    page.locator("main button.main").click()


def spend(demo: Demo, page: Page) -> None:
    """The line that the demo's page shows, in a shell, twice: it takes once."""
    page.goto(demo.url)
    line = page.locator("code").first.inner_text()
    answers = [subprocess.run(shlex.split(line), capture_output=True, timeout=20, check=True).stdout for _ in (1, 2)]
    first, again = map(json.loads, answers)
    assert first == again
    assert (first["credits"], first["available"]) == (150, 850)


def top_up(demo: Demo, page: Page, looks: list[Reader]) -> None:
    page.get_by_role("link", name="Top up", exact=True).click()
    page.get_by_role("button", name=re.compile("Buy 1,000 credits")).click()
    page.get_by_role("link", name="Go back without paying").click()
    expect(page.locator("main")).to_contain_text(re.compile("nothing was charged", re.IGNORECASE))
    look(looks, page)
    page.goto(demo.url)
    page.get_by_role("link", name="Top up", exact=True).click()
    page.get_by_role("button", name=re.compile("Buy 1,000 credits")).click()
    page.get_by_label("Card number").fill(PAYS)
    page.locator("main button.main").click()
    paid = time.monotonic()
    expect(page.locator("main")).to_contain_text("1,850")
    assert time.monotonic() - paid < 5, "the balance is there when the buyer is back"
    look(looks, page)


def a_month_and_two_days(demo: Demo, page: Page) -> None:
    page.goto(demo.kept["sandbox_url"] + "/_sandbox/")
    page.get_by_role("button", name="A month and two days later").click()
    page.goto(demo.url)
    row = page.get_by_role("row").filter(has_text="Juniper")
    expect(row).to_contain_text("2,000")  # the pack and the new month: the old month's 850 have expired
    row.get_by_role("link").click()
    expect(page.locator("main")).to_contain_text("Expired")


def look(looks: list[Reader], page: Page) -> None:
    for one in looks:
        one.look(page)


def books(demo: Demo) -> dict[str, object]:
    """What the interface says of everybody, but for the time that goes on."""
    import requests

    ask = {"headers": {"Authorization": f"Bearer {demo.kept['api_key']}"}, "timeout": 20}
    found: dict[str, object] = {}
    for customer in demo.kept["customers"]:
        path = f"{demo.url}/v1/customers/{customer}"
        entries = requests.get(f"{path}/entries", **ask).json()["data"]  # type: ignore[arg-type]
        topups = requests.get(f"{path}/topups", **ask).json()["data"]  # type: ignore[arg-type]
        found[customer] = (entries, topups)
    return found
