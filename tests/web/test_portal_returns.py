"""What the customer's page and support's `why` say of money that went back, of disputes, and of a smaller plan."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from billing.testing import TestBilling
from tests.cli.test_why import explained
from tests.sales.paid import APRIL
from tests.sales.returning import Money
from tests.sales.test_changes import CATALOG, basic, changes
from tests.sales.told import Told
from tests.web.service import service_on
from tests.web.test_portal import link

pytestmark = pytest.mark.quick_on("sqlite")

WHAT = re.compile(r'class="what">(.*?)(?:<span class="more">(.*?)</span>)?</td>', re.DOTALL)


def test_each_says_why(make_billing: Callable[..., TestBilling]) -> None:
    story = Told(make_billing(catalog=CATALOG, start=APRIL))
    money = Money(story.billing)
    basic(story)
    story.at("16 Apr 00:00").paid(changes("16 Apr 00:00", ("price_basic", -500), ("price_pro", 1_250), id="up"))
    story.at("16 Apr 00:01").paid(changes("16 Apr 00:01", ("price_pro", -1_250), ("price_basic", 500), id="down"))
    story.at("17 Apr 00:00")
    money.invoice("pi_1", "i1", 1_000)
    money.dispute("du_1", 500)
    story.at("18 Apr 00:00")
    money.becomes("du_1", "lost")
    story.at("19 Apr 00:00")
    money.becomes("du_1", "lost", withdrawn_cents=0)
    story.at("20 Apr 00:00").spend(100)
    money.refund("re_1", 300)
    service = service_on(story.billing)
    page = service.client.get(link(service, customer="team")).text
    said = [(" ".join(what.split()), more) for what, more in WHAT.findall(page)]
    month, pro = "Basic plan, April 2025", "Change to Pro plan, 16 Apr 2025 – 1 May 2025"
    assert said == [
        ("Owed: its payment went back after it was used", ""),
        ("Used", ""),
        ("There again: its payment did not go back after all", month),
        ("No longer set aside", month),
        ("Taken back: its payment went back", month),
        ("Set aside: its payment may go back", month),
        ("Taken back: the plan was changed", pro),
        (pro, ""),
    ]
    assert [step.what for step in explained(story.billing).steps][2:] == [
        f"Taken back, as the plan was changed, 75 of {pro}; $7.50 of what was paid for {pro} were credited",
        f"Set aside 50 in {month}",
        f"Taken back, as its payment went back, 50 of {month}; No longer set aside 50 in {month}",
        f"There again, as its payment did not go back after all, 50 of {month}",
        f"Spent 100 from {month}",
        "Owed, as its payment went back after it was used, 30 of the overdraft",
    ]


def test_a_plan_that_is_not_paid_or_paused(make_billing: Callable[..., TestBilling]) -> None:
    story = Told(make_billing(catalog=CATALOG, start=APRIL))
    basic(story)
    service = service_on(story.billing)
    for day, (status, says) in enumerate(
        [("past_due", "last payment did not go through"), ("paused", "Your plan is paused."), ("active", "")], start=2
    ):
        story.at(f"{day} Apr 00:00").subscription(status=status)
        page = service.client.get(link(service, customer="team")).text
        assert ("Look after your plan" in page) == bool(says) and says in page, status
