"""Handlers of what is paid, or is not: invoices and Checkout sessions."""

from __future__ import annotations

from dataclasses import replace

from billing.base import outbox
from billing.base.db import Tx
from billing.catalog.terms import Catalog
from billing.sales import claims, payers, stripe_customers
from billing.sales.asking import settling
from billing.sales.auto_topups import settling as auto_topups
from billing.sales.back import payments
from billing.sales.back.payments import Purchase
from billing.sales.packs import topup_rows
from billing.sales.plans import allocations
from billing.sales.stripe_customers import REFERENCE
from billing.sales.values import Applied
from billing.stripe import payloads
from billing.stripe import payments as paid
from billing.stripe.questions import InvoiceById, Known, Question, SessionById
from billing.stripe.values import Event, Invoice, Session

_SAYS_ITSELF = "what is paid by it, an invoice or a session, says so itself"
_FAILURES = {
    "invoice.payment_failed": "the payment failed",
    "invoice.payment_action_required": "the customer has to confirm the payment",
    "invoice.finalization_failed": "Stripe could not finalize the invoice",
}


def handle_invoice_paid(tx: Tx, catalog: Catalog, event: Event, known: Known) -> Applied:
    """An invoice was paid: through Stripe, out of band, or because nothing was due."""
    invoice, needs = whole(payloads.invoice(event.object), known)
    sought = payers.seek(tx, invoice.customer, invoice.subscription, invoice.metadata, known)
    invoice = replace(invoice, metadata=sought.metadata)
    answer = allocations.apply(tx, catalog, invoice, invoice.paid_at or event.created, known)
    return answer if answer.waits is None else replace(answer, needs=(*answer.needs, *needs, *sought.needs))


def handle_invoice_trouble(tx: Tx, _: Catalog, event: Event, known: Known) -> Applied:  # noqa: ARG001
    """An invoice could not be paid. Nothing is granted or taken: Stripe tries again, or the subscription ends."""
    invoice = payloads.invoice(event.object)
    what = _FAILURES[event.fact]
    customer = _whose(tx, invoice)
    fact = {"customer": customer, "invoice": invoice.id, "subscription": invoice.subscription, "topup": None,
            "reason": what}  # fmt: skip
    if customer is None:
        return Applied(note=f"{what}; linked to nobody")
    outbox.tell(tx, ("payment.failed", fact))
    return Applied(note=what)


def handle_invoice_unpaid(tx: Tx, _: Catalog, event: Event, known: Known) -> Applied:  # noqa: ARG001
    """An invoice was voided, written off or deleted: what was never paid has granted nothing."""
    invoice = payloads.invoice(event.object)
    if claims.sold_by_invoice(tx, invoice.id):
        # Stripe voids and writes off open invoices only; one that was paid after all says so itself.
        return Applied(waits=f"{invoice.id} is {invoice.status}, and has brought credits: look at it")
    return Applied(note=f"the invoice is {invoice.status}; it has granted nothing")


def handle_invoice_overpaid(tx: Tx, _: Catalog, event: Event, known: Known) -> Applied:  # noqa: ARG001
    """More was paid than the invoice asked. Stripe puts the rest on the customer's balance, where it brings no credits
    until an invoice is paid with it.
    """
    invoice = payloads.invoice(event.object)
    return Applied(note=f"more was paid than {invoice.id} asked; the rest is on the customer's balance at Stripe")


def handle_payment(tx: Tx, catalog: Catalog, event: Event, known: Known) -> Applied:  # noqa: ARG001
    """A payment went through. What it paid says itself that it is paid, but for a top-up that was bought in the
    customer's absence; before basil the payment says of which invoice it is, which what comes back later does not.
    """
    intent = paid.payment_intent(event.object)
    automatic = auto_topups.of_ours(tx, intent)
    if automatic is not None:
        return auto_topups.apply(tx, catalog, automatic, intent, event.created)
    if intent.invoice is not None:
        payments.note(tx, Purchase(invoice=intent.invoice), [(intent.id, intent.received_cents or None)])
    return Applied(note=_SAYS_ITSELF)


