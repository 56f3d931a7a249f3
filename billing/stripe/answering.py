"""Answering a handler's questions: each becomes one or a few calls, its answer one of our values.

Ids come from what somebody sent us and would stand in an address: what is no id of Stripe's is answered with
"there is none", unasked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, TypeVar

from billing.rules.refusals import StripeRefused
from billing.stripe import answers, payloads, payments, returns, stood
from billing.stripe.calling import Ask, any_type, each_once, first_of, plain, read
from billing.stripe.questions import (
    CreditNotesOfInvoice,
    CustomerById,
    DisputesOfPayment,
    InvoiceById,
    InvoiceOfPayment,
    InvoicesOfPayment,
    ObjectById,
    PaidInvoices,
    PaymentsOfInvoice,
    Question,
    RefundsOfPayment,
    SessionById,
    SessionOfPayment,
    StoodAt,
    SubscriptionById,
)
from billing.stripe.values import CreditNote, Dispute, Invoice, InvoicePayment, Refund, SeenSession, Subscription

if TYPE_CHECKING:
    from stripe import StripeClient

Value = TypeVar("Value")

PAGE = 100
_WHOLE_SESSION = ["line_items", "invoice", "subscription", "payment_intent.latest_charge"]


def is_id(id: str) -> bool:
    """Could this be an id of Stripe's?"""
    return id.isascii() and id.replace("_", "").isalnum()


def answer(client: StripeClient, ask: Ask, question: Question) -> Any:
    """The answer, as the question describes it. Raises StripeUnavailable, StripeNotConfigured, StripeRefused."""
    match question:
        case InvoiceById(id):
            found = plain_object(client, ask, "invoice", id)
            return None if found is None else whole_invoice(client, ask, found)
        case InvoiceOfPayment():
            return _invoice_of(client, ask, question)
        case InvoicesOfPayment(intent, charge):
            return _parts_of(client, ask, intent, charge)
        case PaymentsOfInvoice(invoice):
            return _payments(client, ask, {"invoice": invoice}) if is_id(invoice) else ()
        case PaidInvoices(subscription):
            return _paid_invoices(client, ask, subscription) if is_id(subscription) else ()
        case RefundsOfPayment() | DisputesOfPayment() | StoodAt() | CreditNotesOfInvoice():
            return _what_went_back(client, ask, question)
        case SessionOfPayment(intent):
            return _session_of(client, ask, intent)
        case SessionById(id):
            found = plain_object(client, ask, "checkout.session", id)
            return None if found is None else whole_session(client, ask, id)
        case SubscriptionById(id):
            found = plain_object(client, ask, "subscription", id)
            return None if found is None else _whole_subscription(client, ask, found)
        case CustomerById(id):
            found = plain_object(client, ask, "customer", id)
            return None if found is None else read(answers.customer, found)
        case ObjectById(kind, id):
            return plain_object(client, ask, kind, id)


def _what_went_back(
    client: StripeClient, ask: Ask, question: RefundsOfPayment | DisputesOfPayment | StoodAt | CreditNotesOfInvoice
) -> Any:
    match question:
        case RefundsOfPayment(intent, charge):
            return _oldest_first(_of_payment(client.v1.refunds.list, ask, returns.refund, intent, charge))
        case DisputesOfPayment(intent, charge):
            return _oldest_first(_of_payment(client.v1.disputes.list, ask, returns.dispute, intent, charge))
        case StoodAt(_, id):
            return stood.stood_at(client, ask, question) if is_id(id) else None
        case CreditNotesOfInvoice(invoice):
            return _credit_notes(client, ask, invoice) if is_id(invoice) else ()


def plain_object(client: StripeClient, ask: Ask, kind: str, id: str) -> dict[str, Any] | None:
    """The object as Stripe shows it, in plain JSON; None where there is none."""
    retrieve = _retrievers(client).get(kind)
    if retrieve is None:
        raise StripeRefused(f"objects of the kind {kind!r} are not asked for")
    if not is_id(id):
        return None
    try:
        return plain(ask(lambda: retrieve(id)))
    except StripeRefused as refused:
        if refused.missing is None:
            raise
        return None


def pages(ask: Ask, call: Callable[[Any], Any], params: dict[str, Any]) -> list[dict[str, Any]]:
    """All of a list, page by page, in plain JSON."""

    def gather() -> list[dict[str, Any]]:
        return [plain(one) for one in each_once(call(any_type({**params, "limit": PAGE})))]

    found: list[dict[str, Any]] = ask(gather)
    return found


def whole_invoice(client: StripeClient, ask: Ask, found: dict[str, Any]) -> Invoice:
    """An invoice with all its lines, where it came with the first ones only."""
    listed = found.get("lines")
    if isinstance(listed, dict) and listed.get("has_more") is True:
        id = str(found.get("id"))
        rest = pages(ask, lambda asked: client.v1.invoices.line_items.list(id, asked), {})
        found = {**found, "lines": {**listed, "data": rest, "has_more": False}}
    return read(payloads.invoice, found)


