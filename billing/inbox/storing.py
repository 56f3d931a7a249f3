"""Storing: a Stripe event is kept under its id once, with what became of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Row, select
from sqlalchemy.dialects import postgresql, sqlite

from billing.base import outbox
from billing.base.db import Database, Tx
from billing.inbox.tables import stripe_events
from billing.inbox.values import StripeEvent
from billing.inbox.waking import OPEN, customer_of, reference_of
from billing.stripe.values import Event

MOST_ATTEMPTS = 16
"""About four days of back-off: longer than Stripe itself tries. After that an event waits for its replay."""

FIRST_DELAY, LONGEST_DELAY = timedelta(minutes=1), timedelta(hours=12)
_LONGEST_REASON = 1_000

LET_GO = "{}"
"""Stands where an event's payload was let go for its age: what the row says of it stays."""


def store(db: Database, event: Event, body: bytes) -> StripeEvent:
    """Keeps the event under its id, once."""
    with db.write() as tx:
        row = {
            "id": event.id,
            "type": event.type,
            "object_id": event.object_id,
            "stripe_customer": customer_of(event),
            "reference": reference_of(event),
            "api_version": event.api_version,
            "livemode": event.livemode,
            "payload": body.decode(),
            "created_at": event.created,
            "received_at": tx.now,
            "status": "received",
            "reason": None,
            "attempts": 0,
            "next_attempt_at": tx.now,
            "handled_at": None,
        }
        insert = sqlite.insert if tx.sqlite else postgresql.insert
        tx.connection.execute(insert(stripe_events).values(**row).on_conflict_do_nothing())
        return StripeEvent(event.id, event.type, event.created, tx.now, "received", None, 0, event.object_id)


def find(tx: Tx, id: str) -> Row[Any] | None:
    return tx.connection.execute(select(stripe_events).where(stripe_events.c.id == id)).one_or_none()


def lock(tx: Tx, id: str, *, skip_locked: bool = False) -> Row[Any] | None:
    query = select(stripe_events).where(stripe_events.c.id == id).with_for_update(skip_locked=skip_locked)
    return tx.connection.execute(query).one_or_none()


def mark(tx: Tx, row: Row[Any], status: str, reason: str | None) -> StripeEvent:
    """Writes down what an attempt came to, and when the next one is due; tells where somebody has to look at it."""
    attempts = row.attempts + 1
    again = status in OPEN and attempts < MOST_ATTEMPTS
    delay = min(FIRST_DELAY * 2 ** min(attempts - 1, 20), LONGEST_DELAY)
    values: dict[str, Any] = {
        "status": status,
        "reason": reason if reason is None else reason[:_LONGEST_REASON],
        "attempts": attempts,
        "next_attempt_at": tx.now + delay if again else None,
        "handled_at": None if status in OPEN else tx.now,
    }
    tx.connection.execute(sa.update(stripe_events).where(stripe_events.c.id == row.id).values(**values))
    marked = replace(value(row), status=status, reason=values["reason"], attempts=attempts)
    if status in OPEN:
        _tell_review(tx, row, marked)
    return marked


def show(tx: Tx, id: str, event: Event) -> None:
    """Of an event that came without its object: whose it is, now that the object was fetched."""
    its = stripe_events.c.id == id
    values = {"stripe_customer": customer_of(event), "reference": reference_of(event)}
    tx.connection.execute(sa.update(stripe_events).where(its).values(**values))


def value(row: Row[Any]) -> StripeEvent:
    return StripeEvent(
        row.id, row.type, row.created_at, row.received_at, row.status, row.reason, row.attempts, row.object_id
    )


def _tell_review(tx: Tx, before: Row[Any], now: StripeEvent) -> None:
    """Once when something begins to wait or fail, and again when the reason is another."""
    if (before.status, before.reason) != (now.status, now.reason):
        fact = {"stripe_event": now.id, "type": now.type, "object": now.object_id, "status": now.status}
        outbox.tell(tx, ("review.needed", {**fact, "reason": now.reason}))
