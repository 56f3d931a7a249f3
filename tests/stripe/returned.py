"""Made-up payloads of payments, and of what went back: the same facts as each API version writes them."""

from __future__ import annotations

from typing import Any

from tests.stripe.shapes import END, PAID, START

Json = dict[str, Any]


def charge(**more: Any) -> Json:
    found = {
        "id": "ch_1", "object": "charge", "amount": 3000, "amount_refunded": 500, "currency": "usd", "created": PAID,
        "customer": "cus_1", "payment_intent": "pi_1", "paid": True, "status": "succeeded", "refunded": False,
    }  # fmt: skip
    return {**found, **more}


def payment_intent(**more: Any) -> Json:
    found = {
        "id": "pi_1", "object": "payment_intent", "amount": 3000, "amount_received": 3000, "currency": "usd",
        "created": PAID, "customer": "cus_1", "status": "succeeded", "metadata": {"billing_topup": "top_1"},
    }  # fmt: skip
    return {**found, **more}


def invoice_payment(**more: Any) -> Json:
    found = {
        "id": "inpay_1", "object": "invoice_payment", "amount_paid": 3000, "amount_requested": 3000, "created": PAID,
        "currency": "usd", "invoice": "in_1", "is_default": True, "livemode": False, "status": "paid",
        "payment": {"type": "payment_intent", "payment_intent": "pi_1"},
    }  # fmt: skip
    return {**found, **more}


def refund(**more: Any) -> Json:
    found = {
        "id": "re_1", "object": "refund", "amount": 500, "charge": "ch_1", "created": PAID, "currency": "usd",
        "metadata": {"billing_reason": "asked"}, "payment_intent": "pi_1", "reason": None, "status": "succeeded",
    }  # fmt: skip
    return {**found, **more}


def moved(cents: int, currency: str = "usd") -> Json:
    """A balance transaction."""
    return {"id": f"txn_{cents}", "object": "balance_transaction", "amount": cents, "currency": currency, "fee": 1500}


def dispute(*moves: Json | str, **more: Any) -> Json:
    found = {
        "id": "du_1", "object": "dispute", "amount": 3000, "charge": "ch_1", "created": PAID, "currency": "usd",
        "payment_intent": "pi_1", "reason": "fraudulent", "status": "needs_response",
        "balance_transactions": list(moves),
    }  # fmt: skip
    return {**found, **more}


def credit_note(**more: Any) -> Json:
    found = {
        "id": "cn_1", "object": "credit_note", "amount": 700, "total": 700, "created": PAID, "currency": "usd",
        "customer": "cus_1", "invoice": "in_1", "status": "issued", "type": "mixed", "pre_payment_amount": 200,
        "post_payment_amount": 500, "out_of_band_amount": None,
        "refunds": [{"amount_refunded": 500, "refund": "re_1", "type": "refund"}],
    }  # fmt: skip
    return {**found, **more}


def old_credit_note(**more: Any) -> Json:
    """Before basil: one refund, and a type that says what all of it is."""
    found = {
        "id": "cn_1", "object": "credit_note", "amount": 500, "total": 500, "created": PAID, "currency": "usd",
        "customer": "cus_1", "invoice": "in_1", "status": "issued", "type": "post_payment", "refund": "re_1",
    }  # fmt: skip
    return {**found, **more}


def customer(**more: Any) -> Json:
    found = {
        "id": "cus_1", "object": "customer", "email": "team@example.com", "currency": "usd", "livemode": False,
        "metadata": {"billing_customer": "team_42"},
    }  # fmt: skip
    return {**found, **more}


def thin_event(**more: Any) -> Json:
    """What the newer half of the interface sends: of what it speaks, and not what that is like."""
    related = {"id": "in_1", "type": "invoice", "url": "/v1/invoices/in_1"}
    found = {
        "id": "evt_1", "object": "v2.core.event", "type": "v1.invoice.paid", "created": "2025-04-01T00:01:40.000Z",
        "livemode": False, "context": None, "related_object": related, "snapshot_event": None,
    }  # fmt: skip
    return {**found, **more}


def subscription(*items: Json, **more: Any) -> Json:
    """As basil and later write it: the period stands on the items."""
    found = {
        "id": "sub_1", "object": "subscription", "customer": "cus_1", "metadata": {}, "status": "active",
        "created": START, "cancel_at_period_end": False, "cancel_at": None, "ended_at": None, "trial_start": None,
        "trial_end": None, "pause_collection": None, "billing_mode": {"type": "flexible"}, "latest_invoice": "in_1",
        "items": {"object": "list", "data": list(items) or [item()], "has_more": False},
    }  # fmt: skip
    return {**found, **more}


def item(**more: Any) -> Json:
    price = {"id": "price_1", "object": "price", "lookup_key": "pro_monthly"}
    found = {"id": "si_1", "object": "subscription_item", "price": price, "quantity": 3}
    return {**found, "current_period_start": START, "current_period_end": END, **more}


def old_subscription(**more: Any) -> Json:
    """Before basil: the period stands on the subscription."""
    old = {name: value for name, value in item().items() if not name.startswith("current_period")}
    return subscription(old, **{"current_period_start": START, "current_period_end": END, "billing_mode": None, **more})
