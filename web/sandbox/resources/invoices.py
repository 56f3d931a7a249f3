"""Invoices: drafted, finalized, paid. What it means for a subscription stands in `collecting`."""

from __future__ import annotations

from typing import Any

from web.sandbox.money import least
from web.sandbox.resources import customers, discounts, invoice_lines, invoice_payments, payment_intents
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
        _discounts=[],
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
    put(invoice, invoice_lines.of_item(work, invoice, item))


def give(work: Work, invoice: Object, given: list[str]) -> None:
    """These discounts are taken off it, as they are now."""
    invoice |= {"discounts": given, "_discounts": discounts.running(work, given)}
    total_up(invoice)


def put(invoice: Object, *lines: Object) -> None:
    """The lines go onto it, and its figures follow."""
    invoice["_lines"] += lines
    total_up(invoice)


def finalize(work: Work, invoice: Object, *, charges: bool = True, balance: bool = True) -> None:
    """Draft → open, with the intent that will pay it. The customer's balance is reckoned with: what they have there
    pays first, what is too little to be charged waits there for the next (without `balance` neither). One of nothing
    is paid at once.
    """
    customer = work.find("customer", invoice["customer"])
    assert customer is not None
    work.rows.unschedule("finalize", invoice["id"])
    customers.note_currency(work, customer, invoice["currency"])
    starting, ending = customer["balance"], customer["balance"]
    due = invoice["amount_due"]
    if charges and balance:
        due, ending = reckoned(invoice, starting)
    intent = None
    if due > 0 and charges:
        intent = payment_intents.make(
            work,
            due,
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
            "starting_balance": starting,
            "ending_balance": ending,
            "amount_due": due,
            "amount_remaining": due,
            "hosted_invoice_url": f"{work.page_url}/_sandbox/invoices/{invoice['id']}",
            "automatically_finalizes_at": None,
        }
        invoice["status_transitions"]["finalized_at"] = work.now
        if intent is not None:
            invoice["_intent"] = intent["id"]
            invoice_payments.make(work, invoice, intent)
    if ending != starting:
        with work.changing(customer, "customer.updated"):
            customer["balance"] = ending
    work.emit("invoice.finalized", invoice)


def reckoned(invoice: Object, balance: int) -> tuple[int, int]:
    """What is due, and the customer's balance afterwards (below nothing they have something there)."""
    total = invoice["total"] + balance
    if total <= 0 or total < least(invoice["currency"]):
        return 0, total
    return total, 0


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
    used = invoice["ending_balance"] - invoice["starting_balance"]
    if used:  # what the customer's balance paid goes back there
        customer = work.find("customer", invoice["customer"])
        assert customer is not None
        with work.changing(customer, "customer.updated"):
            customer["balance"] -= used
    if intent is not None:
        invoice_payments.note_canceled(work, invoice)
        payment_intents.cancel(work, intent, "void_invoice")


def mark_uncollectible(work: Work, invoice: Object) -> None:
    """Open → uncollectible: given up, though it can still be paid."""
    with work.changing(invoice, "invoice.updated"):
        invoice |= {"status": "uncollectible", "auto_advance": False, "next_payment_attempt": None}
        invoice["status_transitions"]["marked_uncollectible_at"] = work.now
    work.rows.unschedule("retry", invoice["id"])
    work.emit("invoice.marked_uncollectible", invoice)


def intent_of(work: Work, invoice: Object) -> Object | None:
    return work.find("payment_intent", invoice.get("_intent"))


def total_up(invoice: Object) -> None:
    """The figures that follow from the lines, and the first of these."""
    lines = invoice["_lines"]
    discounts.spread(lines, invoice["_discounts"])
    off = discounts.totals(lines)
    subtotal = sum(line["amount"] for line in lines)
    total = subtotal - sum(one["amount"] for one in off)
    due = max(total, 0)
    invoice["lines"] = {
        "object": "list",
        "data": lines[:FIRST_LINES],
        "has_more": len(lines) > FIRST_LINES,
        "total_count": len(lines),
        "url": f"/v1/invoices/{invoice['id']}/lines",
    }
    invoice["total_discount_amounts"] = off
    invoice["total_pretax_credit_amounts"] = [one | {"type": "discount"} for one in off]
    invoice |= dict.fromkeys(("subtotal", "subtotal_excluding_tax"), subtotal)
    invoice |= dict.fromkeys(("total", "total_excluding_tax"), total)
    invoice |= {"amount_due": due, "amount_remaining": due}


def _purpose(invoice: Object) -> str:
    return {
        "subscription_create": "Subscription creation",
        "subscription_cycle": "Subscription update",
        "subscription_update": "Subscription update",
    }.get(invoice["billing_reason"], "Payment for Invoice")
