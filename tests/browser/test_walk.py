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
from tests.browser.places import sign_in

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
            pay_later(demo, page, looks)
            upgrade(demo, page, looks)
            refund(demo, page, looks)
            dispute_and_win(demo, page, looks)
            a_month_and_two_days(demo, page)
            what_finance_sees(demo, page)
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


def pay_later(demo: Demo, page: Page, looks: list[Reader]) -> None:
    """So many credits as one likes, for less by a code, from a bank that takes days."""
    page.goto(demo.url)
    page.get_by_role("link", name="Top up", exact=True).click()
    page.get_by_label("How many, 500 to 50,000").fill("2000")
    page.get_by_role("button", name="See the price").click()
    page.get_by_role("button", name=re.compile("Buy 2,000 credits for \\$50.00")).click()
    page.get_by_label("Promotion code").fill("WELCOME20")
    page.get_by_role("button", name="Apply").click()
    expect(page.locator(".amount")).to_have_text("$40.00")
    look(looks, page)
    page.get_by_role("button", name="Pay later, from a bank account").click()
    expect(page.locator("main")).to_contain_text("Your payment is on its way")
    look(looks, page)
    page.get_by_role("link", name="To your wallet").click()
    expect(page.locator("main")).to_contain_text("2,000 credits are on their way.")
    assert available(page) == 1850
    payments(demo, page)
    look(looks, page)
    page.get_by_role("button", name="It arrives").click()
    follows(demo, page, 3850)


def upgrade(demo: Demo, page: Page, looks: list[Reader]) -> None:
    """On the page of plans: what is left of the month is paid, its credits come at once; down and away is undone. At
    Stripe's customer portal it is cancelled and kept as well.
    """
    page.goto(demo.url)
    page.get_by_role("link", name="page of plans").click()
    look(looks, page)
    page.get_by_role("link", name="Change to Pro", exact=True).click()
    expect(page.locator("main")).to_contain_text("+")
    look(looks, page)
    page.get_by_role("button", name="Change to Pro", exact=True).click()
    expect(page.get_by_role("status")).to_contain_text("Your plan has changed")
    expect(page.locator("main")).to_contain_text("You are on the Pro plan, which renews on")
    look(looks, page)
    page.get_by_role("link", name="Change to Basic", exact=True).click()
    look(looks, page)
    page.get_by_role("button", name="Change to Basic", exact=True).click()
    expect(page.locator("main")).to_contain_text("it changes to Basic")
    look(looks, page)
    page.get_by_role("button", name="Undo the change").click()
    page.get_by_role("link", name="Cancel plan").click()
    look(looks, page)
    page.get_by_role("button", name="Cancel my plan").click()
    expect(page.locator("main")).to_contain_text("which ends on")
    look(looks, page)
    page.get_by_role("button", name="Keep my plan").click()
    expect(page.locator("main")).to_contain_text("You are on the Pro plan, which renews on")
    page.get_by_role("button", name="Manage subscription").click()
    page.get_by_role("button", name="Cancel the subscription").click()
    expect(page.locator("main")).to_contain_text("Ends on")
    page.get_by_role("button", name="Don’t cancel").click()
    expect(page.locator("main")).to_contain_text("Renews on")
    page.get_by_role("link", name="Go back").click()
    expect(page.locator("main")).to_contain_text("You are on the Pro plan, which renews on")
    look(looks, page)
    follows(demo, page, 7849)  # a minute of the month has passed: 3,999 of the 4,000 more


def refund(demo: Demo, page: Page, looks: list[Reader]) -> None:
    """The pack, by half and then by the rest."""
    payments(demo, page)
    paid = page.get_by_role("region", name="$25.00 by Juniper & Daughters")
    paid.get_by_label("Refund").fill("1250")
    paid.get_by_role("button", name="Refund").click()
    expect(paid).to_contain_text("$12.50 refunded")
    look(looks, page)
    follows(demo, page, 7349)
    payments(demo, page)
    paid.get_by_role("button", name="Refund").click()
    follows(demo, page, 6849)
    expect(page.locator("main")).to_contain_text("Taken back: its payment went back")
    look(looks, page)


def dispute_and_win(demo: Demo, page: Page, looks: list[Reader]) -> None:
    """What the month has brought is set aside until the bank has decided."""
    payments(demo, page)
    paid = page.get_by_role("region", name="$19.00 by Juniper & Daughters")
    paid.get_by_role("button", name="Chargeback").click()
    expect(paid).to_contain_text("needs response")
    look(looks, page)
    follows(demo, page, 5999)
    look(looks, page)
    payments(demo, page)
    paid.get_by_role("button", name="Win it").click()
    expect(paid).to_contain_text("won")
    follows(demo, page, 6849)


def payments(demo: Demo, page: Page) -> None:
    """Stripe's side of it, by the link at the top of the demo's pages."""
    page.goto(demo.url)
    page.get_by_role("link", name="Payments at Stripe").click()


def follows(demo: Demo, page: Page, credits: int) -> None:
    """Within a second the wallet shows it; a busy machine is given three."""
    acted = time.monotonic()
    page.goto(demo.url)
    page.get_by_role("row").filter(has_text="Juniper").get_by_role("link").click()
    while available(page) != credits:
        assert time.monotonic() - acted < 3, f"{available(page)}, not {credits}"
        page.reload()


def available(page: Page) -> int:
    return int(page.locator(".big").inner_text().replace(",", ""))


def a_month_and_two_days(demo: Demo, page: Page) -> None:
    page.goto(demo.kept["sandbox_url"] + "/_sandbox/")
    page.get_by_role("button", name="A month and two days later").click()
    page.goto(demo.url)
    row = page.get_by_role("row").filter(has_text="Juniper")
    expect(row).to_contain_text("8,000")  # what was bought, the new month, and of the old one what rolls over
    row.get_by_role("link").click()
    expect(page.locator("main")).to_contain_text("Rolled over from")
    expect(page.locator("main")).to_contain_text("Expired")


def what_finance_sees(demo: Demo, page: Page) -> None:
    """After all of it Stripe, the credits and the books agree, in the month of the walk and in the next."""
    sign_in(page, demo)
    expect(page.locator("main")).to_contain_text("team_juniper")
    for month in ("next", "own"):
        page.get_by_role("link", name="Reconciliation").click()
        if month == "own":
            page.get_by_role("link", name="Earlier").click()
        page.get_by_role("link", name="Ask Stripe").click()
        sums = page.get_by_role("row").filter(has_text="USD")
        expect(sums).to_contain_text("ties")
        expect(page.locator("main")).not_to_contain_text("team_juniper")


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
