"""Credit notes: less is owed for an invoice, or money that was paid for it goes back, one way or another."""

from __future__ import annotations

from typing import Any

from web.sandbox import ids
from web.sandbox.errors import Refused
from web.sandbox.money import money
from web.sandbox.params import merged
from web.sandbox.resources import collecting, customers, invoice_payments, invoices, payment_intents, refunds
from web.sandbox.store import Object
from web.sandbox.work import Work

_WAYS = ("refund_amount", "credit_amount", "out_of_band_amount")
FIRST_LINES = 10


def make(work: Work, invoice: Object, given: dict[str, Any]) -> Object:
    """First less is left to be paid; what goes beyond that goes back by the ways that are named, to the cent."""
    if invoice["status"] not in ("open", "paid", "uncollectible"):
        raise Refused(f"Credit notes can only be created for finalized invoices: this one is {invoice['status']}.")
    id = ids.new("credit_note")
    lines = _lines(invoice, given)
    total = sum(line["amount"] for line in lines)
    before = min(total, invoice["amount_remaining"])
    after = total - before
    linked = [_linked(work, invoice, one) for one in given.get("refunds", [])]
    _judge(invoice, total, after, {**given, "refunds": linked})
    if given.get("refund_amount"):
        made = _refund(work, invoice, given["refund_amount"])
        linked.append({"amount_refunded": made["amount"], "refund": made["id"]})
    note = work.new(
        "credit_note",
        amount=total,
        amount_shipping=0,
        currency=invoice["currency"],
        customer=invoice["customer"],
        customer_account=None,
        customer_balance_transaction=_to_balance(work, invoice, given.get("credit_amount") or 0),
        discount_amount=0,
        discount_amounts=[],
        effective_at=given.get("effective_at") or work.now,
        invoice=invoice["id"],
        memo=given.get("memo"),
        metadata=merged({}, given.get("metadata")),
        number=f"{invoice['number']}-CN-{len(of(work, invoice)) + 1:02d}",
        out_of_band_amount=given.get("out_of_band_amount"),
        pdf=f"{work.page_url}/_sandbox/invoices/{invoice['id']}",
        post_payment_amount=after,
        pre_payment_amount=before,
        pretax_credit_amounts=[],
        reason=given.get("reason"),
        refunds=[{**one, "payment_record_refund": None, "type": "refund"} for one in linked],
        shipping_cost=None,
        status="issued",
        total_taxes=[],
        type="mixed" if before and after else "post_payment" if after else "pre_payment",
        voided_at=None,
        **dict.fromkeys(("subtotal", "subtotal_excluding_tax", "total", "total_excluding_tax"), total),
        _lines=lines,
    )
    note |= {"id": id, "lines": _first(id, lines)}
    work.keep(note)
    work.emit("credit_note.created", note)
    _on_invoice(work, invoice, before, after)
    return note


def void(work: Work, note: Object) -> Object:
    """As if it had not been: possible while its invoice is not paid."""
    invoice = work.addressed("invoice", note["invoice"])
    if note["status"] == "void":
        raise Refused("This credit note has already been voided.")
    if invoice["status"] != "open" or note["post_payment_amount"]:
        raise Refused("You can only void a credit note whose invoice is open, and that paid nothing back.")
    with work.changing(note):
        note |= {"status": "void", "voided_at": work.now}
    work.emit("credit_note.voided", note)
    _on_invoice(work, invoice, -note["pre_payment_amount"], 0)
    return note


def change(work: Work, note: Object, given: dict[str, Any]) -> Object:
    with work.changing(note, "credit_note.updated"):
        if "memo" in given:
            note["memo"] = given["memo"]
        note["metadata"] = merged(note["metadata"], given.get("metadata"))
    return note


def of(work: Work, invoice: Object) -> list[Object]:
    """Newest first."""
    return work.rows.select("credit_note", invoice=invoice["id"])


def _judge(invoice: Object, total: int, after: int, given: dict[str, Any]) -> None:
    """Refused where the parts do not make the whole, or more goes back than was paid."""
    if total <= 0:
        raise Refused("The credit note's amount must be greater than zero.", param="amount")
    paid = invoice["total"] - invoice["amount_remaining"] - invoice["pre_payment_credit_notes_amount"]
    if after > paid - invoice["post_payment_credit_notes_amount"]:
        words = f"The amount of the credit note ({money(total, invoice['currency'])}) is greater than what is left"
        raise Refused(f"{words} of the invoice.", param="amount")
    ways = sum(given.get(name) or 0 for name in _WAYS) + sum(one["amount_refunded"] for one in given["refunds"])
    if ways != after:
        words = "The sum of credit amount, refund amount, out of band amount and refunds"
        shown = f"({money(ways, invoice['currency'])}) must equal the post payment amount"
        raise Refused(f"{words} {shown} ({money(after, invoice['currency'])}).")


