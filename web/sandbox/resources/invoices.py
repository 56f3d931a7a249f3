"""Invoices: drafted, finalized, paid. What it means for a subscription stands in `collecting`."""

from __future__ import annotations

from typing import Any

from web.sandbox import ids
from web.sandbox.money import money
from web.sandbox.resources import customers, invoice_items, invoice_payments, payment_intents, prices
from web.sandbox.store import Object
from web.sandbox.work import Work

FIRST_LINES = 10
"""How many lines an invoice itself shows; the others are listed."""


_NOTHING_YET: Object = {
    **dict.fromkeys(("account_tax_ids", "application", "automatically_finalizes_at", "custom_fields")),
    **dict.fromkeys(("customer_account", "customer_shipping", "default_payment_method", "default_source")),
    **dict.fromkeys(("description", "due_date", "effective_at", "ending_balance", "footer", "from_invoice")),
    **dict.fromkeys(("hosted_invoice_url", "invoice_pdf", "last_finalization_error", "latest_revision", "number")),
    **dict.fromkeys(("next_payment_attempt", "on_behalf_of", "parent", "receipt_number", "rendering")),
    **dict.fromkeys(("shipping_cost", "shipping_details", "statement_descriptor", "test_clock")),
    **dict.fromkeys(("amount_overpaid", "amount_paid", "amount_shipping", "attempt_count", "starting_balance"), 0),
    **dict.fromkeys(("post_payment_credit_notes_amount", "pre_payment_credit_notes_amount"), 0),
}
_NO_TAX = {"disabled_reason": None, "enabled": False, "liability": None, "provider": None, "status": None}


def draft(work: Work, customer: Object, currency: str, reason: str, **fields: Any) -> Object:
    """A draft without lines. `fields` are what it shall say that a plain one does not."""
    invoice = work.new(
        "invoice",
        **_NOTHING_YET,
        account_country="US",
        account_name="Sandbox",
        attempted=False,
        auto_advance=False,
        automatic_tax=dict(_NO_TAX),
        billing_reason=reason,
        collection_method="charge_automatically",
        currency=currency,
        customer=customer["id"],
        customer_address=customer["address"],
        customer_email=customer["email"],
        customer_name=customer["name"],
        customer_phone=customer["phone"],
        customer_tax_exempt=customer["tax_exempt"],
        customer_tax_ids=[],
        default_tax_rates=[],
        discounts=[],
        issuer={"type": "self"},
        metadata={},
        payment_settings={"default_mandate": None, "payment_method_options": None, "payment_method_types": None},
        period_end=work.now,
        period_start=work.now,
        status="draft",
        status_transitions=dict.fromkeys(("finalized_at", "marked_uncollectible_at", "paid_at", "voided_at")),
        total_discount_amounts=[],
        total_pretax_credit_amounts=[],
        total_taxes=[],
        webhooks_delivered_at=work.now,
        _lines=[],
    )
    invoice |= fields
    total_up(invoice)
    return invoice


def add_item(work: Work, invoice: Object, item: Object) -> None:
    """A line for an invoice item, which from now on is on this invoice."""
    if item["invoice"] != invoice["id"]:
        item["invoice"] = invoice["id"]
        work.keep(item)
    parent = {
        "invoice_item_details": {
            "invoice_item": item["id"],
            "proration": False,
            "proration_details": {"credited_items": None},
            "subscription": None,
        },
        "subscription_item_details": None,
        "type": "invoice_item_details",
    }
    line = _line(invoice, item["amount"], item["description"], item["pricing"], item["quantity"], parent)
    line |= {"period": item["period"], "metadata": item["metadata"], "discountable": item["discountable"]}
    _put_line(invoice, line)


def add_period(work: Work, invoice: Object, subscription: Object, item: Object, start: int, end: int) -> None:
    """A line for one period of a subscription's item."""
    price, quantity = item["price"], item["quantity"]
    parent = {
        "invoice_item_details": None,
        "subscription_item_details": {
            "invoice_item": None,
            "proration": False,
            "proration_details": {"credited_items": None},
            "subscription": subscription["id"],
            "subscription_item": item["id"],
        },
        "type": "subscription_item_details",
    }
    product = work.find("product", price["product"])
    words = f"{quantity} × {product['name'] if product else price['id']} (at {_each(price)})"
    amount = prices.total(price, quantity)
    line = _line(invoice, amount, words, invoice_items.pricing(price), quantity, parent)
    line |= {"period": {"end": end, "start": start}, "metadata": item["metadata"]}
    _put_line(invoice, line)


