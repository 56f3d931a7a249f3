"""Events from before our time: what was paid before `STRIPE_START` is claimed as that, and so is what became of it."""

from __future__ import annotations

from datetime import datetime

from billing.base.db import Tx
from billing.sales import before
from billing.sales.back import payments
from billing.sales.back.payments import Purchase
from billing.sales.packs.topup_rows import MARK
from billing.sales.values import Applied
from billing.stripe import payloads, returns
from billing.stripe import payments as payloads_of_payments
from billing.stripe.questions import InvoiceById, InvoiceOfPayment, Known, Question, SessionOfPayment
from billing.stripe.values import Event, Invoice, SeenSession

_PAID_SESSIONS = ("checkout.session.completed", "checkout.session.async_payment_succeeded")
_RETURNS = {"refund": "refund", "dispute": "dispute", "charge": "charge", "credit_note": "credit note"}


def from_before(tx: Tx, start: datetime | None, event: Event, known: Known) -> Applied | None:
    """The answer to an event from before our time; None: it is to be handled. `needs` alone: Stripe can tell, where it
    can be asked.
    """
    if event.fact == "invoice.paid":
        invoice = payloads.invoice(event.object)
        at = invoice.paid_at or event.created
        start = before.begins(tx, start, invoice.customer, invoice.metadata.get(MARK))
        return _claimed(tx, "invoice", invoice.id, at, start, f"{invoice.id} was paid")
    if event.fact in _PAID_SESSIONS:
        return _session(tx, start, event)
    kind = _RETURNS.get(str(event.object.get("object")))
    if kind is None or event.object_id is None or (start is None and not before.anyone_taken_over(tx)):
        return None
    if start is not None and event.created < start:
        return _claimed(tx, kind, event.object_id, event.created, start, f"{event.object_id} happened")
    return _of_earlier_payment(tx, start, event, kind, event.object_id, known)


def _session(tx: Tx, start: datetime | None, event: Event) -> Applied | None:
    session = payloads.session(event.object)
    if session.mode != "payment" or session.payment_status == "unpaid":
        return None
    start = before.begins(tx, start, session.customer, session.metadata.get(MARK))
    return _claimed(tx, "session", session.id, event.created, start, f"{session.id} was paid")


def _of_earlier_payment(
    tx: Tx, start: datetime | None, event: Event, kind: str, id: str, known: Known
) -> Applied | None:
    """What comes back of a payment from before our time takes nothing: it has brought nothing."""
    found = Applied(note=before.words(f"{id} is of a payment from", start))
    if before.known(tx, [id]):
        return found
    intent, charge, invoice = _payment_of(event)
    purchase = Purchase(invoice) if invoice else payments.purchase_of(tx, intent, charge, known)
    paid_by_it = [Purchase(invoice)] if invoice else payments.all_of(tx, intent, charge)
    if isinstance(purchase, Purchase) and any(payments.sales_of(tx, one) for one in paid_by_it):
        return None
    questions: list[Question] = [InvoiceById(invoice) if invoice else InvoiceOfPayment(intent, charge)]
    if intent is not None:
        questions.append(SessionOfPayment(intent))
    missing = tuple(question for question in questions if question not in known)
    if missing:
        return Applied(needs=missing)
    times = [_paid_at(known[question]) for question in questions]
    paid = [at for at in times if at is not None]
    payers = (payer for question in questions if (payer := _payer(known[question])) is not None)
    start = before.begins(tx, start, *next(payers, (None, None)))
    if not paid or start is None or min(paid) >= start:
        return None
    before.claim(tx, kind, id, min(paid), start)
    return found


def _payment_of(event: Event) -> tuple[str | None, str | None, str | None]:
    """(payment intent, charge, invoice) that it is of, as far as it says so itself."""
    match event.object.get("object"):
        case "refund":
            refund = returns.refund(event.object)
            return refund.payment_intent, refund.charge, None
        case "dispute":
            dispute = returns.dispute(event.object)
            return dispute.payment_intent, dispute.charge, None
        case "charge":
            charge = payloads_of_payments.charge(event.object)
            return charge.payment_intent, charge.id, None
        case _:
            return None, None, returns.credit_note(event.object).invoice


def _payer(found: Invoice | SeenSession | None) -> tuple[str, str | None] | None:
    """Stripe's customer, and the top-up of ours that was paid for, if it was one."""
    paid = found.session if isinstance(found, SeenSession) else found
    return None if paid is None or paid.customer is None else (paid.customer, paid.metadata.get(MARK))


def _paid_at(found: Invoice | SeenSession | None) -> datetime | None:
    if found is None:
        return None
    return found.paid_at if isinstance(found, Invoice) else found.paid_at or found.session.created


def _claimed(tx: Tx, kind: str, id: str, at: datetime, start: datetime | None, what: str) -> Applied | None:
    return Applied(note=before.words(what, start)) if before.claim(tx, kind, id, at, start) else None