def whole_session(client: StripeClient, ask: Ask, id: str) -> SeenSession:
    """A session with all that belongs to it and all its lines."""
    expand = any_type({"expand": _WHOLE_SESSION})
    found = plain(ask(lambda: client.v1.checkout.sessions.retrieve(id, expand)))
    listed = found.get("line_items")
    if isinstance(listed, dict) and listed.get("has_more") is True:
        rest = pages(ask, lambda asked: client.v1.checkout.sessions.line_items.list(id, asked), {})
        found["line_items"] = {**listed, "data": rest, "has_more": False}
    return read(answers.seen, found)


def _whole_subscription(client: StripeClient, ask: Ask, found: dict[str, Any]) -> Subscription:
    listed = found.get("items")
    if isinstance(listed, dict) and listed.get("has_more") is True:
        rest = pages(ask, client.v1.subscription_items.list, {"subscription": found.get("id")})
        found["items"] = {**listed, "data": rest, "has_more": False}
    return read(answers.subscription, found)


def _parts_of(client: StripeClient, ask: Ask, intent: str | None, charge: str | None) -> tuple[InvoicePayment, ...]:
    if intent is None and charge is not None:
        shown = plain_object(client, ask, "charge", charge)
        intent = None if shown is None else read(payments.charge, shown).payment_intent
    if intent is None or not is_id(intent):
        return ()
    return _payments(client, ask, {"payment": {"type": "payment_intent", "payment_intent": intent}})


def _invoice_of(client: StripeClient, ask: Ask, question: InvoiceOfPayment) -> Invoice | None:
    paid = _parts_of(client, ask, question.payment_intent, question.charge)
    # One intent may have been meant for several invoices, and have paid one.
    in_order = sorted(paid, key=lambda one: (one.status != "paid", one.id))
    found: Invoice | None = answer(client, ask, InvoiceById(in_order[0].invoice)) if in_order else None
    return found


def _payments(client: StripeClient, ask: Ask, wanted: dict[str, Any]) -> tuple[InvoicePayment, ...]:
    found = pages(ask, client.v1.invoice_payments.list, wanted)
    return tuple(read(payments.invoice_payment, one) for one in found)


def _credit_notes(client: StripeClient, ask: Ask, invoice: str) -> tuple[CreditNote, ...]:
    found = pages(ask, client.v1.credit_notes.list, {"invoice": invoice})
    return tuple(sorted((read(returns.credit_note, one) for one in found), key=lambda one: (one.created, one.id)))


def _paid_invoices(client: StripeClient, ask: Ask, subscription: str) -> tuple[Invoice, ...]:
    found = pages(ask, client.v1.invoices.list, {"subscription": subscription, "status": "paid"})
    whole = [whole_invoice(client, ask, one) for one in found]
    return tuple(sorted(whole, key=lambda one: (one.paid_at or one.created, one.created, one.id)))


def _session_of(client: StripeClient, ask: Ask, intent: str) -> SeenSession | None:
    if not is_id(intent):
        return None
    found = ask(lambda: client.v1.checkout.sessions.list(any_type({"payment_intent": intent, "limit": 1})))
    its = first_of(found)
    return whole_session(client, ask, str(its[0].id)) if its else None


def _of_payment(
    call: Callable[[Any], Any], ask: Ask, reader: Callable[[object], Value], intent: str | None, charge: str | None
) -> list[Value]:
    """What belongs to a payment, by its intent, else by its charge."""
    name, id = ("payment_intent", intent) if intent is not None else ("charge", charge)
    if id is None or not is_id(id):
        return []
    try:
        return [read(reader, one) for one in pages(ask, call, {name: id})]
    except StripeRefused as refused:
        if refused.missing is None:
            raise
        return []


_Returned = TypeVar("_Returned", Refund, Dispute)


def _oldest_first(found: Iterable[_Returned]) -> tuple[_Returned, ...]:
    return tuple(sorted(found, key=lambda one: (one.created, one.id)))


def _retrievers(client: StripeClient) -> dict[str, Callable[[str], Any]]:
    v1 = client.v1
    return {
        "charge": v1.charges.retrieve,
        "checkout.session": v1.checkout.sessions.retrieve,
        "credit_note": v1.credit_notes.retrieve,
        "customer": v1.customers.retrieve,
        "dispute": v1.disputes.retrieve,
        "event": v1.events.retrieve,
        "invoice": v1.invoices.retrieve,
        "invoice_payment": v1.invoice_payments.retrieve,
        "payment_intent": v1.payment_intents.retrieve,
        "price": v1.prices.retrieve,
        "refund": v1.refunds.retrieve,
        "subscription": v1.subscriptions.retrieve,
    }
