"""Payloads of what was paid, as Stripe writes them today, as small as they can be; and a catalog that sells it."""

from __future__ import annotations

import itertools
import json
from datetime import UTC, datetime
from typing import Any

from billing.catalog.loading import parse
from billing.inbox.values import StripeEvent
from billing.testing import TestBilling
from tests.stories.story import moment

CATALOG = parse("""
[units.images]

[plans.basic]
name = "Basic"
credits = 100
prices = ["price_basic"]

[plans.pro]
name = "Pro"
credits = 250
prices = ["price_pro"]
overdraft = { limit = 50, debt = "carry" }

[plans.yearly]
name = "Yearly"
credits = 100
prices = ["price_yearly"]

[plans.pictures]
name = "Pictures"
credits = 30
unit = "images"
prices = ["price_pictures"]

[packs.small]
name = "Small"
credits = 100
prices = { usd = 1000, eur = 900 }
stripe_prices = ["price_small"]
valid_for = "12 months"

[packs.a]
name = "A"
credits = 80
prices = { usd = 800 }
stripe_prices = ["price_a"]
valid_for = "5 days"
""")

APRIL, MAY, JUNE, JULY = (datetime(2025, month, 1, tzinfo=UTC) for month in (4, 5, 6, 7))

Json = dict[str, Any]
_numbers = itertools.count(1)


def seconds(at: datetime | str) -> int:
    """Unix seconds of an instant, or of `20 Apr 18:00`."""
    return int((moment(at) if isinstance(at, str) else at).timestamp())


def line(
    price: str,
    cents: int,
    start: datetime | str = APRIL,
    end: datetime | str = MAY,
    *,
    id: str | None = None,
    item: str | None = "si_1",
    quantity: int = 1,
    off: int = 0,
    proration: bool = False,
) -> Json:
    """`off` is a discount. `item` None: an invoice item, as a pack is bought on a manual invoice."""
    details: Json = {"proration": proration, "subscription": "sub_1", "subscription_item": item}
    parent: Json = {"type": "subscription_item_details", "subscription_item_details": details}
    if item is None:
        parent = {"type": "invoice_item_details", "invoice_item_details": {"invoice_item": "ii_1", "proration": False}}
    return {
        "id": id or f"il_{next(_numbers)}",
        "object": "line_item",
        "amount": cents,
        "currency": "usd",
        "quantity": quantity,
        "period": {"start": seconds(start), "end": seconds(end)},
        "pricing": {"type": "price_details", "price_details": {"price": price, "product": "prod_1"}},
        "parent": parent,
        "discount_amounts": [{"amount": off, "discount": "di_1"}] if off else [],
        "taxes": [],
        "metadata": {},
    }


def invoice(*lines: Json, paid: datetime | str = APRIL, id: str | None = None, **more: Any) -> Json:
    details = {"subscription": "sub_1", "metadata": more.pop("metadata", {})}
    found = {
        "id": id or f"in_{next(_numbers)}",
        "object": "invoice",
        "customer": "cus_1",
        "status": "paid",
        "currency": "usd",
        "created": seconds(paid) - 60,
        "status_transitions": {"paid_at": seconds(paid)},
        "billing_reason": "subscription_cycle",
        "parent": {"type": "subscription_details", "subscription_details": details},
        "metadata": {},
        "lines": {"object": "list", "has_more": False, "data": list(lines)},
    }
    return {**found, **more}


def session(**more: Any) -> Json:
    """A paid Checkout session for the pack `small`, of the customer `team`."""
    found = {
        "id": "cs_1",
        "object": "checkout.session",
        "mode": "payment",
        "status": "complete",
        "payment_status": "paid",
        "customer": "cus_1",
        "client_reference_id": "team",
        "metadata": {"pack": "small"},
        "currency": "usd",
        "amount_subtotal": 1000,
        "amount_total": 1000,
        "total_details": {"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0},
        "created": seconds(APRIL),
        "invoice": None,
        "subscription": None,
        "payment_intent": "pi_1",
    }
    return {**found, **more}


def session_line(price: str, cents: int, *, id: str = "li_1", quantity: int = 1) -> Json:
    return {
        "id": id,
        "object": "item",
        "price": {"id": price, "object": "price", "lookup_key": None},
        "quantity": quantity,
        "currency": "usd",
        "amount_subtotal": cents,
        "amount_total": cents,
        "amount_tax": 0,
    }


def lines_of(*lines: Json) -> Json:
    return {"object": "list", "has_more": False, "data": list(lines)}


def event(held: Json, kind: str | None = None, *, id: str | None = None, at: datetime | str | None = None) -> Json:
    """The event that tells of it, under an id of its own unless one is given."""
    usual = "invoice.paid" if held["object"] == "invoice" else "checkout.session.completed"
    return {
        "id": id or f"evt_{next(_numbers)}",
        "object": "event",
        "type": kind or usual,
        "created": seconds(at) if at is not None else held.get("created", seconds(APRIL)),
        "livemode": False,
        "api_version": "2026-10-28.endive",
        "data": {"object": held},
    }


def body(document: Json) -> bytes:
    return json.dumps(document).encode()


def tell(billing: TestBilling, held: Json, kind: str | None = None, **more: Any) -> StripeEvent:
    """Puts an event of its own about it into the inbox."""
    return billing.take_stripe_event(body(event(held, kind, **more)))
