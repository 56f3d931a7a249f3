"""Events from before our time: what was paid before `STRIPE_START` is claimed as that, and so is what became of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from billing.base.db import Tx
from billing.sales import before
from billing.sales.values import Applied
from billing.stripe import payloads, payments, returns
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
        return _claimed(tx, "invoice", invoice.id, at, start, f"{invoice.id} was paid")
    if event.fact in _PAID_SESSIONS:
        return _session(tx, start, event)
    kind = _RETURNS.get(str(event.object.get("object")))
    if kind is None or start is None or event.object_id is None:
        return None
    if event.created < start:
        return _claimed(tx, kind, event.object_id, event.created, start, f"{event.object_id} happened")
    return _of_earlier_payment(tx, start, event, kind, event.object_id, known)


def _session(tx: Tx, start: datetime | None, event: Event) -> Applied | None:
    session = payloads.session(event.object)
    if session.mode != "payment" or session.payment_status == "unpaid":
        return None
    return _claimed(tx, "session", session.id, event.created, start, f"{session.id} was paid")


def _of_earlier_payment(tx: Tx, start: datetime, event: Event, kind: str, id: str, known: Known) -> Applied | None:
    """What comes back of a payment from before our time takes nothing: it has brought nothing."""
    if before.known(tx, [id]):
        return Applied(note=before.words(f"{id} is of a payment from", start))
    questions = _payment_of(event)
    missing = tuple(question for question in questions if question not in known)
    if missing:
        return Applied(needs=missing)
    times = [_paid_at(known[question]) for question in questions]
    paid = [at for at in times if at is not None]
    if not paid or min(paid) >= start:
        return None
    before.claim(tx, kind, id, min(paid), start)
    return Applied(note=before.words(f"{id} is of a payment from", start))


def _payment_of(event: Event) -> Sequence[Question]:
    match event.object.get("object"):
        case "refund":
            refund = returns.refund(event.object)
            intent, charge = refund.payment_intent, refund.charge
        case "dispute":
            dispute = returns.dispute(event.object)
            intent, charge = dispute.payment_intent, dispute.charge
        case "charge":
            paid = payments.charge(event.object)
            intent, charge = paid.payment_intent, paid.id
        case _:
            return [InvoiceById(returns.credit_note(event.object).invoice)]
    found: list[Question] = [InvoiceOfPayment(intent, charge)]
    if intent is not None:
        found.append(SessionOfPayment(intent))
    return found


def _paid_at(found: Invoice | SeenSession | None) -> datetime | None:
    if found is None:
        return None
    return found.paid_at if isinstance(found, Invoice) else found.paid_at or found.session.created


def _claimed(tx: Tx, kind: str, id: str, at: datetime, start: datetime | None, what: str) -> Applied | None:
    return Applied(note=before.words(what, start)) if before.claim(tx, kind, id, at, start) else None
