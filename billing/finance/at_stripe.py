"""What Stripe itself says was paid in a month: asked with nothing locked, for the reconciliation."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from billing.finance.paid_sessions import is_paid
from billing.stripe import payloads
from billing.stripe.gateway import Gateway
from billing.stripe.values import PayloadInvalid

_OPEN_FOR = timedelta(days=60)
"""An invoice may be paid so long after it was made, a session within a day or a few."""


@dataclass(frozen=True, slots=True)
class Paid:
    """A payment at Stripe. `kind`: invoice or session. `priced`: something on it has a price, and so it may be ours."""

    kind: str
    id: str
    payer: str | None
    paid_at: datetime
    cents: int
    currency: str
    priced: bool


def paid(gateway: Gateway, since: datetime, until: datetime) -> list[Paid]:
    """All that was paid in `[since, until)`. Raises StripeUnavailable, StripeNotConfigured."""
    lists = gateway.look
    found = [_invoice(one) for one in lists.made_between("invoice", since - _OPEN_FOR, until)]
    found += [_session(one) for one in lists.made_between("checkout.session", since, until)]
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
    return Paid("session", one.id, one.customer, one.created, one.net_cents or 0, one.currency or "", priced=True)
