"""The paid Checkout sessions that Stripe told us of: each once, whatever events told of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from billing.base.db import Tx
from billing.inbox.tables import stripe_events as inbox
from billing.stripe import payloads
from billing.stripe.values import PayloadInvalid, Session

TYPES = ("checkout.session.completed", "checkout.session.async_payment_succeeded")
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
        return payloads.session(payloads.event(payloads.decode(payload.encode())).object)
    except PayloadInvalid:
        return None
