"""Several payments of one invoice: each pays a part, the last one makes it paid."""

from __future__ import annotations

from web.sandbox.errors import Refused
from web.sandbox.resources import collecting, invoice_payments, invoices, payment_intents
from web.sandbox.store import Object
from web.sandbox.work import Work


def pay(work: Work, invoice: Object, method: Object, amounts: list[int]) -> Object:
    """Charges each part by an intent of its own, beside the invoice's own one, which is cancelled at the end."""
    own = invoices.intent_of(work, invoice)
    if invoice["status"] != "open" or own is None:
        raise Refused(f"This invoice is {invoice['status']}: it can't be paid in parts.")
    if not amounts or min(amounts) < 1 or sum(amounts) > invoice["amount_remaining"]:
        raise Refused("The parts are more than nothing each, and together no more than what is left to pay.")
    for amount in amounts:
        _pay_part(work, invoice, method, amount)
    if invoice["amount_remaining"]:
        with work.changing(own):
            own["amount"] = invoice["amount_remaining"]
        return invoice
    invoice_payments.note_canceled(work, invoice)
    invoices.settle(work, invoice, by_card=True)
    payment_intents.cancel(work, own)
    collecting.note_paid(work, invoice)
    return invoice


def _pay_part(work: Work, invoice: Object, method: Object, amount: int) -> None:
    intent = payment_intents.make(work, amount, invoice["currency"], customer=invoice["customer"], order=invoice["id"])
    payment = invoice_payments.make(work, invoice, intent, default=False)
    payment |= {"status": "paid", "amount_paid": amount}
    payment["status_transitions"]["paid_at"] = work.now
    work.keep(payment)
    work.emit("invoice_payment.paid", payment)
    if payment_intents.charge(work, intent, method) is not None:
        raise Refused("The card is declined: pay in parts with one that pays.", param="card")
    with work.changing(invoice, "invoice.updated"):
        invoice["amount_paid"] += amount
        invoice["amount_remaining"] -= amount
