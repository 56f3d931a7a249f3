"""Somebody who subscribes and changes their mind, at Stripe or here; their time goes on for both."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from billing.catalog.loading import parse
from tests.buying.shop import Shop
from tests.stories.story import moment

CATALOG = parse("""
[units.images]

[plans.basic]
name = "Basic"
credits = 100
prices = ["basic_monthly", "basic_yearly"]

[plans.pro]
name = "Pro"
credits = 250
prices = ["pro_yearly", "pro_monthly"]

[plans.slim]
name = "Slim"
credits = 60
prices = ["slim_monthly"]

[plans.later]
name = "Later"
credits = 400
prices = ["later_monthly"]
on_upgrade = "next_period"

[plans.pictures]
name = "Pictures"
credits = 30
unit = "images"
prices = ["pictures_monthly"]

[plans.free]
name = "Free"
credits = 5

[plans.sketches]
name = "Sketches"
credits = 2
unit = "images"
""")

PRICES = (
    ("basic_monthly", 1_000, "month"),
    ("basic_yearly", 10_000, "year"),
    ("pro_monthly", 2_000, "month"),
    ("pro_yearly", 20_000, "year"),
    ("slim_monthly", 1_000, "month"),
    ("later_monthly", 3_000, "month"),
    ("pictures_monthly", 700, "month"),
    ("server_monthly", 400, "month"),
)

START, MAY = moment("1 Apr 00:00"), moment("1 May 00:00")


class Subscriber:
    """A customer who subscribes and changes their mind, at Stripe."""

    def __init__(self, shop: Shop, prices: Sequence[tuple[str, int, str]] = PRICES) -> None:
        self.shop, self.v1 = shop, shop.stripe.v1
        product = self.v1.products.create({"name": "All of it"}).id
        self.prices = {key: self._price(product, key, cents, interval) for key, cents, interval in prices}
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

    def _price(self, product: str, key: str, cents: int, interval: Any) -> str:
        wanted: Any = {
            "product": product, "currency": "usd", "unit_amount": cents, "lookup_key": key,
            "recurring": {"interval": interval},
        }  # fmt: skip
        return self.v1.prices.create(wanted).id
