"""Several payments of one invoice: each pays a part, the last one makes it paid."""

from __future__ import annotations

from web.sandbox.errors import Refused
from web.sandbox.resources import collecting, customers, invoice_payments, invoices, payment_intents
from web.sandbox.store import Object
from web.sandbox.work import Work


def pay(work: Work, invoice: Object, method: Object, amounts: list[int]) -> Object:
    """Charges each part by an intent of its own, beside the invoice's own one, which is cancelled at the end. The last
    one may be more than what is left to pay: the rest goes to the customer's balance.
    """
    own = invoices.intent_of(work, invoice)
    if invoice["status"] != "open" or own is None:
        raise Refused(f"This invoice is {invoice['status']}: it can't be paid in parts.")
    if not amounts or min(amounts) < 1 or sum(amounts[:-1]) >= invoice["amount_remaining"]:
        raise Refused("The parts are more than nothing each, and only the last one more than what is left to pay.")
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
    if invoice["amount_overpaid"]:
        _to_balance(work, invoice)
    return invoice


def _pay_part(work: Work, invoice: Object, method: Object, amount: int) -> None:
    intent = payment_intents.make(work, amount, invoice["currency"], customer=invoice["customer"], order=invoice["id"])
    payment = invoice_payments.make(work, invoice, intent, default=False)
    applied = min(amount, invoice["amount_remaining"])
    payment |= {"status": "paid", "amount_paid": applied}
    payment["status_transitions"]["paid_at"] = work.now
    work.keep(payment)
    work.emit("invoice_payment.paid", payment)
    if payment_intents.charge(work, intent, method) is not None:
        raise Refused("The card is declined: pay in parts with one that pays.", param="card")
    with work.changing(invoice, "invoice.updated"):
        invoice["amount_paid"] += applied
        invoice["amount_remaining"] -= applied
        invoice["amount_overpaid"] += amount - applied


def _to_balance(work: Work, invoice: Object) -> None:
    customer = customers.living(work, invoice["customer"])
    customers.change(work, customer, {"balance": customer["balance"] - invoice["amount_overpaid"]})
    work.emit("invoice.overpaid", invoice)