def handle_payment_canceled(tx: Tx, catalog: Catalog, event: Event, known: Known) -> Applied:  # noqa: ARG001
    """No money came by it. One follows every invoice that was paid outside Stripe, and every automatic top-up that was
    declined.
    """
    intent = paid.payment_intent(event.object)
    automatic = auto_topups.of_ours(tx, intent)
    if automatic is not None:
        return auto_topups.apply(tx, catalog, automatic, intent, event.created)
    return Applied(note=f"nothing was paid by {intent.id}")


def handle_payment_failed(tx: Tx, catalog: Catalog, event: Event, known: Known) -> Applied:  # noqa: ARG001
    """An attempt to pay failed. Of an invoice or a session these say so themselves, and go on; of a payment that was
    asked for in the buyer's absence, for a top-up of ours, nobody else would.
    """
    intent = paid.payment_intent(event.object)
    automatic = auto_topups.of_ours(tx, intent)
    if automatic is not None:
        return auto_topups.apply(tx, catalog, automatic, intent, event.created)
    topup = topup_rows.read(tx, intent.metadata.get(topup_rows.MARK, ""))
    if topup is None:
        return Applied(note=_SAYS_ITSELF)
    whose = stripe_customers.customer_of(tx, intent.customer) if intent.customer is not None else None
    if whose != topup.customer_id:
        return Applied(note=f"it names {topup.id}, a top-up of another customer")
    what = _FAILURES["invoice.payment_failed"]
    fact = {"customer": whose, "invoice": None, "subscription": None, "topup": topup.id, "reason": what}
    outbox.tell(tx, ("payment.failed", fact))
    return Applied(note=what)


def handle_session(tx: Tx, catalog: Catalog, event: Event, known: Known) -> Applied:
    """A Checkout session was completed, the money of a completed one arrived, or nobody paid in time."""
    session, needs = with_lines(payloads.session(event.object), known)
    metadata = session.metadata
    if session.client_reference_id is not None:
        metadata = {**metadata, REFERENCE: session.client_reference_id}
    sought = payers.seek(tx, session.customer, session.subscription, metadata, known)
    session = replace(session, client_reference_id=sought.metadata.get(REFERENCE, session.client_reference_id))
    answer = settling.apply(tx, catalog, session, event.created)
    return answer if answer.waits is None else replace(answer, needs=(*answer.needs, *needs, *sought.needs))


def handle_session_failed(tx: Tx, catalog: Catalog, event: Event, known: Known) -> Applied:  # noqa: ARG001
    """The money of a completed session does not come."""
    return settling.apply(tx, catalog, payloads.session(event.object), event.created, failed=True)


def whole(invoice: Invoice, known: Known) -> tuple[Invoice, tuple[Question, ...]]:
    """The invoice with all its lines, where they are known; else what would have to be."""
    question = InvoiceById(invoice.id)
    if not invoice.has_more:
        return invoice, ()
    fetched = known.get(question)
    if fetched is None:
        return invoice, () if question in known else (question,)
    return replace(invoice, lines=fetched.lines, has_more=False), ()


def with_lines(session: Session, known: Known) -> tuple[Session, tuple[Question, ...]]:
    """The same for a session that was opened elsewhere: events never hold its lines, and its metadata may not say what
    it sells.
    """
    question = SessionById(session.id)
    if session.mode != "payment" or settling.says_itself(session) or session.lines is not None:
        return session, ()
    fetched = known.get(question)
    if fetched is None:
        return session, () if question in known else (question,)
    return replace(session, lines=fetched.session.lines, has_more=fetched.session.has_more), ()


def _whose(tx: Tx, invoice: Invoice) -> str | None:
    linked = stripe_customers.customer_of(tx, invoice.customer) if invoice.customer is not None else None
    named = invoice.metadata.get(REFERENCE)
    return linked or (named if stripe_customers.is_ours(tx, named) else None)
