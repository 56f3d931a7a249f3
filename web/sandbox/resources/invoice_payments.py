"""Invoice payments: which intent pays which invoice. Made by finalizing, kept in step with the invoice."""

from __future__ import annotations

from web.sandbox.store import Object
from web.sandbox.work import Work


def make(work: Work, invoice: Object, intent: Object, *, default: bool = True) -> Object:
    return work.keep(
        work.new(
            "invoice_payment",
            amount_paid=None,
            amount_requested=intent["amount"],
            currency=invoice["currency"],
            invoice=invoice["id"],
            is_default=default,
            payment={"payment_intent": intent["id"], "type": "payment_intent"},
            status="open",
            status_transitions={"canceled_at": None, "paid_at": None},
        )
    )


def of(work: Work, invoice: Object) -> list[Object]:
    """Newest first."""
    return work.rows.select("invoice_payment", invoice=invoice["id"])


def note_paid(work: Work, invoice: Object) -> None:
    for payment in of(work, invoice):
        if payment["status"] == "open":
            payment |= {"status": "paid", "amount_paid": payment["amount_requested"]}
            payment["status_transitions"]["paid_at"] = work.now
            work.keep(payment)
            work.emit("invoice_payment.paid", payment)


def note_canceled(work: Work, invoice: Object) -> None:
    for payment in of(work, invoice):
        if payment["status"] == "open":
            payment["status"] = "canceled"
            payment["status_transitions"]["canceled_at"] = work.now
            work.keep(payment)
