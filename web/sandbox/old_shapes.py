"""Events as endpoints of other versions are told them: as before 2025-03-31.basil, as both together, or thin.

What a new shape moved elsewhere stands where it stood; what came since is left out. `hybrid` has both.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from web.sandbox.resources import prices
from web.sandbox.store import Object, Rows

BASIL = "2025-03-31"
ACACIA = "2024-09-30.acacia"
SHAPES = ("endive", "acacia", "hybrid", "thin")


def shape_of(version: str) -> str:
    """What an endpoint of this API version is told."""
    return "acacia" if version < BASIL else "endive"


def told(rows: Rows, event: Object, shape: str) -> Object:
    """The event in this shape."""
    if shape == "thin":
        return thin(event)
    if shape not in ("acacia", "hybrid"):
        return event
    old: Object = json.loads(json.dumps(event))
    old["api_version"] = ACACIA
    held = old["data"]["object"]
    change = _CHANGES.get(held["object"])
    if change is not None:
        changed = change(rows, held)
        old["data"]["object"] = _together(changed, held) if shape == "hybrid" else changed
    return old


def _together(old: Any, new: Any) -> Any:
    """Both in one, as real events of the spring of 2025 were."""
    if isinstance(old, dict) and isinstance(new, dict):
        return {**new, **{name: _together(value, new.get(name, value)) for name, value in old.items()}}
    if isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        return [_together(one, other) for one, other in zip(old, new, strict=True)]
    return old


def thin(event: Object) -> Object:
    """Only what it is about, to be asked for."""
    held = event["data"]["object"]
    way = _WAYS.get(held["object"], held["object"] + "s")
    request = event.get("request") or {}
    made: Object = {
        "id": event["id"].replace("evt_", "evt_thin_", 1),
        "object": "v2.core.event",
        "created": f"{datetime.fromtimestamp(event['created'], UTC):%Y-%m-%dT%H:%M:%S}.000Z",
        "livemode": event["livemode"],
        "related_object": {"id": held["id"], "type": held["object"], "url": f"/v1/{way}/{held['id']}"},
        "snapshot_event": event["id"],
        "type": f"v1.{event['type']}",
    }
    if request.get("id"):
        made["reason"] = {"type": "request", "request": request}
    return made


def _invoice(rows: Rows, invoice: Object) -> Object:
    parent = (invoice["parent"] or {}).get("subscription_details")
    intent = _kept(rows, (rows.find(invoice["id"]) or {}).get("_intent"))
    taxes = invoice["total_taxes"]
    old = {
        "application_fee_amount": None,
        "charge": intent.get("latest_charge"),
        "discount": None,
        "paid": invoice["status"] == "paid",
        "paid_out_of_band": invoice["status"] == "paid" and intent.get("status") == "canceled",
        "payment_intent": intent.get("id"),
        "quote": None,
        "rendering_options": None,
        "subscription": parent and parent["subscription"],
        "subscription_details": {"metadata": parent and parent["metadata"]},
        "tax": sum(tax["amount"] for tax in taxes) if taxes else None,
        "total_tax_amounts": [_tax(tax) for tax in taxes],
        "transfer_data": None,
    }
    lines = [_line(rows, line) for line in invoice["lines"]["data"]]
    kept = _without(invoice, "parent", "total_taxes", "amount_overpaid")
    return kept | old | {"lines": invoice["lines"] | {"data": lines}}


def _line(rows: Rows, line: Object) -> Object:
    parent = line["parent"] or {}
    details = parent.get(parent.get("type", "")) or {}
    price = _kept(rows, ((line["pricing"] or {}).get("price_details") or {}).get("price"))
    of_subscription = parent.get("type") == "subscription_item_details" and not details.get("invoice_item")
    old = {
        "amount_excluding_tax": line["amount"],
        "plan": prices.plan(price) if price.get("recurring") else None,
        "price": _bare(price) or None,
        "proration": bool(details.get("proration")),
        "proration_details": details.get("proration_details") or {"credited_items": None},
        "subscription": details.get("subscription"),
        "tax_amounts": [_tax(tax) for tax in line["taxes"]],
        "tax_rates": [],
        "type": "subscription" if of_subscription else "invoiceitem",
        "unit_amount_excluding_tax": (line["pricing"] or {}).get("unit_amount_decimal"),
    }
    if details.get("subscription_item"):
        old["subscription_item"] = details["subscription_item"]
    if details.get("invoice_item"):
        old["invoice_item"] = details["invoice_item"]
    kept = _without(line, "parent", "pricing", "taxes", "subtotal", "quantity_decimal")
    return kept | old


def _tax(tax: Object) -> Object:
    return {
        "amount": tax["amount"],
        "inclusive": tax["tax_behavior"] == "inclusive",
        "tax_rate": tax["tax_rate_details"]["tax_rate"],
        "taxability_reason": tax["taxability_reason"],
        "taxable_amount": tax["taxable_amount"],
    }


def _subscription(_: Rows, subscription: Object) -> Object:
    items = subscription["items"]["data"]
    first: Object = items[0] if items else {}
    old: Object = {
        "current_period_end": first.get("current_period_end"),
        "current_period_start": first.get("current_period_start"),
        "discount": None,
        "plan": first.get("plan"),
        "quantity": first.get("quantity"),
    }
    bare = [_without(item, "current_period_end", "current_period_start", "billed_until") for item in items]
    kept = _without(subscription, "billing_mode", "status_details", "billing_schedules")
    return kept | old | {"items": subscription["items"] | {"data": bare}}


def _payment(rows: Rows, payment: Object) -> Object:
    """A charge or a payment intent named its invoice."""
    intent = payment["id"] if payment["object"] == "payment_intent" else payment["payment_intent"]
    found = [one for one in rows.select("invoice_payment") if one["payment"].get("payment_intent") == intent]
    return payment | {"invoice": found[0]["invoice"] if found else None}


def _credit_note(_: Rows, note: Object) -> Object:
    refunds = note["refunds"]
    old: Object = {"refund": refunds[0]["refund"] if refunds else None, "tax_amounts": []}
    kept = _without(note, "refunds", "total_taxes", "post_payment_amount", "pre_payment_amount")
    return kept | old


def _session(_: Rows, session: Object) -> Object:
    return session | {"ui_mode": "hosted"}


def _kept(rows: Rows, id: Any) -> Object:
    return (rows.find(id) if isinstance(id, str) else None) or {}


def _bare(thing: Object) -> Object:
    return {name: value for name, value in thing.items() if not name.startswith("_")}


def _without(thing: Object, *names: str) -> Object:
    return {name: value for name, value in thing.items() if name not in names}


_CHANGES: dict[str, Callable[[Rows, Object], Object]] = {
    "charge": _payment,
    "checkout.session": _session,
    "credit_note": _credit_note,
    "invoice": _invoice,
    "payment_intent": _payment,
    "subscription": _subscription,
}
_WAYS = {
    "checkout.session": "checkout/sessions",
    "invoiceitem": "invoiceitems",
    "line_item": "invoices",
}