def finalize(work: Work, invoice: Object) -> None:
    """Draft → open, with the intent that will pay it. One of nothing is paid at once."""
    customer = work.find("customer", invoice["customer"])
    assert customer is not None
    work.rows.unschedule("finalize", invoice["id"])
    customers.note_currency(work, customer, invoice["currency"])
    intent = None
    if invoice["amount_due"] > 0:
        intent = payment_intents.make(
            work,
            invoice["amount_due"],
            invoice["currency"],
            customer=customer["id"],
            description=_purpose(invoice),
            receipt_email=customer["email"],
            order=invoice["id"],
        )
    with work.changing(invoice, "invoice.updated"):
        invoice |= {
            "status": "open",
            "number": customers.next_invoice_number(work, customer),
            "effective_at": work.now,
            "ending_balance": 0,
            "hosted_invoice_url": f"{work.page_url}/_sandbox/invoices/{invoice['id']}",
            "automatically_finalizes_at": None,
        }
        invoice["status_transitions"]["finalized_at"] = work.now
        if intent is not None:
            invoice["_intent"] = intent["id"]
            invoice_payments.make(work, invoice, intent)
    work.emit("invoice.finalized", invoice)


def settle(work: Work, invoice: Object, *, by_card: bool) -> None:
    """Open → paid. Out of band its intent is cancelled, and `invoice.payment_succeeded` is not sent."""
    free = invoice["amount_due"] == 0
    with work.changing(invoice, "invoice.updated"):
        invoice |= {
            "status": "paid",
            "amount_paid": invoice["amount_due"],
            "amount_remaining": 0,
            "attempted": invoice["attempted"] or by_card or free,
            "attempt_count": invoice["attempt_count"] + (1 if by_card and not free else 0),
            "auto_advance": False,
            "next_payment_attempt": None,
        }
        invoice["status_transitions"]["paid_at"] = work.now
    work.rows.unschedule("retry", invoice["id"])
    work.emit("invoice.paid", invoice)
    if by_card or free:
        work.emit("invoice.payment_succeeded", invoice)


def void(work: Work, invoice: Object) -> None:
    """Open → void: nobody owes it any more."""
    intent = intent_of(work, invoice)
    with work.changing(invoice, "invoice.updated"):
        invoice |= {"status": "void", "auto_advance": False, "next_payment_attempt": None, "amount_remaining": 0}
        invoice["status_transitions"]["voided_at"] = work.now
    work.emit("invoice.voided", invoice)
    if intent is not None:
        invoice_payments.note_canceled(work, invoice)
        payment_intents.cancel(work, intent, "void_invoice")


def intent_of(work: Work, invoice: Object) -> Object | None:
    return work.find("payment_intent", invoice.get("_intent"))


def _line(
    invoice: Object,
    amount: int,
    description: str | None,
    pricing: Object,
    quantity: int,
    parent: Object,
) -> Object:
    return {
        "id": ids.new("line_item"),
        "object": "line_item",
        "amount": amount,
        "currency": invoice["currency"],
        "description": description,
        "discount_amounts": [],
        "discountable": True,
        "discounts": [],
        "invoice": invoice["id"],
        "livemode": False,
        "parent": parent,
        "pretax_credit_amounts": [],
        "pricing": pricing,
        "quantity": quantity,
        "quantity_decimal": str(quantity),
        "subtotal": amount,
        "taxes": [],
    }


def _put_line(invoice: Object, line: Object) -> None:
    invoice["_lines"].append(line)
    total_up(invoice)


def total_up(invoice: Object) -> None:
    """The figures that follow from the lines, and the first of these."""
    lines = invoice["_lines"]
    total = sum(line["amount"] for line in lines)
    due = max(total, 0)
    invoice["lines"] = {
        "object": "list",
        "data": lines[:FIRST_LINES],
        "has_more": len(lines) > FIRST_LINES,
        "total_count": len(lines),
        "url": f"/v1/invoices/{invoice['id']}/lines",
    }
    invoice |= dict.fromkeys(("subtotal", "subtotal_excluding_tax", "total", "total_excluding_tax"), total)
    invoice |= {"amount_due": due, "amount_remaining": due}


def _each(price: Object) -> str:
    recurring = price["recurring"]
    count = recurring["interval_count"]
    every = recurring["interval"] if count == 1 else f"{count} {recurring['interval']}s"
    amount = price["unit_amount"]
    if amount is None:
        return f"{price['unit_amount_decimal']} hundredths of {price['currency']} / {every}"
    return f"{money(amount, price['currency'])} / {every}"


def _purpose(invoice: Object) -> str:
    return {
        "subscription_create": "Subscription creation",
        "subscription_cycle": "Subscription update",
    }.get(invoice["billing_reason"], "Payment for Invoice")
