"""Subscriptions that change at Stripe: the wallet follows what was paid, through the sandbox and the real SDK."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from billing.catalog.loading import parse
from billing.testing import TestBilling
from tests.buying.shop import open_shop
from tests.buying.subscriber import Subscriber
from tests.sandbox.serving import Watch
from tests.stories.story import moment

pytestmark = pytest.mark.quick_on("sqlite")

CATALOG = parse("""
[plans.basic]
name = "Basic"
credits = 100
prices = ["basic_monthly", "basic_yearly"]

[plans.pro]
name = "Pro"
credits = 250
prices = ["pro_monthly"]

[plans.try]
name = "Try"
credits = 100
prices = ["try_monthly"]
trial_credits = 30
""")

PRICES = (
    ("basic_monthly", 1_000, "month"),
    ("basic_yearly", 10_000, "year"),
    ("pro_monthly", 2_000, "month"),
    ("try_monthly", 1_000, "month"),
)

START = moment("1 Apr 00:00")


@pytest.fixture
def subscriber(make_billing: Callable[..., TestBilling], tmp_path: Path, watch: Watch) -> Iterator[Subscriber]:
    with open_shop(make_billing, tmp_path, watch, start=START, catalog=CATALOG) as shop:
        yield Subscriber(shop, PRICES)


def test_up_and_down_and_away(subscriber: Subscriber) -> None:
    shop = subscriber.shop
    subscriber.subscribe("basic_monthly")
    assert shop.available() == 100
    subscriber.until("11 Apr 00:00")
    subscriber.change("pro_monthly")
    assert shop.available() == 200
    subscriber.until("16 Apr 00:00")
    subscriber.change("basic_monthly")
    assert shop.available() == 125
    subscriber.until("21 Apr 00:00")
    subscriber.v1.subscriptions.cancel(subscriber.subscription.id, {"prorate": True, "invoice_now": True})
    subscriber.hear()
    assert shop.available() == 125 - 34
    assert shop.billing.audit() == []


@pytest.mark.slow
def test_a_trial_and_a_change_at_the_renewal(subscriber: Subscriber) -> None:
    """The trial's credits end a day after it; what was changed without an invoice of its own comes with the next."""
    shop = subscriber.shop
    subscriber.subscribe("try_monthly", trial_period_days=14)
    assert shop.available() == 30
    subscriber.until("15 Apr 02:00")
    assert shop.available() == 130
    subscriber.until("16 Apr 00:00")
    assert shop.available() == 100
    subscriber.until("30 Apr 00:00")
    subscriber.change("pro_monthly", proration_behavior="create_prorations")
    assert shop.available() == 100
    subscriber.until("15 May 02:00")
    assert shop.available() == 100 + 75 + 250
    assert shop.billing.audit() == []


@pytest.mark.slow
def test_a_year_with_a_second_seat_that_ends(subscriber: Subscriber) -> None:
    shop = subscriber.shop
    subscriber.subscribe("basic_yearly")
    assert shop.available() == 100
    subscriber.until("1 May 00:00")
    assert shop.available() == 200
    subscriber.until("16 May 12:00")
    subscriber.change("basic_yearly", quantity=2)
    assert shop.available() == 150
    subscriber.until("1 Jun 12:00")
    assert shop.available() == 150 + 200
    subscriber.until("3 Jun 00:00")
    subscriber.v1.subscriptions.cancel(subscriber.subscription.id)
    subscriber.hear()
    subscriber.until("10 Jul 00:00")
    assert shop.available() == 0
    assert shop.billing.audit() == []


@pytest.mark.slow
def test_from_the_month_to_the_year(subscriber: Subscriber) -> None:
    shop = subscriber.shop
    subscriber.subscribe("basic_monthly")
    subscriber.until("11 Apr 00:00")
    subscriber.change("basic_yearly", billing_cycle_anchor={"type": "now"})
    assert shop.available() == 100
    subscriber.until("12 May 00:00")
    assert shop.available() == 100
    assert shop.billing.audit() == []
