"""Beside Stripe's real payloads: what they hold, ours hold, too, and in the same order they come."""

from __future__ import annotations

from tests.sandbox.serving import Listener
from tests.sandbox.shop import Shop
from tests.stripe.recorded import documents, needed
from web.sandbox import Sandbox

NOT_TYPED = {"charge": {"destination", "dispute", "order"}}
"""In real payloads, but not in the package's types: no longer told of."""


@needed
def test_they_hold_what_real_ones_hold(shop: Shop, sandbox: Sandbox, listener: Listener) -> None:
    subscription = shop.subscribe()
    shop.v1.invoice_items.create({"customer": str(subscription.customer), "pricing": {"price": shop.pack().id}})
    invoice = shop.v1.invoices.create(
        {"customer": str(subscription.customer), "pending_invoice_items_behavior": "include"}
    )
    shop.v1.invoices.pay(invoice.id, {"paid_out_of_band": True})
    sandbox.drain()
    ours = {event.type: event.to_dict() for event in listener.events}
    compared = 0
    for name, real in documents().items():
        if not name.startswith("events/") or real["type"] not in ours:
            continue
        told, mine = real["data"]["object"], ours[real["type"]]["data"]["object"]
        lacking = set(told) - set(mine) - NOT_TYPED.get(told["object"], set())
        assert not lacking, f"{name}: {lacking}"
        assert set(real) <= set(ours[real["type"]])
        compared += 1
        if told["object"] == "invoice" and told["lines"]["data"]:
            assert set(told["lines"]["data"][0]) <= set(mine["lines"]["data"][0])
    assert compared > 15
