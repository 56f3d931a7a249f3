"""`expand[]`: ids that become the objects they name, and parts that are shown only when they are asked for."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from web.sandbox.errors import Refused
from web.sandbox.resources import checkout, invoice_payments, invoices, refunds
from web.sandbox.store import Object
from web.sandbox.work import Work, shown

DEEPEST = 4

EXPANDABLE = {
    "charge": {"customer", "payment_intent"},
    "checkout.session": {
        "customer",
        "discounts.coupon",
        "discounts.promotion_code",
        "invoice",
        "payment_intent",
        "subscription",
    },
    "dispute": {"charge", "payment_intent"},
    "refund": {"charge", "payment_intent"},
    "credit_note": {"customer", "invoice"},
    "customer": {"default_source", "invoice_settings.default_payment_method"},
    "invoice": {
        "customer",
        "default_payment_method",
        "default_source",
        "discounts",
        "parent.subscription_details.subscription",
        "total_discount_amounts.discount",
    },
    "discount": {"customer", "promotion_code", "source.coupon"},
    "promotion_code": {"customer", "promotion.coupon"},
    "invoice_payment": {"invoice", "payment.charge", "payment.payment_intent"},
    "invoiceitem": {"customer", "invoice", "pricing.price_details.price"},
    "line_item": {"pricing.price_details.price"},
    "payment_intent": {"customer", "latest_charge", "payment_method"},
    "payment_method": {"customer"},
    "plan": {"product"},
    "price": {"product"},
    "product": {"default_price"},
    "subscription": {
        "customer",
        "default_payment_method",
        "default_source",
        "discounts",
        "latest_invoice",
        "pending_setup_intent",
        "schedule",
    },
}
"""By kind of object: the fields that hold an id (or nothing) and can be the object."""


def listed(url: str, things: list[Object], *, has_more: bool = False) -> Object:
    """A list as Stripe shows it."""
    return {"object": "list", "data": [shown(thing) for thing in things], "has_more": has_more, "url": url}


def _line_items(_: Work, session: Object) -> Object:
    return listed(f"/v1/checkout/sessions/{session['id']}/line_items", checkout.items(session))


def _payments(work: Work, invoice: Object) -> Object:
    return listed("/v1/invoices/payments", invoice_payments.of(work, invoice))


def _refunds(work: Work, charge: Object) -> Object:
    return listed(f"/v1/charges/{charge['id']}/refunds", refunds.of(work, charge))


def _confirmation_secret(work: Work, invoice: Object) -> Object | None:
    intent = invoices.intent_of(work, invoice)
    return intent and {"client_secret": intent["client_secret"], "type": "payment_intent"}


def _tiers(_: Work, price: Object) -> Any:
    return price["_tiers"] or None


def _subscriptions(work: Work, customer: Object) -> Object:
    running = [one for one in work.rows.select("subscription", customer=customer["id"]) if one["status"] != "canceled"]
    return listed(f"/v1/customers/{customer['id']}/subscriptions", running)


def _sources(work: Work, customer: Object) -> Object:
    return listed(f"/v1/customers/{customer['id']}/sources", work.rows.select("card", customer=customer["id"]))


INCLUDABLE: dict[tuple[str, str], Callable[[Work, Object], Any]] = {
    ("charge", "refunds"): _refunds,
    ("checkout.session", "line_items"): _line_items,
    ("customer", "sources"): _sources,
    ("customer", "subscriptions"): _subscriptions,
    ("invoice", "confirmation_secret"): _confirmation_secret,
    ("invoice", "payments"): _payments,
    ("price", "tiers"): _tiers,
}
"""What is there only when it is asked for."""


def expanded(work: Work, answer: Object, paths: list[str | None]) -> Object:
    """A copy of the answer with these paths expanded."""
    copy: Object = json.loads(json.dumps(answer))
    for path in paths:
        parts = (path or "").split(".")
        if len(parts) > DEEPEST:
            raise Refused(f"You cannot expand more than {DEEPEST} levels of a property. Property: {path}")
        _expand(work, copy, parts, "", [])
    return copy


def _named(work: Work, held: Any) -> Any:
    """What an id names; what is expanded already stays."""
    found = work.rows.find(held) if isinstance(held, str) else None
    return held if found is None else json.loads(json.dumps(shown(found)))


def _expand(work: Work, node: Any, parts: list[str], kind: str, way: list[str]) -> None:
    if isinstance(node, list):
        for one in node:
            _expand(work, one, parts, kind, way)
        return
    if not isinstance(node, dict) or not parts:
        return
    if isinstance(node.get("object"), str):
        kind, way = node["object"], []
    name, rest = parts[0], parts[1:]
    way = [*way, name]
    include = INCLUDABLE.get((kind, name)) if len(way) == 1 else None
    if include is not None and name not in node:
        kept = work.rows.find(node["id"])
        assert kept is not None
        node[name] = json.loads(json.dumps(include(work, kept)))
    elif ".".join(way) in EXPANDABLE.get(kind, ()):
        held = node.get(name)
        node[name] = [_named(work, one) for one in held] if isinstance(held, list) else _named(work, held)
    elif not (include is not None or (rest and isinstance(node.get(name), dict | list))):
        raise Refused(f"This property cannot be expanded ({'.'.join(way)}).")
    _expand(work, node.get(name), rest, kind, way)
