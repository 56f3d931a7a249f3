"""Whatever changes, in the end what was billed is what was used: each price for the time that it ran."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Any

import pytest

from tests.sandbox.shop import Shop, at
from web.sandbox import Sandbox

pytestmark = pytest.mark.slow  # a stand-in's own ways: what the engine stands on is tried by its tests

CARD: Any = {"payment_method": "pm_card_visa", "invoice_settings": {"default_payment_method": "pm_card_visa"}}


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(6))
def test_what_is_billed_is_what_was_used(shop: Shop, sandbox: Sandbox, seed: int) -> None:
    """Changes of price, number and anchor, billed at once or at the renewal, and money back at the end."""
    dice = random.Random(seed)
    sandbox.start_at(at("2027-01-01 00:00"))
    prices = [shop.plan(cents) for cents in (900, 1_700, 4_300)]
    wanted: Any = {"customer": shop.customer(**CARD).id, "items": [{"price": prices[0].id}]}
    subscription = shop.v1.subscriptions.create(wanted)
    item, cents, quantity, used, changes = subscription.items.data[0].id, 900, 1, 0.0, 0
    now = sandbox.clock.now()
    for _ in range(12):
        then = now + timedelta(hours=dice.randint(5, 300))
        used += cents * quantity * _share(shop, sandbox, subscription.id, now, then)
        now = then
        price, quantity = dice.choice(prices), dice.randint(1, 4)
        cents = int(price.unit_amount or 0)
        change: Any = {"items": [{"id": item, "price": price.id, "quantity": quantity}]}
        change["proration_behavior"] = dice.choice(["create_prorations", "always_invoice"])
        if dice.random() < 0.2:
            change["billing_cycle_anchor"] = {"type": "now"}
        if dice.random() < 0.3:
            change["payment_behavior"] = "pending_if_incomplete"
        shop.v1.subscriptions.update(subscription.id, change)
        changes += 1
    shop.v1.subscriptions.cancel(subscription.id, {"prorate": True, "invoice_now": True})
    invoices = shop.invoices(subscription)
    assert {invoice.status for invoice in invoices} == {"paid"}
    billed = sum(invoice.total for invoice in invoices)
    assert abs(billed - used) <= 2 * changes + len(invoices), (billed, used)
    # Each cent of it was charged, or stands in the customer's balance.
    charged = sum(charge.amount for charge in shop.v1.charges.list({"limit": 100}).data)
    balance = shop.v1.customers.retrieve(wanted["customer"]).balance or 0
    assert charged + balance == billed


def _share(shop: Shop, sandbox: Sandbox, subscription: str, start: Any, end: Any) -> float:
    """The part of a period, or of several, between two instants: it is moved along from one period to the next."""
    whole = 0.0
    while start < end:
        running = shop.v1.subscriptions.retrieve(subscription).items.data[0]
        length = running.current_period_end - running.current_period_start
        over = sandbox.clock.now().fromtimestamp(running.current_period_end, start.tzinfo)
        until = min(over, end)
        whole += (until - start).total_seconds() / length
        sandbox.advance(max(until, sandbox.clock.now()))
        start = until
    return whole
