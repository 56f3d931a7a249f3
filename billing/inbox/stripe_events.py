"""The inbox: store what Stripe told us, handle it, back off, replay.

Storing is a transaction of its own. In a second one, under the lock of the event's row, the effect and the mark "done"
are committed together; so whenever a process ends, the event is either handled or still to be handled.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Row, select
from sqlalchemy.dialects import postgresql, sqlite

from billing.base.clock import SystemClock
from billing.base.db import Database, Tx
from billing.catalog.terms import Catalog
from billing.inbox.handlers import handler_of
from billing.inbox.tables import stripe_events
from billing.inbox.values import StripeEvent
from billing.inbox.waking import OPEN, customer_of, of_customer, reference_of
from billing.rules import asking
from billing.rules.refusals import Busy, Invalid, Refusal, Unavailable, UnknownStripeEvent
from billing.sales.values import Applied
from billing.stripe import payloads, signature
from billing.stripe.values import Event, PayloadInvalid

Tell = Callable[[Iterable[tuple[str, dict[str, Any]]]], None]
"""Tells facts once they are committed."""

MOST_ATTEMPTS = 16
"""About four days of back-off: longer than Stripe itself tries. After that an event waits for its replay."""

_FIRST_DELAY, _LONGEST_DELAY = timedelta(minutes=1), timedelta(hours=12)
STATUSES = (*OPEN, "done", "ignored")
_LONGEST_REASON = 1_000
_LOG = logging.getLogger("billing.inbox")


def receive(
    db: Database, catalog: Catalog, live: bool | None, tell: Tell, body: bytes, header: str | None,
    secrets: Iterable[str],
) -> StripeEvent:  # fmt: skip
    """A webhook's body: verified, stored, handled. Once it is stored nothing is raised any more. `live`: the mode that
    events must be of, None for either.

    Raises SignatureInvalid and PayloadInvalid for what isn't Stripe's, `Unavailable` where it can't be stored.
    The signature's age is real time's, whatever clock the engine goes by.
    """
    signature.verify(body, header, tuple(secrets), SystemClock().now())
    return _take(db, catalog, live, tell, body, _read(body))


def take_recorded(db: Database, catalog: Catalog, live: bool | None, tell: Tell, body: bytes) -> StripeEvent:
    """An event that a trusted operator brings: stored and handled like one that Stripe sent.

    Recorded events may share an id: another content under a known id is kept under an id of its own. Keys come from
    the business object, so that brings nothing twice.
    """
    event = _read(body)
    with db.read() as tx:
        row = _find(tx, event.id)
    if row is not None and payloads.decode(row.payload.encode()) != payloads.decode(body):
        event = replace(event, id=f"{event.id}:{hashlib.sha256(body).hexdigest()[:12]}")
    return _take(db, catalog, live, tell, body, event)


def replay(db: Database, catalog: Catalog, live: bool | None, tell: Tell, id: str) -> StripeEvent:
    """Tries an event again, however often it was tried, also one that had been ignored. Raises UnknownStripeEvent."""
    if asking.text(id) is not None:
        raise UnknownStripeEvent(id)
    _handle_all(db, catalog, live, tell, id, ignored_too=True)
    return _shown(db, id)


def handle_due(db: Database, catalog: Catalog, live: bool | None, tell: Tell, limit: int) -> bool:
    """The step: tries up to `limit` events whose time has come, the oldest first. Says whether there is more."""
    _accept(asking.refuse(limit=asking.count(limit)))
    with db.read() as tx:
        its_time = stripe_events.c.status.in_(OPEN) & (stripe_events.c.next_attempt_at <= tx.now)
        in_order = select(stripe_events.c.id).where(its_time).order_by(stripe_events.c.created_at, stripe_events.c.id)
        ids = list(tx.connection.execute(in_order.limit(limit)).scalars())
    tried = 0
    for id in ids:
        try:
            tried += _handle_all(db, catalog, live, tell, id, skip_locked=True)
        except Busy as busy:  # one wallet that is locked for long must not keep the others waiting
            _LOG.warning("Stripe event %s stays to be handled: %s", id, busy)
            _later(db, id)
    return len(ids) == limit and tried > 0


def _later(db: Database, id: str) -> None:
    """Its wallet was locked: it makes way for the others, without having been tried."""
    with suppress(Unavailable), db.write() as tx:
        its = (stripe_events.c.id == id) & stripe_events.c.status.in_(OPEN)
        tx.connection.execute(sa.update(stripe_events).where(its).values(next_attempt_at=tx.now + _FIRST_DELAY))


def page(tx: Tx, status: str | None, after: str | None, limit: int) -> list[StripeEvent]:
    """Events as they came, the newest first, beginning behind the event `after`."""
    if status is not None and status not in STATUSES:
        raise Invalid.field("status", f"Must be one of {', '.join(STATUSES)}.")
    _accept(asking.refuse(limit=asking.count(limit), after=asking.maybe(asking.text, after)))
    query = select(stripe_events).order_by(stripe_events.c.received_at.desc(), stripe_events.c.id.desc()).limit(limit)
    if status is not None:
        query = query.where(stripe_events.c.status == status)
    if after is not None:
        row = _find(tx, after)
        if row is None:
            raise UnknownStripeEvent(after)
        place = sa.tuple_(stripe_events.c.received_at, stripe_events.c.id)
        query = query.where(place < sa.tuple_(sa.literal(row.received_at, stripe_events.c.received_at.type), row.id))
    return [_value(row) for row in tx.connection.execute(query)]


def _accept(wrong: Refusal | None) -> None:
    if wrong is not None:
        raise wrong


def _read(body: bytes) -> Event:
    return payloads.event(payloads.decode(body))


def _take(db: Database, catalog: Catalog, live: bool | None, tell: Tell, body: bytes, event: Event) -> StripeEvent:
    stored = _store(db, event, body)
    try:
        _handle_all(db, catalog, live, tell, event.id)
        return _shown(db, event.id)
    except Unavailable as unavailable:  # it is stored: the step will handle it
        _LOG.warning("Stripe event %s was stored and not handled: %s", event.id, unavailable)
        return stored


def _store(db: Database, event: Event, body: bytes) -> StripeEvent:
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


def _handle_all(
    db: Database,
    catalog: Catalog,
    live: bool | None,
    tell: Tell,
    id: str,
    *,
    ignored_too: bool = False,
    skip_locked: bool = False,
) -> bool:
    """Handles one event, and what waited for the customer that it brought to light. Was there anything to handle?"""
    answer = _handle(db, catalog, live, tell, id, ignored_too, skip_locked)
    if answer is not None and answer.linked is not None:
        with db.read() as tx:
            others = list(tx.connection.execute(of_customer(answer.linked)).scalars())
        for other in others:
            if other != id:
                _handle(db, catalog, live, tell, other, False, skip_locked)
    return answer is not None


def _handle(
    db: Database, catalog: Catalog, live: bool | None, tell: Tell, id: str, ignored_too: bool, skip_locked: bool
) -> Applied | None:
    """One attempt; None if there was nothing to attempt. Raises nothing but `Unavailable`."""
    try:
        with db.write() as tx:
            row = _lock(tx, id, skip_locked)
            if row is None or row.status not in (*OPEN, *(("ignored",) if ignored_too else ())):
                return None
            answer = _attempt(tx, catalog, live, row)
    except Unavailable:
        raise
    except Exception as error:  # noqa: BLE001 - whatever it is, the event is kept and says why
        _LOG.warning("Stripe event %s could not be handled", id, exc_info=error)
        _note_failure(db, tell, id, _sentence(error))
        return Applied()
    tell(tx.told)
    return answer


def _attempt(tx: Tx, catalog: Catalog, live: bool | None, row: Row[Any]) -> Applied:
    """The effect and the mark, in one transaction."""
    event = _read(row.payload.encode())
    handler = handler_of(event)
    status: str
    reason: str | None
    if isinstance(handler, str):
        answer, status, reason = Applied(), "ignored", handler
    else:
        answer = _other_mode(event, live) or handler(tx, catalog, event)
        status, reason = ("waiting", answer.waits) if answer.waits is not None else ("done", answer.note)
    marked = _mark(tx, row, status, reason)
    if status in OPEN:
        _tell_review(tx, row, marked)
    else:
        tx.told.append(("stripe.event_handled", {"event": marked, "object": event.object}))
    return answer


def _other_mode(event: Event, live: bool | None) -> Applied | None:
    """Nothing is bought with the money of the other mode."""
    if live is None or event.livemode == live:
        return None
    its, ours = ("live", "test") if event.livemode else ("test", "live")
    return Applied(waits=f"an event of Stripe's {its} mode, and STRIPE_SECRET_KEY is a key of its {ours} mode")


def _note_failure(db: Database, tell: Tell, id: str, reason: str) -> None:
    """The failed attempt is rolled back; this much is kept. Where not even that is possible, it stays due."""
    with suppress(Unavailable):
        with db.write() as tx:
            row = _lock(tx, id, skip_locked=False)
            if row is None or row.status not in OPEN:
                return
            _tell_review(tx, row, _mark(tx, row, "failed", reason))
        tell(tx.told)


def _mark(tx: Tx, row: Row[Any], status: str, reason: str | None) -> StripeEvent:
    attempts = row.attempts + 1
    again = status in OPEN and attempts < MOST_ATTEMPTS
    delay = min(_FIRST_DELAY * 2 ** min(attempts - 1, 20), _LONGEST_DELAY)
    values: dict[str, Any] = {
        "status": status,
        "reason": reason if reason is None else reason[:_LONGEST_REASON],
        "attempts": attempts,
        "next_attempt_at": tx.now + delay if again else None,
        "handled_at": None if status in OPEN else tx.now,
    }
    tx.connection.execute(sa.update(stripe_events).where(stripe_events.c.id == row.id).values(**values))
    return replace(_value(row), status=status, reason=values["reason"], attempts=attempts)


def _tell_review(tx: Tx, before: Row[Any], now: StripeEvent) -> None:
    """Once when something begins to wait or fail, and again when the reason is another."""
    if (before.status, before.reason) != (now.status, now.reason):
        fact = {"stripe_event": now.id, "type": now.type, "object": now.object_id, "status": now.status}
        tx.told.append(("review.needed", {**fact, "reason": now.reason}))


def _lock(tx: Tx, id: str, skip_locked: bool) -> Row[Any] | None:
    query = select(stripe_events).where(stripe_events.c.id == id).with_for_update(skip_locked=skip_locked)
    return tx.connection.execute(query).one_or_none()


def _shown(db: Database, id: str) -> StripeEvent:
    with db.read() as tx:
        row = _find(tx, id)
    if row is None:
        raise UnknownStripeEvent(id)
    return _value(row)


def _find(tx: Tx, id: str) -> Row[Any] | None:
    return tx.connection.execute(select(stripe_events).where(stripe_events.c.id == id)).one_or_none()


def _value(row: Row[Any]) -> StripeEvent:
    return StripeEvent(
        row.id, row.type, row.created_at, row.received_at, row.status, row.reason, row.attempts, row.object_id
    )


def _sentence(error: Exception) -> str:
    """What went wrong, for people. Of what isn't ours only the kind is shown: a driver's message repeats the values."""
    if isinstance(error, Refusal | PayloadInvalid):
        return str(error)
    return f"{type(error).__name__}: see the log"