def _lines(invoice: Object, given: dict[str, Any]) -> list[Object]:
    if ("amount" in given) == bool(given.get("lines")):
        raise Refused("You must pass one of `amount` or `lines`.", param="amount")
    if "amount" in given:
        return [_line(given["amount"], "Credit", None, 1, given["amount"])]
    return [_told_line(invoice, one, f"lines[{number}]") for number, one in enumerate(given["lines"])]


def _told_line(invoice: Object, one: dict[str, Any], name: str) -> Object:
    if one["type"] == "custom_line_item":
        if "unit_amount" not in one:
            raise Refused(f"Missing required param: {name}[unit_amount].", param=f"{name}[unit_amount]")
        quantity = one.get("quantity", 1)
        return _line(one["unit_amount"] * quantity, one.get("description"), None, quantity, one["unit_amount"])
    found = [line for line in invoice["_lines"] if line["id"] == one.get("invoice_line_item")]
    if not found:
        words = f"No such invoice line item: '{one.get('invoice_line_item')}'"
        raise Refused(words, code="resource_missing", param=f"{name}[invoice_line_item]")
    line = found[0]
    if "amount" in one:
        return _line(one["amount"], line["description"], line["id"], None, None)
    quantity = one.get("quantity", line["quantity"])
    each = line["amount"] // (line["quantity"] or 1)
    return _line(line["amount"] * quantity // (line["quantity"] or 1), line["description"], line["id"], quantity, each)


def _line(amount: int, words: str | None, line: str | None, quantity: int | None, each: int | None) -> Object:
    made: Object = {
        "id": ids.new("credit_note_line_item"),
        "object": "credit_note_line_item",
        "amount": amount,
        "description": words,
        "discount_amount": 0,
        "discount_amounts": [],
        "livemode": False,
        "metadata": {},
        "pretax_credit_amounts": [],
        "quantity": quantity,
        "tax_rates": [],
        "taxes": [],
        "type": "invoice_line_item" if line else "custom_line_item",
        "unit_amount": each,
        "unit_amount_decimal": None if each is None else str(each),
    }
    return made | ({"invoice_line_item": line} if line else {})


def _first(id: str, lines: list[Object]) -> Object:
    return {
        "object": "list",
        "data": lines[:FIRST_LINES],
        "has_more": len(lines) > FIRST_LINES,
        "url": f"/v1/credit_notes/{id}/lines",
    }


def _linked(work: Work, invoice: Object, one: dict[str, Any]) -> Object:
    """A refund that was made before: the credit note only names it."""
    refund = work.named("refund", one.get("refund") or "", "refunds[0][refund]")
    intents = {payment["payment"].get("payment_intent") for payment in invoice_payments.of(work, invoice)}
    if refund["payment_intent"] not in intents:
        raise Refused(f"The refund {refund['id']} is not of a payment of this invoice.", param="refunds[0][refund]")
    amount = one.get("amount_refunded", refund["amount"])
    if amount > refund["amount"]:
        raise Refused("More than was refunded cannot be linked.", param="refunds[0][amount_refunded]")
    return {"amount_refunded": amount, "refund": refund["id"]}


def _refund(work: Work, invoice: Object, amount: int) -> Object:
    """Of the payment that has enough left of it."""
    for payment in reversed(invoice_payments.of(work, invoice)):
        intent = work.find("payment_intent", payment["payment"].get("payment_intent"))
        charge = work.find("charge", intent["latest_charge"]) if intent is not None else None
        if charge is not None and charge["paid"] and charge["amount"] - charge["amount_refunded"] >= amount:
            return refunds.make(work, charge, amount)
    words = "The refund amount is greater than what is left of any payment of this invoice."
    raise Refused(words, param="refund_amount")


def _to_balance(work: Work, invoice: Object, amount: int) -> str | None:
    if not amount:
        return None
    customer = customers.living(work, invoice["customer"])
    customers.change(work, customer, {"balance": customer["balance"] - amount})
    return ids.new("customer_balance_transaction")


def _on_invoice(work: Work, invoice: Object, before: int, after: int) -> None:
    """What the invoice says of it; one that nothing is left of is paid."""
    with work.changing(invoice, "invoice.updated"):
        invoice["pre_payment_credit_notes_amount"] += before
        invoice["post_payment_credit_notes_amount"] += after
        invoice["amount_remaining"] -= before
        invoice["amount_due"] -= before
    intent = invoices.intent_of(work, invoice)
    if not before or intent is None:
        return
    if invoice["amount_remaining"] == 0:
        invoices.settle(work, invoice, by_card=False)
        invoice_payments.note_canceled(work, invoice)
        payment_intents.cancel(work, intent)
        collecting.note_paid(work, invoice)
        return
    with work.changing(intent):
        intent["amount"] = invoice["amount_remaining"]
    for payment in invoice_payments.of(work, invoice):
        if payment["status"] == "open":
            work.keep(payment | {"amount_requested": invoice["amount_remaining"]})
