"""The paid Checkout sessions that Stripe told us of: each once, whatever events told of it. A payment that was made in
the customer's absence, for a top-up of ours, had no session, and stands here by itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from billing.base.db import Tx
from billing.inbox.tables import stripe_events as inbox
from billing.sales.packs.topup_rows import MARK
from billing.sales.stripe_customers import REFERENCE
from billing.stripe import payloads, payments
from billing.stripe.values import PayloadInvalid, Session

TYPES = ("checkout.session.completed", "checkout.session.async_payment_succeeded", "payment_intent.succeeded")
_BEST = ("done", "received", "waiting", "failed", "ignored")


@dataclass(frozen=True, slots=True)
class ToldSession:
    """A paid session that sells something once, and the event that told of it."""

    event: str
    status: str
    reason: str | None
    paid_at: datetime
    session: Session


def told(tx: Tx, since: datetime, until: datetime) -> list[ToldSession]:
    """Those that were told of as paid in `[since, until)`, the latest first."""
    columns = (inbox.c.id, inbox.c.status, inbox.c.reason, inbox.c.created_at, inbox.c.payload)
    made_then = (inbox.c.created_at >= since) & (inbox.c.created_at < until)
    query = select(*columns).where(inbox.c.type.in_(TYPES), made_then)
    found: dict[str, ToldSession] = {}
    for row in tx.connection.execute(query, execution_options={"yield_per": 500}):
        session = _read(row.payload)
        if session is None or not is_paid(session):
            continue
        one = ToldSession(row.id, row.status, row.reason, row.created_at, session)
        before = found.get(session.id)
        if before is None or _BEST.index(one.status) < _BEST.index(before.status):
            found[session.id] = one
    return sorted(found.values(), key=lambda one: (one.paid_at, one.session.id), reverse=True)


def is_paid(session: Session) -> bool:
    """Does it sell something once, and was it paid (or did it cost nothing)?"""
    return session.mode == "payment" and session.status == "complete" and session.payment_status != "unpaid"


def _read(payload: str) -> Session | None:
    """What can't be read fails in the inbox, which shows it."""
    try:
        found = payloads.event(payloads.decode(payload.encode())).object
        return absent(found) if found.get("object") == "payment_intent" else payloads.session(found)
    except PayloadInvalid:
        return None


def absent(found: Mapping[str, object]) -> Session | None:
    """A payment in the customer's absence, as the session that it had none of; None: it is none for a top-up of ours,
    and what it paid says itself that it is paid.
    """
    intent = payments.payment_intent(found)
    if MARK not in intent.metadata or intent.status != "succeeded":
        return None
    return Session(
        id=intent.id, mode="payment", status="complete", payment_status="paid", customer=intent.customer,
        client_reference_id=intent.metadata.get(REFERENCE), metadata=intent.metadata, currency=intent.currency,
        amount_total_cents=intent.received_cents, amount_subtotal_cents=intent.amount_cents, tax_cents=0,
        shipping_cents=0, created=intent.created, invoice=None, subscription=None, payment_intent=intent.id, lines=None,
        has_more=False,
    )  # fmt: skip
