"""What Stripe itself says was paid in a month, and went back: asked with nothing locked, for the reconciliation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from billing.finance.paid_sessions import absent, is_paid
from billing.stripe import payloads, returns
from billing.stripe.gateway import Gateway
from billing.stripe.values import Dispute, PayloadInvalid, Refund

_UNDER_WAY = timedelta(days=14)
"""So long a bank may take to pay by debit."""

_OPEN_FOR = timedelta(days=60)
"""An invoice may be paid so long after it was made, a session within a day or a few."""


@dataclass(frozen=True, slots=True)
class Paid:
    """A payment at Stripe. `kind`: invoice, session, or payment, where there was neither. `priced`: something on it has
    a price, and so it may be ours. `invoice`: what a session made, which is the same payment.
    """

    kind: str
    id: str
    payer: str | None
    paid_at: datetime
    cents: int
    currency: str
    priced: bool
    invoice: str | None = None


@dataclass(frozen=True, slots=True)
class Back:
    """Money that Stripe gives back (`kind` refund) or is asked to give back (dispute). `payments`: what the payment may
    be known by.
    """

    kind: str
    id: str
    payments: tuple[str, ...]
    at: datetime
    cents: int
    currency: str
    status: str


def returned(gateway: Gateway, since: datetime, until: datetime) -> list[Back]:
    """Refunds and disputes that were made in `[since, until)`, as they stand now."""
    lists = gateway.look
    found = [_back("refund", returns.refund, one) for one in lists.made_between("refund", since, until)]
    found += [_back("dispute", returns.dispute, one) for one in lists.made_between("dispute", since, until)]
    return [one for one in found if one is not None]


def _back(kind: str, read: Callable[[object], Refund | Dispute], document: object) -> Back | None:
    try:
        one = read(document)
    except PayloadInvalid:
        return None
    named = tuple(name for name in (one.payment_intent, one.charge) if name is not None)
    return Back(kind, one.id, named, one.created, one.amount_cents, one.currency, one.status)


def paid(gateway: Gateway, since: datetime, until: datetime) -> list[Paid]:
    """All that was paid in `[since, until)`. Raises StripeUnavailable, StripeNotConfigured."""
    lists = gateway.look
    found = [_invoice(one) for one in lists.made_between("invoice", since - _OPEN_FOR, until)]
    found += [_session(one) for one in lists.made_between("checkout.session", since, until)]
    found += [_absent(one) for one in lists.made_between("payment_intent", since - _UNDER_WAY, until)]
    return [one for one in found if one is not None and since <= one.paid_at < until]


def _invoice(document: dict[str, object]) -> Paid | None:
    try:
        one = payloads.invoice(document)
    except PayloadInvalid:
        return None
    cents = sum(line.net_cents for line in one.lines)
    priced = one.has_more or any(line.price is not None for line in one.lines)
    return Paid("invoice", one.id, one.customer, one.paid_at or one.created, cents, one.currency, priced)


def _session(document: dict[str, object]) -> Paid | None:
    try:
        one = payloads.session(document)
    except PayloadInvalid:
        return None
    if not is_paid(one) or one.created is None:
        return None
    cents, currency = one.net_cents or 0, one.currency or ""
    return Paid("session", one.id, one.customer, one.created, cents, currency, priced=True, invoice=one.invoice)


def _absent(document: dict[str, object]) -> Paid | None:
    """A payment in the customer's absence. When a debit arrived Stripe does not say of it: it is dated as it began."""
    try:
        one = absent(document)
    except PayloadInvalid:
        return None
    if one is None or one.created is None:
        return None
    return Paid("payment", one.id, one.customer, one.created, one.net_cents or 0, one.currency or "", priced=True)
