"""Stripe customers that are deleted, made again, or linked anew between twin events."""

from __future__ import annotations

import pytest

from tests.buying.shop import Shop
from tests.listening.hearing import happened, subscribe, tell

pytestmark = pytest.mark.slow


def test_an_event_of_the_old_stripe_customer_still_finds_its_customer(shop: Shop) -> None:
    subscribe(shop)
    paid = happened(shop, "invoice.paid")
    other = shop.stripe.v1.customers.create({}).id
    shop.billing.customer("team", stripe_customer_id=other)
    assert shop.billing.find_customer("team").stripe_customer_id == other
    assert tell(shop, paid).status == "done"
    assert tell(shop, {**paid, "id": "evt_twin"}).reason == "applied before"
    assert shop.available() == 250
    assert shop.billing.find_customer("team").stripe_customer_id == other


def test_a_deleted_one_keeps_its_past_and_the_next_purchase_makes_another(shop: Shop) -> None:
    subscribe(shop)
    paid, old = happened(shop, "invoice.paid"), shop.customers()[0]
    shop.stripe.v1.customers.delete(old)
    assert tell(shop, happened(shop, "customer.deleted")).status == "done"
    assert tell(shop, happened(shop, "customer.subscription.deleted")).status == "done"
    assert tell(shop, paid).status == "done"  # it was paid before, and is told late
    assert shop.available() == 250
    subscription = shop.billing.subscription("team")
    assert subscription is not None and subscription.status == "canceled"
    shop.buy()
    new = shop.billing.find_customer("team").stripe_customer_id
    assert new is not None and new != old


def test_a_conflict_waits_and_grants_nobody(shop: Shop) -> None:
    subscribe(shop)
    paid = happened(shop, "invoice.paid")
    shop.billing.customer("other")
    paid["data"]["object"]["metadata"] = {"billing_customer": "other"}
    told = tell(shop, paid)
    assert told.status == "waiting" and "conflict" in (told.reason or "")
    assert shop.available() == shop.available("other") == 0


def test_a_change_of_its_address_is_only_noted(shop: Shop) -> None:
    subscribe(shop)
    shop.stripe.v1.customers.update(shop.customers()[0], {"email": "new@example.com"})
    assert tell(shop, happened(shop, "customer.updated")).reason == "it buys in usd"
    assert shop.billing.find_customer("team").email == "team@example.com"
