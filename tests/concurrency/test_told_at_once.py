"""Money that comes and goes back in several processes at the same instant ends as if one came after the other."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from billing import Billing
from billing.stripe.values import Dispute, Refund
from billing.testing import TestBilling
from tests.buying.shop import Shop, open_shop
from tests.concurrency.told_at_once import Books, Spend, Tell, at_once
from tests.sales import returning
from tests.sales.paid import APRIL, Json, body, event, session
from tests.sandbox.serving import Watch
from tests.stories.books import all_entries, books
from tests.stories.story import moment

ROUNDS = 4
NOW = moment("17 Apr 00:00")


@pytest.fixture
def here(fresh_database_url: str, auditor: Any) -> Books:
    auditor.catalog = returning.CATALOG
    return Books(fresh_database_url, returning.CATALOG, NOW)


def bought(billing: Billing, name: str) -> None:
    billing.customer(name, stripe_customer_id=f"cus_{name}")
    told = session(
        id=f"cs_{name}", payment_intent=f"pi_{name}", customer=f"cus_{name}", client_reference_id=name,
        metadata={"pack": "plain"},
    )  # fmt: skip
    assert billing.take_stripe_event(body(event(told, id=f"evt_cs_{name}"))).status == "done"


def finish(billing: Billing) -> None:
    """What was left to the step, and what waits for another, with the next attempt."""
    while billing.handle_stripe_events():
        pass
    list(billing.replay_failed_stripe_events())
    left = [(one.id, one.status, one.reason) for one in billing.stripe_events(limit=1000)
            if one.status not in ("done", "ignored")]  # fmt: skip
    assert left == []
    assert billing.audit() == []


def ending(billing: Billing, name: str) -> Any:
    wallet = billing.wallet(name)
    lots = sorted((one.granted, one.remaining, one.status) for one in billing.buckets(name))
    return (wallet.available, wallet.held, wallet.owed), tuple(books(all_entries(billing, name))), lots


def refund(name: str, id: str, cents: int, status: str = "succeeded") -> Json:
    held = Refund(f"re_{id}_{name}", None, f"pi_{name}", cents, "usd", status, NOW, {})
    return event(returning.refund_object(held), "refund.updated", id=f"evt_{id}_{status}_{name}")


def refunds_at_once(here: Books, rounds: int) -> None:
    billing = here.open()
    names = [f"team{number}" for number in range(rounds)]
    for name in names:
        bought(billing, name)
    told = [refund(name, "a", 300) for name in names]
    twins = [{**one, "id": one["id"] + "_twin"} for one in told]
    acts = [
        (Tell(body(one)), Tell(body(one)), Tell(body(twin)), Tell(body(refund(name, "b", 200))), Spend(name, 80))
        for name, one, twin in zip(names, told, twins, strict=True)
    ]
    found = at_once(here, acts)
    finish(billing)
    for name, answers in zip(names, found, strict=True):
        assert set(answers[:4]) <= {"done", "received"}, answers
        wallet, cents, _ = ending(billing, name)
        spent = answers[4] == "spent"
        assert spent or answers[4] == "refused", answers
        # Half went back: of what was spent before, thirty credits are owed for; or nothing could be spent any more.
        assert wallet == ((0, 0, 30) if spent else (50, 0, 0)), (answers, wallet)
        assert cents[:1] + cents[3:4] == ((0, 500) if spent else (500, 500)), (answers, cents)
    billing.close()


def test_refunds_their_twins_and_a_spend(here: Books) -> None:
    refunds_at_once(here, ROUNDS)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_refunds_their_twins_and_a_spend_often(here: Books) -> None:
    refunds_at_once(here, 20)


def disputed(name: str, status: str) -> Json:
    lost = Dispute(f"dp_{name}", None, f"pi_{name}", 600, "usd", status, "fraudulent", moment("16 Apr 00:00"), 600)
    kind = "charge.dispute.created" if status == "needs_response" else "charge.dispute.closed"
    at = moment("16 Apr 00:00" if status == "needs_response" else "16 Apr 10:00")
    return event(returning.dispute_object(lost), kind, id=f"evt_{status}_{name}", at=at)


def dispute_at_once(here: Books, how: str, rounds: int) -> None:
    """Beside a refund that is pending and then succeeds: one payment, all at once."""
    billing = here.open()
    whole, *names = [f"team{number}" for number in range(rounds + 1)]

    def told(name: str) -> list[Json]:
        return [disputed(name, "needs_response"), disputed(name, how), refund(name, "a", 200, "pending"),
                refund(name, "a", 200)]  # fmt: skip

    bought(billing, whole)
    for one in told(whole):
        billing.take_stripe_event(body(one))
    for name in names:
        bought(billing, name)
    found = at_once(here, [[Tell(body(one)) for one in told(name)] for name in names])
    finish(billing)
    for name, answers in zip(names, found, strict=True):
        assert ending(billing, name) == ending(billing, whole), answers
    billing.close()


@pytest.mark.database("postgresql")  # often, it runs on both
@pytest.mark.parametrize("how", ["won", pytest.param("lost", marks=pytest.mark.slow)])
def test_a_dispute_begins_and_ends(here: Books, how: str) -> None:
    dispute_at_once(here, how, ROUNDS)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("how", ["lost", "won"])
def test_a_dispute_begins_and_ends_often(here: Books, how: str) -> None:
    dispute_at_once(here, how, 20)


class Subscribers:
    """Customers at Stripe who go up, and up again by a second seat, and get a part of the first upgrade back."""

    def __init__(self, shop: Shop, names: list[str]) -> None:
        self.shop, self.names = shop, names
        self.v1 = shop.stripe.v1
        shop.events = False
        shop.stock()
        prices = self.v1.prices.list({"lookup_keys": ["basic_monthly", "pro_monthly"]}).data
        self.prices = {str(price.lookup_key): price.id for price in prices}
        self.customers = {name: self._subscribed(name) for name in names}
        self.earlier = self.news()
        for event_of in self.earlier:
            shop.billing.take_stripe_event(body(event_of))
        for days, price, quantity in ((10, "pro_monthly", 1), (2, "pro_monthly", 2)):
            shop.sandbox.advance(shop.billing.now + timedelta(days=days), shop.billing.clock.move)
            for name in names:
                self._change(self.customers[name], price, quantity)
        back = {name: self._give_back(self.customers[name]) for name in names}
        changed = [one for one in self.news() if one["type"] in ("invoice.paid", "refund.created")]
        self.told = {
            name: [
                one for one in changed
                if one["data"]["object"].get("customer") == self.customers[name]
                or one["data"]["object"]["id"] == back[name]
            ]
            for name in names
        }  # fmt: skip

    def _subscribed(self, name: str) -> str:
        customer = self.v1.customers.create({"metadata": {"billing_customer": name}}).id
        method = self.v1.payment_methods.attach("pm_card_visa", {"customer": customer})
        self.v1.customers.update(customer, {"invoice_settings": {"default_payment_method": method.id}})
        self.shop.billing.customer(name, stripe_customer_id=customer)
        self.v1.subscriptions.create({"customer": customer, "items": [{"price": self.prices["basic_monthly"]}]})
        return customer

    def _change(self, customer: str, price: str, quantity: int) -> None:
        subscription = self.v1.subscriptions.list({"customer": customer}).data[0]
        item = self.v1.subscription_items.list({"subscription": subscription.id}).data[0]
        items: Any = [{"id": item.id, "price": self.prices[price], "quantity": quantity}]
        self.v1.subscriptions.update(subscription.id, {"items": items, "proration_behavior": "always_invoice"})

    def _give_back(self, customer: str) -> str:
        upgrade = self.v1.invoices.list({"customer": customer}).data[1]
        paid = self.v1.invoice_payments.list({"invoice": upgrade.id}).data[0]
        return str(self.shop.sandbox.dashboard.refund(str(paid.payment.payment_intent), 300)["id"])

    def news(self) -> list[Json]:
        with self.shop.sandbox.store.transaction() as rows:
            found = [json.loads(row["body"]) for row in rows.run("SELECT body FROM events ORDER BY seq")]
        return [{**one, "pending_webhooks": 1} for one in found[len(getattr(self, "earlier", [])) :]]


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_two_upgrades_and_a_refund(
    make_billing: Callable[..., TestBilling], fresh_database_url: str, tmp_path: Path, watch: Watch
) -> None:
    with open_shop(make_billing, tmp_path, watch, url=fresh_database_url, start=APRIL) as shop:
        whole, *names = [f"team{number}" for number in range(9)]
        subscribers = Subscribers(shop, [whole, *names])
        for one in subscribers.told[whole]:
            assert shop.billing.take_stripe_event(body(one)).status == "done"
        here = Books(fresh_database_url, shop.billing.catalog, shop.billing.now, shop.sandbox.url)
        found = at_once(here, [[Tell(body(one)) for one in subscribers.told[name]] for name in names])
        finish(shop.billing)
        for name, answers in zip(names, found, strict=True):
            assert len(answers) == 3
            assert ending(shop.billing, name) == ending(shop.billing, whole), answers
