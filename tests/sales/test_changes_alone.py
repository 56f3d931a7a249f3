"""Upgrades that are paid in a period that was never granted here: before our time, voided, not mapped, or paid later.
They bring the difference, which is what was paid for.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest

from billing.catalog.loading import parse
from billing.testing import TestBilling
from tests.sales.paid import APRIL, MAY, Json, invoice, line, tell
from tests.sales.test_changes import CATALOG, CATALOG_TEXT, NEXT_YEAR, UP, changes, part
from tests.sales.test_changes_order import Stripe, _named, ended
from tests.sales.told import Told
from tests.stories.story import moment

pytestmark = pytest.mark.quick_on("sqlite")

UNPAID = [
    changes("11 Apr 00:00", *UP, id="i1"),
    changes("13 Apr 00:00", ("price_pro", -1_200), ("price_basic", 600), id="i2"),
    changes("14 Apr 00:00", ("price_basic", -567), ("price_pro", 1_133), id="i3"),
    invoice(line("price_basic", 1_000, APRIL, MAY), paid="16 Apr 00:00", id="i4", total=1_000),
]
"""The period's own invoice is paid last: it was uncollectible, or its bank was slow."""


@pytest.fixture
def story(make_billing: Callable[..., TestBilling]) -> Told:
    return Told(make_billing(catalog=CATALOG, start=moment("11 Apr 00:00")))


def test_up_down_and_up_again_mints_nothing(story: Told) -> None:
    story.paid(UNPAID[0]).shows("100 · 0 · 0", "666 · 0 · 0").ends(change="2 May 00:00")
    story.at("13 Apr 00:00").paid(UNPAID[1]).shows("10 · 0 · 0", "66 · 0 · 0 · 0 · 600")
    story.at("14 Apr 00:00").paid(UNPAID[2]).shows("95 · 0 · 0", "632 · 0 · 0 · 0 · 600")
    story.at("16 Apr 00:00").paid(UNPAID[3]).shows("195 · 0 · 0", "1,632 · 0 · 0 · 0 · 600")
    assert story.billing.audit() == []


def test_below_what_there_was_takes_what_was_brought_here_and_no_more(story: Told) -> None:
    story.paid(UNPAID[0]).at("13 Apr 00:00").spend(30)
    removed = changes("13 Apr 00:00", ("price_pro", -1_200))
    story.paid(removed).shows("0 · 0 · 30", "0 · -534 · 0 · 0 · 1,200")
    assert story.billing.audit() == []


@pytest.mark.parametrize("late", [False, True], ids=["paid in time", "paid late"])
def test_in_every_order(make_billing: Callable[..., TestBilling], late: bool) -> None:
    told = UNPAID if late else [invoice(line("price_basic", 1_000, APRIL, MAY), paid=APRIL, id="i4"), *UNPAID[:3]]
    billing = make_billing(catalog=CATALOG, start=moment("17 Apr 00:00"))
    found = []
    orders = list(itertools.permutations(range(4)))[:: 1 if late else 5]
    for number, order in enumerate(orders):
        customer = f"x{number}"
        billing.customer(customer, stripe_customer_id=f"cus_1{customer}")
        stripe = Stripe([_named(held, customer) for held in told])
        for at in (*order, *order):
            stripe.tell(billing, stripe.invoices[at])
        found.append(ended(billing, customer, customer))
    for order, state in zip(orders, found, strict=True):
        assert state == found[0], order


def test_the_months_to_come_of_a_year(story: Told) -> None:
    """Counted back from its end, for its start is not known."""
    up = changes("16 Apr 00:00", ("price_yearly", -7_123), ("price_pro", 17_808), end=NEXT_YEAR)
    story.at("16 Apr 00:00").paid(up).shows("75 · 0 · 0", "10,685 · 0 · 0")
    story.at("1 May 00:00").shows("225 · 0 · 0", "10,685 · 0 · 0")
    story.at("2 May 00:00").shows("150 · 0 · 0", "10,057 · 0 · 628")


def test_the_new_plans_terms_hold(make_billing: Callable[..., TestBilling]) -> None:
    catalog = parse(CATALOG_TEXT.replace('["price_pro"]', '["price_pro"]\noverdraft = { limit = 20, debt = "carry" }'))
    story = Told(make_billing(catalog=catalog, start=moment("11 Apr 00:00"))).paid(UNPAID[0])
    story.spend(110).shows("0 · 0 · 10", "0 · 666 · 0")
    story.at("16 Apr 00:00").paid(UNPAID[3]).spend(105).shows("0 · 0 · 15", "0 · 1,666 · 0")


def test_before_our_time(make_billing: Callable[..., TestBilling]) -> None:
    """The account was connected in mid-period."""
    billing: Any = make_billing(catalog=CATALOG, start=moment("11 Apr 00:00"), stripe_start=moment("5 Apr 00:00"))
    story = Told(billing)
    story.paid(invoice(line("price_basic", 1_000, APRIL, MAY), paid=APRIL)).shows("0 · 0 · 0", "0 · 0 · 0")
    story.paid(UNPAID[0]).shows("100 · 0 · 0", "666 · 0 · 0")


def test_another_period_begins_in_the_middle(story: Told) -> None:
    """What the upgrade brought ends there; what is given back of more than that waits for what it is of."""
    story.paid(UNPAID[0])
    when = "16 Apr 00:00"
    switch: Json = invoice(
        part("price_pro", -1_000, when), line("price_yearly", 10_000, when, "16 Apr 2026 00:00"), paid=when
    )
    story.at(when).paid(switch).shows("100 · 0 · 0", "10,000 · -334 · 0 · 0 · 1,000")


def test_money_back_alone_waits(story: Told) -> None:
    waits = tell(story.billing, changes("13 Apr 00:00", ("price_pro", -1_200), ("price_basic", 600)))
    assert waits.status == "waiting"
    assert "never granted here" in (waits.reason or "")
