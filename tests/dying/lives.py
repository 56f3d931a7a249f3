"""Lives at Stripe in which every kind of event comes: told one by one, each first where processes die of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from billing.catalog.loading import parse
from tests.buying.shop import Shop
from tests.dying.dying import Found, Scene, play
from tests.sales.paid import Json
from tests.stories.story import moment

START = moment("1 Apr 00:00")

CATALOG = parse("""
[plans.basic]
name = "Basic"
credits = 100
prices = ["basic_monthly"]
at_period_end = { roll_over = { max = 60, periods = 1 } }

[plans.pro]
name = "Pro"
credits = 250
prices = ["pro_monthly"]

[plans.yearly]
name = "Yearly"
credits = 100
prices = ["yearly"]

[packs.small]
name = "Small"
credits = 100
prices = { usd = 1000 }
valid_for = "40 days"
""")
PRICES = (("basic_monthly", 1_000, "month"), ("pro_monthly", 2_000, "month"), ("yearly", 10_000, "year"))
TEAM, BACK = "team", "https://app.example.com/back"


@dataclass
class Stage:
    """A shop whose engine hears nothing by itself, and processes that die beside it, each on a copy of its books."""

    shop: Shop
    url: str
    pool: ProcessPoolExecutor
    every: int
    found: list[Future[Found]] = field(default_factory=list)
    _seen: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.shop.events = False
        self.v1 = self.shop.stripe.v1
        product = self.v1.products.create({"name": "All of it"}).id
        self.prices = {
            key: self.v1.prices.create(
                {"product": product, "currency": "usd", "unit_amount": cents, "lookup_key": key,
                 "recurring": {"interval": interval}}
            ).id
            for key, cents, interval in PRICES
        }  # fmt: skip
        self.customer = self.v1.customers.create({"metadata": {"billing_customer": TEAM}}).id
        self.shop.billing.customer(TEAM, stripe_customer_id=self.customer)
        method = self.v1.payment_methods.attach("pm_card_visa", {"customer": self.customer})
        self.v1.customers.update(self.customer, {"invoice_settings": {"default_payment_method": method.id}})
        self.tell(self.news())

    def news(self) -> list[Json]:
        """What happened at Stripe since it was asked last."""
        with self.shop.sandbox.store.transaction() as rows:
            found = [json.loads(row["body"]) for row in rows.run("SELECT body FROM events ORDER BY seq")]
        new = [event for event in found if event["id"] not in self._seen]
        self._seen |= {event["id"] for event in new}
        return new

    def tell(self, events: list[Json]) -> None:
        for event in events:
            self.shop.billing.take_stripe_event(_body(event))

    def told(self, name: str, *types: str) -> None:
        """Dies of what has just happened: of the events of these types, first one and then the other. All of it is told
        afterwards.
        """
        news = self.news()
        events = [event for kind in types for event in news if event["type"] == kind]
        assert {event["type"] for event in events} == set(types), f"{name}: {[event['type'] for event in news]}"
        self.dies(name, tuple(_body(event) for event in events))
        self.tell(news)
        self.shop.finish()

    def due(self, name: str, at: datetime) -> None:
        """Dies of what is due by then."""
        self._move(at)
        self.dies(name, ())
        while self.shop.billing.catch_up():
            pass

    def dies(self, name: str, told: tuple[bytes, ...]) -> None:
        billing = self.shop.billing
        scene = Scene(name, self.url, self.shop.sandbox.url, billing.now, billing.catalog, told)
        billing.database.engine.dispose()  # last of all: while somebody is connected it can't be copied
        self.found.append(self.pool.submit(play, scene, self.every))
        self.found[-1].result()

    def until(self, at: datetime) -> None:
        """Time goes on without a death."""
        self._move(at)
        while self.shop.billing.catch_up():
            pass

    def _move(self, at: datetime) -> None:
        self.shop.sandbox.advance(at, self.shop.billing.clock.move)
        self.shop.billing.clock.move(at)

    def buy(self, key: str) -> str:
        return str(self.shop.billing.topup(TEAM, "small", key=key, success_url=BACK).session)

    def payment(self, session: str) -> str:
        return str(self.v1.checkout.sessions.retrieve(session).payment_intent)

    def subscribe(self, price: str) -> None:
        params: Any = {"customer": self.customer, "items": [{"price": self.prices[price]}]}
        self.subscription = self.v1.subscriptions.create(params)

    def change(self, price: str) -> None:
        item = self.v1.subscriptions.retrieve(self.subscription.id).items.data[0]
        items = [{"id": item.id, "price": self.prices[price]}]
        params: Any = {"items": items, "proration_behavior": "always_invoice"}
        self.v1.subscriptions.update(self.subscription.id, params)


def _body(event: Json) -> bytes:
    return json.dumps(event | {"pending_webhooks": 1}).encode()


def money(stage: Stage) -> None:
    """Top-ups at once, late and never; refunds that succeed, wait and fail; disputes won and lost; a customer gone."""
    shop, dashboard = stage.shop, stage.shop.sandbox.dashboard
    first = stage.buy("first")
    shop.pay(first)
    stage.told("paid at once", "checkout.session.completed")
    late, never = stage.buy("late"), stage.buy("never")
    shop.sandbox.pay_later(late)
    stage.told("paid later", "checkout.session.completed")
    shop.sandbox.pay_later(never)
    stage.tell(stage.news())
    shop.sandbox.arrive(never, fails=True)
    stage.told("never arrived", "checkout.session.async_payment_failed")
    shop.sandbox.arrive(late)
    stage.told("arrived", "checkout.session.async_payment_succeeded")
    shop.billing.spend(TEAM, 130, key="spend")
    waits = dashboard.refund(stage.payment(first), 400, status="pending", fails=True)["id"]
    stage.told("refund waits", "refund.created")
    dashboard.settle_refund(waits, "fail")
    stage.told("refund fails", "refund.failed")
    dashboard.refund(stage.payment(first), 700)
    stage.told("refund of what was spent", "refund.created", "charge.refunded")
    third = stage.buy("third")
    shop.pay(third)
    stage.tell(stage.news())
    asked = dashboard.dispute(stage.payment(third), amount=600)["id"]
    stage.told("dispute", "charge.dispute.created", "charge.dispute.funds_withdrawn")
    dashboard.judge(asked, "win")
    stage.told("dispute won", "charge.dispute.closed", "charge.dispute.funds_reinstated")
    second = stage.buy("second")
    shop.pay(second)
    stage.tell(stage.news())
    lost = dashboard.dispute(stage.payment(second))["id"]
    stage.tell(stage.news())
    dashboard.judge(lost, "lose")
    stage.told("dispute lost", "charge.dispute.closed")
    dashboard.delete_customer(stage.customer)
    stage.told("customer deleted", "customer.deleted")


def months(stage: Stage) -> None:
    """A month, more, less with money back, a credit note, the end; and what the calendar brings in between."""
    stage.shop.pay(stage.buy("pack"))
    stage.tell(stage.news())
    stage.subscribe("basic_monthly")
    stage.told("a month", "invoice.paid", "customer.subscription.created")
    stage.shop.billing.spend(TEAM, 30, key="spend")
    stage.until(START + timedelta(days=30, hours=2))
    stage.told("the next month", "invoice.paid")
    stage.due("rolls over", START + timedelta(days=32))
    stage.until(START + timedelta(days=35))
    stage.change("pro_monthly")
    stage.told("upgrade", "invoice.paid", "customer.subscription.updated")
    stage.shop.billing.spend(TEAM, 40, key="more")
    stage.until(START + timedelta(days=39))
    stage.change("basic_monthly")
    stage.told("downgrade", "invoice.paid", "customer.subscription.updated")
    upgrade = stage.v1.invoices.list({"customer": stage.customer, "limit": 3}).data[1]
    params: Any = {"invoice": upgrade.id, "amount": 200, "refund_amount": 200}
    stage.v1.credit_notes.create(params)
    stage.told("credit note", "credit_note.created", "refund.created")
    stage.due("a pack ends", START + timedelta(days=41))
    stage.v1.subscriptions.cancel(stage.subscription.id, {"prorate": True, "invoice_now": True})
    stage.told("the last invoice", "invoice.paid", "customer.subscription.deleted")


def year(stage: Stage) -> None:
    """A year, two months of which are due at once with the end of a pack; more seats; the end before its time."""
    stage.shop.pay(stage.buy("pack"))
    stage.tell(stage.news())
    stage.subscribe("yearly")
    stage.told("a year", "invoice.paid", "customer.subscription.created")
    stage.shop.billing.spend(TEAM, 30, key="spend")
    stage.due("months and an end", START + timedelta(days=62))
    item = stage.v1.subscriptions.retrieve(stage.subscription.id).items.data[0]
    params: Any = {"items": [{"id": item.id, "quantity": 2}], "proration_behavior": "always_invoice"}
    stage.v1.subscriptions.update(stage.subscription.id, params)
    stage.told("a second seat", "invoice.paid")
    stage.v1.subscriptions.cancel(stage.subscription.id)
    stage.told("the year is ended", "customer.subscription.deleted")


def quickly(stage: Stage) -> None:
    """The least of it."""
    stage.shop.pay(stage.buy("pack"))
    stage.told("paid", "checkout.session.completed")


LIVES: dict[str, Callable[[Stage], None]] = {"money": money, "months": months, "year": year}
