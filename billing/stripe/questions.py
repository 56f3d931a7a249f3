"""What a handler may need to know before it can act. It answers with the questions; the inbox rolls back, asks Stripe,
and calls again with the answers. So no verb ever fetches.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class InvoiceById:
    """→ `Invoice` with all its lines, or None where there is none."""

    id: str


@dataclass(frozen=True, slots=True)
class InvoiceOfPayment:
    """→ `Invoice` with all its lines that this payment paid (all or a part of), or None. One of both ids is enough."""

    payment_intent: str | None
    charge: str | None = None


@dataclass(frozen=True, slots=True)
class InvoicesOfPayment:
    """→ tuple of `InvoicePayment`: which invoices this payment was meant for, and what it paid of each."""

    payment_intent: str | None
    charge: str | None = None


@dataclass(frozen=True, slots=True)
class PaymentsOfInvoice:
    """→ tuple of `InvoicePayment`."""

    invoice: str


@dataclass(frozen=True, slots=True)
class PaidInvoices:
    """→ tuple of `Invoice`, each with all its lines: all paid ones of the subscription, in the order they were paid
    (ties: created, then id).
    """

    subscription: str


@dataclass(frozen=True, slots=True)
class RefundsOfPayment:
    """→ tuple of `Refund`, the oldest first, whatever their status."""

    payment_intent: str | None
    charge: str | None = None


@dataclass(frozen=True, slots=True)
class DisputesOfPayment:
    """→ tuple of `Dispute`, the oldest first."""

    payment_intent: str | None
    charge: str | None = None


@dataclass(frozen=True, slots=True)
class StoodAt:
    """→ the `refund` or `dispute` made at `created` as it stood at `at`, by the events that Stripe lists of it; None
    where it lists none, since nothing has happened to it for as long as it keeps them.
    """

    kind: str
    id: str
    created: datetime
    at: datetime


@dataclass(frozen=True, slots=True)
class CreditNotesOfInvoice:
    """→ tuple of `CreditNote`, the oldest first, whatever their status."""

    invoice: str


@dataclass(frozen=True, slots=True)
class SessionOfPayment:
    """→ `SeenSession` whose payment this is, or None."""

    payment_intent: str


@dataclass(frozen=True, slots=True)
class SessionById:
    """→ `SeenSession` with all its lines, or None."""

    id: str


@dataclass(frozen=True, slots=True)
class SubscriptionById:
    """→ `Subscription` as it stands now, or None. `since`: what we had done with it by then; an answer from before
    something else was done is no answer to the question after it.
    """

    id: str
    since: int = 0


@dataclass(frozen=True, slots=True)
class CustomerById:
    """→ `Customer`, or None."""

    id: str


@dataclass(frozen=True, slots=True)
class ObjectById:
    """→ the object of that kind as Stripe shows it now, in plain JSON, or None: for events that come without it."""

    kind: str
    id: str


Question = (
    InvoiceById
    | InvoiceOfPayment
    | InvoicesOfPayment
    | PaymentsOfInvoice
    | PaidInvoices
    | RefundsOfPayment
    | DisputesOfPayment
    | StoodAt
    | CreditNotesOfInvoice
    | SessionOfPayment
    | SessionById
    | SubscriptionById
    | CustomerById
    | ObjectById
)

Known = Mapping[Question, Any]
"""The answers so far. A question that stands in it was answered, perhaps with None."""


class NobodyToAsk(dict[Question, Any]):
    """Nothing can be asked here: what is at hand must do."""
