"""Made-up payloads, as small as they can be: the same facts as each API version writes them."""

from __future__ import annotations

from typing import Any

START, END, PAID = 1_743_465_600, 1_746_057_600, 1_743_465_700  # 1 Apr, 1 May 2025 00:00, 1 Apr 00:01:40

Json = dict[str, Any]


def acacia_line(**more: Any) -> Json:
    """Before 2025-03-31.basil."""
    line = {
        "id": "il_1",
        "object": "line_item",
        "amount": 3000,
        "currency": "usd",
        "period": {"start": START, "end": END},
        "quantity": 3,
        "price": {"id": "price_1", "object": "price", "lookup_key": "pro_monthly"},
        "plan": {"id": "price_1", "object": "plan"},
        "proration": True,
        "subscription": "sub_1",
        "subscription_item": "si_1",
        "invoice_item": "ii_1",
        "type": "invoiceitem",
        "discount_amounts": [{"amount": 300, "discount": "di_1"}],
        "tax_amounts": [{"amount": 200, "inclusive": True}, {"amount": 99, "inclusive": False}],
        "metadata": {"seat": "3"},
    }
    return {**line, **more}


def basil_line(**more: Any) -> Json:
    """From 2025-03-31.basil on; a proration of a subscription stands under its item and names an invoice item."""
    line = {
        "id": "il_1",
        "object": "line_item",
        "amount": 3000,
        "currency": "usd",
        "period": {"start": START, "end": END},
        "quantity": 3,
        "pricing": {
            "type": "price_details",
            "price_details": {"price": "price_1", "product": "prod_1"},
        },
        "parent": {
            "type": "subscription_item_details",
            "invoice_item_details": None,
            "subscription_item_details": {
                "invoice_item": "ii_1",
                "proration": True,
                "proration_details": {"credited_items": None},
                "subscription": "sub_1",
                "subscription_item": "si_1",
            },
        },
        "discount_amounts": [{"amount": 100, "discount": "di_1"}, {"amount": 200, "discount": "di_2"}],
        "taxes": [
            {"amount": 200, "tax_behavior": "inclusive"},
            {"amount": 99, "tax_behavior": "exclusive"},
        ],
        "metadata": {"seat": "3"},
    }
    return {**line, **more}


def expanded_line(**more: Any) -> Json:
    """2025-12-15.clover and later, with the price expanded."""
    price = {"id": "price_1", "object": "price", "lookup_key": "pro_monthly"}
    return basil_line(**{"pricing": {"price_details": {"price": price, "product": "prod_1"}}, **more})


def endive_line(**more: Any) -> Json:
    """2026-09-30.endive: `quantity_decimal` beside `quantity`."""
    return basil_line(**{"quantity_decimal": "3", "subtotal": 3000, **more})


def hybrid_line(**more: Any) -> Json:
    """Old accounts in April 2025: old and new fields together."""
    return {**acacia_line(), **basil_line(), **more}


def emptied_line(**more: Any) -> Json:
    """All new fields there and null, the facts in the old ones."""
    empty = {"parent": None, "pricing": None, "taxes": None}
    return acacia_line(**{**empty, **more})


def acacia_invoice(*lines: Json, **more: Any) -> Json:
    return _invoice(
        lines or (acacia_line(),),
        {"subscription": "sub_1", "subscription_details": {"metadata": {"customer": "team_42", "a": "old"}}},
        more,
    )


def basil_invoice(*lines: Json, **more: Any) -> Json:
    details = {"metadata": {"customer": "team_42", "a": "old"}, "subscription": "sub_1"}
    parent = {"type": "subscription_details", "quote_details": None, "subscription_details": details}
    return _invoice(lines or (basil_line(),), {"parent": parent}, more)


def hybrid_invoice(*lines: Json, **more: Any) -> Json:
    return {**acacia_invoice(), **basil_invoice(*(lines or (hybrid_line(),))), **more}


def emptied_invoice(*lines: Json, **more: Any) -> Json:
    return acacia_invoice(*(lines or (emptied_line(),)), **{"parent": None, **more})


def manual_invoice(*lines: Json, **more: Any) -> Json:
    return _invoice(lines, {"parent": None, "billing_reason": "manual"}, more)


def session(**more: Any) -> Json:
    found = {
        "id": "cs_1",
        "object": "checkout.session",
        "mode": "payment",
        "status": "complete",
        "payment_status": "paid",
        "customer": "cus_1",
        "client_reference_id": "team_42",
        "metadata": {"topup": "top_1"},
        "currency": "usd",
        "amount_subtotal": 1000,
        "amount_total": 1690,
        "total_details": {"amount_discount": 100, "amount_shipping": 500, "amount_tax": 290},
        "created": PAID,
        "invoice": None,
        "subscription": None,
        "payment_intent": "pi_1",
    }
    return {**found, **more}


def event(held: Json, **more: Any) -> Json:
    found = {
        "id": "evt_1",
        "object": "event",
        "api_version": "2026-10-28.endive",
        "created": PAID,
        "livemode": False,
        "type": "invoice.paid",
        "data": {"object": held},
    }
    return {**found, **more}


def _invoice(lines: tuple[Json, ...], own: Json, more: Json) -> Json:
    found = {
        "id": "in_1",
        "object": "invoice",
        "customer": "cus_1",
        "status": "paid",
        "currency": "usd",
        "created": START,
        "billing_reason": "subscription_cycle",
        "metadata": {"a": "new"},
        "status_transitions": {"paid_at": PAID},
        "lines": {"object": "list", "data": list(lines), "has_more": False},
    }
    return {**found, **own, **more}
