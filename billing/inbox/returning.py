"""Handlers of what comes back, and of which payment paid what: refunds, disputes, credit notes, charges."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from sqlalchemy import select

from billing.base.db import Tx
from billing.catalog.terms import Catalog
from billing.inbox.tables import stripe_events
from billing.sales.back import disputes, payments, refunds, returned
from billing.sales.back.payments import Purchase
from billing.sales.values import Applied
from billing.stripe import payments as paid
from billing.stripe import returns
from billing.stripe.questions import Known, ObjectById, Question, RefundsOfPayment
from billing.stripe.values import Event, Refund

_TURNS = ("refund.created", "refund.failed", "charge.dispute.created", "charge.dispute.closed")
_PAID = ("invoice.paid", "checkout.session.completed", "checkout.session.async_payment_succeeded")


def handle_refund(tx: Tx, catalog: Catalog, event: Event, known: Known) -> Applied:
    """A refund was made, went through, or did not after all. It says so itself, whichever event tells of it."""
    return _refund(tx, catalog, returns.refund(event.object), known, _since(event))


def handle_charge_refunded(tx: Tx, catalog: Catalog, event: Event, known: Known) -> Applied:
    """All that was refunded of a charge so far: to check by, never to add up. What no refund has told of is asked."""
    charge = paid.charge(event.object)
    if charge.invoice is not None:
        payments.note(tx, Purchase(invoice=charge.invoice), [(charge.payment_intent or charge.id, None)])
    told = refunds.told_cents(tx, [id for id in (charge.payment_intent, charge.id) if id is not None])
    if told >= charge.refunded_cents:
        return Applied(note="its refunds have said so")
    question = RefundsOfPayment(charge.payment_intent, charge.id if charge.payment_intent is None else None)
    if question not in known:
        missing = f"{charge.refunded_cents - told} cents were refunded that no refund has told of"
        return Applied(waits=missing, needs=(question,))
    return _together([_refund(tx, catalog, refund, known) for refund in known[question]])


def handle_dispute(tx: Tx, catalog: Catalog, event: Event, known: Known) -> Applied:
    """A dispute began, changed or ended, or its money moved: one thing, told by several events."""
    dispute = returns.dispute(event.object)
    answer = disputes.apply(tx, catalog, dispute, event.created, known, _since(event))
    return _of_nothing(tx, answer, dispute.payment_intent, dispute.charge, known)


def handle_credit_note(tx: Tx, catalog: Catalog, event: Event, known: Known) -> Applied:
    """A credit note was issued, changed or voided. The refunds it names are told by themselves, or asked for."""
    note = returns.credit_note(event.object)
    named = [ObjectById("refund", one.id) for one in note.refunds]
    fetched = [returns.refund(known[one]) for one in named if known.get(one) is not None]
    before = _together([_refund(tx, catalog, refund, known) for refund in fetched])
    if before.needs:
        return before
    answer = refunds.credit_note(tx, catalog, note, known)
    if answer.waits is not None and _brought_nothing(tx, Purchase(invoice=note.invoice)):
        return Applied(note=f"{note.invoice} has brought no credits")
    missing = tuple(one for one in named if one not in known)
    return answer if answer.waits is None else replace(answer, needs=(*answer.needs, *missing))


def handle_invoice_payment(tx: Tx, catalog: Catalog, event: Event, known: Known) -> Applied:  # noqa: ARG001
    """Which payment paid which invoice: what comes back later names the payment alone. What came back before we knew
    that it paid this one, too, is shared anew.
    """
    payment = paid.invoice_payment(event.object)
    named = [(payment.payment_intent, payment.amount_paid_cents), (payment.charge, payment.amount_paid_cents)]
    payments.note(tx, Purchase(invoice=payment.invoice), named)
    for purchase in payments.all_of(tx, payment.payment_intent, payment.charge):
        returned.catch_up(tx, catalog, purchase)
    return Applied(note=f"{payment.payment_intent or payment.charge or 'something else'} paid {payment.invoice}")


def _since(event: Event) -> datetime | None:
    """When its object took the status it is shown with, where the event says so: it is the one that tells of that. A
    thin one is shown with what stands now.
    """
    turned = event.fact in _TURNS or "status" in event.previous
    return event.created if turned and event.related is None else None


def _refund(tx: Tx, catalog: Catalog, refund: Refund, known: Known, since: datetime | None = None) -> Applied:
    answer = refunds.apply(tx, catalog, refund, known, since)
    return _of_nothing(tx, answer, refund.payment_intent, refund.charge, known)


def _of_nothing(tx: Tx, answer: Applied, payment: str | None, charge: str | None, known: Known) -> Applied:
    """What comes back of a purchase that was handled and has brought no credits takes none, and waits for nothing."""
    if answer.waits is None:
        return answer
    purchase = payments.purchase_of(tx, payment, charge, known)
    if isinstance(purchase, Purchase) and all(
        _brought_nothing(tx, one) for one in payments.all_of(tx, payment, charge)
    ):
        return Applied(note=f"{purchase} has brought no credits")
    return answer


def _brought_nothing(tx: Tx, purchase: Purchase) -> bool:
    """Were we told that it was paid, and did nothing come of that?"""
    if payments.sales_of(tx, purchase):
        return False
    ids = [id for id in (purchase.invoice, purchase.session) if id is not None]
    its = stripe_events.c.object_id.in_(ids) & stripe_events.c.type.in_(_PAID)
    told = list(tx.connection.execute(select(stripe_events.c.status).where(its)).scalars())
    return bool(told) and all(status == "done" for status in told)


def _together(answers: list[Applied]) -> Applied:
    """Several answers to one event."""
    needs: tuple[Question, ...] = tuple(question for one in answers for question in one.needs)
    if any(one.needs and one.waits is None for one in answers):
        return Applied(needs=needs)
    waits = "; ".join(dict.fromkeys(one.waits for one in answers if one.waits))
    return Applied(waits=waits or None, note="; ".join(dict.fromkeys(one.note for one in answers if one.note)) or None,
                   needs=needs)  # fmt: skip
