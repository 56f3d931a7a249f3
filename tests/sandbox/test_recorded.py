"""Beside Stripe's real payloads: what they hold, ours hold, too, and in the same order they come."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

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


@needed
def test_refunds_and_credit_notes_hold_what_real_ones_hold(shop: Shop, sandbox: Sandbox) -> None:
    invoice = shop.invoices(shop.subscribe())[0]
    line: Any = {"type": "custom_line_item", "description": "Refund", "quantity": 1, "unit_amount": 500}
    note = shop.v1.credit_notes.create({"invoice": invoice.id, "refund_amount": 500, "lines": [line]})
    ours = {
        "post_v1_credit_notes": note.to_dict(),
        "post_v1_refunds": shop.v1.refunds.retrieve(str(note.refunds[0].refund)).to_dict(),
    }
    compared = 0
    for name, document in documents().items():
        mine = next((thing for start, thing in ours.items() if f"/{start}.200." in name), None)
        if mine is not None:
            assert not set(document["response"]) - set(mine), name
            assert document["response"]["object"] == mine["object"]
            compared += 1
    assert compared == 3


@needed
def test_older_shapes_hold_what_real_ones_held(shop: Shop, sandbox: Sandbox, listener: Listener) -> None:
    """The recorded one holds old and new together, as the hybrid shape does."""
    sandbox.listen(listener.url, listener.secret, deliver=listener, shape="hybrid")
    shop.subscribe()
    sandbox.drain()
    ours: Any = next(event.to_dict() for event in listener.events if event.type == "invoice.paid")["data"]["object"]
    real = documents()["legacy/invoice.json"]
    assert set(real) - set(ours) <= {"paper_checks", "redaction"}  # preview features of that account
    line, real_line = ours["lines"]["data"][0], real["lines"]["data"][0]
    assert set(real_line) - set(line) <= {"invoice_item", "rendering"}  # it is an invoice item's


@needed
@pytest.mark.parametrize("reset", [False, True])
def test_a_switch_to_a_year_is_billed_as_recorded(shop: Shop, sandbox: Sandbox, reset: bool) -> None:
    """Some seconds after it began, to ten times the price for a year: on the old anchor, and on a new one."""
    kept = {file: real for file, real in documents().items() if "subscription_update.paid" in file}
    real = next(one for file, one in kept.items() if ("and_reset" in file) == reset)
    subscription = shop.subscribe(shop.plan(2_500))
    sandbox.advance(sandbox.clock.now() + timedelta(seconds=4))
    change: Any = {"billing_cycle_anchor": {"type": "now"}} if reset else {}
    change["items"] = [{"id": subscription.items.data[0].id, "price": shop.plan(25_000, "year").id}]
    change["proration_behavior"] = "always_invoice"
    changed = shop.v1.subscriptions.update(subscription.id, change)
    ours = shop.v1.invoices.retrieve(str(changed.latest_invoice)).to_dict()
    assert ours["amount_paid"] == real["amount_paid"] == 22_500
    for mine, told in zip(ours["lines"]["data"], real["lines"]["data"], strict=True):
        assert {name: mine[name] for name in ("amount", "discountable", "quantity")} == {
            name: told[name] for name in ("amount", "discountable", "quantity")
        }
        for words in ("Unused time on ", "Remaining time on "):
            assert mine["description"].startswith(words) == told["description"].startswith(words)
        own, theirs = mine["parent"]["subscription_item_details"], told["parent"]["subscription_item_details"]
        assert own["proration"] == theirs["proration"]
        assert (own["invoice_item"] is None) == (theirs["invoice_item"] is None)
        credited = (own["proration_details"]["credited_items"], theirs["proration_details"]["credited_items"])
        assert (credited[0] is None) == (credited[1] is None)
        assert (mine["pricing"]["unit_amount_decimal"] is None) == (told["pricing"]["unit_amount_decimal"] is None)
        assert abs(_long(mine) - _long(told)) <= 24 * 60 * 60 + 60  # a month, a year: they began in different ones


def _long(line: Any) -> int:
    return int(line["period"]["end"] - line["period"]["start"])
