"""Subscriptions that change at Stripe: the wallet follows what was paid, through the sandbox and the real SDK."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from billing.catalog.loading import parse
from billing.testing import TestBilling
from tests.buying.shop import Shop, open_shop
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

START = moment("1 Apr 00:00")


class Subscriber:
    """A customer who subscribes and changes their mind, at Stripe."""

    def __init__(self, shop: Shop) -> None:
        self.shop, self.v1 = shop, shop.stripe.v1
        product = self.v1.products.create({"name": "All of it"}).id
        self.prices = {
            key: self.v1.prices.create(
                {"product": product, "currency": "usd", "unit_amount": cents, "lookup_key": key,
                 "recurring": {"interval": interval}}
            ).id
            for key, cents, interval in (
                ("basic_monthly", 1_000, "month"), ("basic_yearly", 10_000, "year"),
                ("pro_monthly", 2_000, "month"), ("try_monthly", 1_000, "month"),
            )
        }  # fmt: skip
        self.customer = self.v1.customers.create({"metadata": {"billing_customer": "team"}}).id
        shop.billing.customer("team", stripe_customer_id=self.customer)
        method = self.v1.payment_methods.attach("pm_card_visa", {"customer": self.customer})
        self.v1.customers.update(self.customer, {"invoice_settings": {"default_payment_method": method.id}})
        self.subscription: Any = None

    def subscribe(self, price: str, **more: Any) -> None:
        params: Any = {"customer": self.customer, "items": [{"price": self.prices[price]}], **more}
        self.subscription = self.v1.subscriptions.create(params)
        self.hear()

    def change(self, price: str, quantity: int = 1, **more: Any) -> None:
        item = self.v1.subscriptions.retrieve(self.subscription.id).items.data[0]
        items = [{"id": item.id, "price": self.prices[price], "quantity": quantity}]
        params: Any = {"items": items, "proration_behavior": "always_invoice", **more}
        self.v1.subscriptions.update(self.subscription.id, params)
        self.hear()

    def until(self, when: str | datetime) -> None:
        to = moment(when) if isinstance(when, str) else when
        self.shop.sandbox.advance(to, self.shop.billing.clock.move)
        self.shop.billing.clock.move(to)
        self.hear()
        while self.shop.billing.catch_up():
            pass

    def hear(self) -> None:
        self.shop.sandbox.drain()


@pytest.fixture
def subscriber(make_billing: Callable[..., TestBilling], tmp_path: Path, watch: Watch) -> Iterator[Subscriber]:
    with open_shop(make_billing, tmp_path, watch, start=START, catalog=CATALOG) as shop:
        yield Subscriber(shop)


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
