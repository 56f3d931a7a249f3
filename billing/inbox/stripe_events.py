"""The inbox: store what Stripe told us, handle it, back off, replay.

Storing is a transaction of its own, handling another: `storing`, `handling`.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import replace

import sqlalchemy as sa
from sqlalchemy import select

from billing.base.clock import SystemClock
from billing.base.db import Database, Tx
from billing.base.round import Round
from billing.inbox import storing
from billing.inbox.handling import Asking, handle_all
from billing.inbox.tables import stripe_events
from billing.inbox.values import Desk, StripeEvent
from billing.inbox.waking import OPEN, has_unmapped, is_open
from billing.rules import asking
from billing.rules.refusals import Busy, Invalid, Refusal, Unavailable, UnknownStripeEvent
from billing.stripe import payloads, signature, thin
from billing.stripe.values import Event

STATUSES = (*OPEN, "done", "ignored")

WEBHOOK_PATIENCE = 6.0
"""Seconds that Stripe may be asked while it waits for our answer: it gives up after ten or so, and a buyer's page waits
for that answer, too. What takes longer is left to the step.
"""

_AT_ONCE = 100
_LOG = logging.getLogger("billing.inbox")


def receive(desk: Desk, body: bytes, header: str | None, secrets: Iterable[str]) -> StripeEvent:
    """A webhook's body: verified, stored, handled. Once it is stored nothing is raised any more.

    Raises SignatureInvalid and PayloadInvalid for what isn't Stripe's, `Unavailable` where it can't be stored.
    The signature's age is real time's, whatever clock the engine goes by.
    """
    signature.verify(body, header, tuple(secrets), SystemClock().now())
    return _take(desk, body, _read(body))


def take_recorded(desk: Desk, body: bytes) -> StripeEvent:
    """An event that a trusted operator brings: stored and handled like one that Stripe sent.

    Recorded events may share an id: another content under a known id is kept under an id of its own. Keys come from
    the business object, so that brings nothing twice.
    """
    event = _read(body)
    with desk.db.read() as tx:
        row = storing.find(tx, event.id)
    if row is not None and payloads.decode(row.payload.encode()) != payloads.decode(body):
        event = replace(event, id=f"{event.id}:{hashlib.sha256(body).hexdigest()[:12]}")
    return _take(desk, body, event, patient=True)


def take_found(desk: Desk, body: bytes) -> StripeEvent | None:
    """An event that Stripe lists, if it never arrived: then stored and handled; else None."""
    event = _read(body)
    with desk.db.read() as tx:
        known = storing.find(tx, event.id) is not None
    return None if known else _take(desk, body, event, patient=True)


def replay(desk: Desk, id: str, whom: Asking | None = None) -> StripeEvent:
    """Tries an event again, however often it was tried, also one that had been ignored, or had lines that brought
    nothing. Raises UnknownStripeEvent.
    """
    if asking.text(id) is not None:
        raise UnknownStripeEvent(id)
    handle_all(desk, whom or Asking(desk.gateway), id, closed_too=True)
    return _shown(desk.db, id)


def replay_open(desk: Desk) -> Iterator[StripeEvent]:
    """Tries each event again that waits or failed, or had a line with an unmapped price. A Stripe that is down is asked
    once.
    """
    after, whom = "", Asking(desk.gateway)
    while True:
        with desk.db.read() as tx:
            its = (is_open() | has_unmapped()) & (stripe_events.c.id > after)
            query = select(stripe_events.c.id).where(its).order_by(stripe_events.c.id).limit(_AT_ONCE)
            ids = list(tx.connection.execute(query).scalars())
        for after in ids:
            yield replay(desk, after, whom)
        if not ids:
            return


def handle_due(desk: Desk, limit: int) -> Round:
    """The step: tries up to `limit` events whose time has come, the oldest first. Says whether there is more."""
    _accept(asking.refuse(limit=asking.count(limit)))
    with desk.db.read() as tx:
        its_time = is_open() & (stripe_events.c.next_attempt_at <= tx.now)
        in_order = select(stripe_events.c.id).where(its_time).order_by(stripe_events.c.created_at, stripe_events.c.id)
        ids = list(tx.connection.execute(in_order.limit(limit)).scalars())
    tried, whom = 0, Asking(desk.gateway)
    for id in ids:
        try:
            tried += handle_all(desk, whom, id, skip_locked=True)
        except Busy as busy:  # one wallet that is locked for long must not keep the others waiting
            _LOG.warning("Stripe event %s stays to be handled: %s", id, busy)
            _later(desk.db, id)
    return Round(len(ids) == limit and tried > 0, tried)


def page(tx: Tx, status: str | None, after: str | None, limit: int) -> list[StripeEvent]:
    """Events as they came, the newest first, beginning behind the event `after`."""
    if status is not None and status not in STATUSES:
        raise Invalid.field("status", f"Must be one of {', '.join(STATUSES)}.")
    _accept(asking.refuse(limit=asking.count(limit), after=asking.maybe(asking.text, after)))
    query = select(stripe_events).order_by(stripe_events.c.received_at.desc(), stripe_events.c.id.desc()).limit(limit)
    if status is not None:
        query = query.where(stripe_events.c.status == status)
    if status in OPEN:  # few of many: they have an index of their own
        query = query.where(stripe_events.c.id.in_(select(stripe_events.c.id).where(is_open())))
    if after is not None:
        row = storing.find(tx, after)
        if row is None:
            raise UnknownStripeEvent(after)
        place = sa.tuple_(stripe_events.c.received_at, stripe_events.c.id)
        query = query.where(place < sa.tuple_(sa.literal(row.received_at, stripe_events.c.received_at.type), row.id))
    return [storing.value(row) for row in tx.connection.execute(query)]


def _later(db: Database, id: str) -> None:
    """Its wallet was locked: it makes way for the others, without having been tried."""
    with suppress(Unavailable), db.write() as tx:
        its = (stripe_events.c.id == id) & stripe_events.c.status.in_(OPEN)
        again = tx.now + storing.FIRST_DELAY
        tx.connection.execute(sa.update(stripe_events).where(its).values(next_attempt_at=again))


def _take(desk: Desk, body: bytes, event: Event, *, patient: bool = False) -> StripeEvent:
    stored = storing.store(desk.db, event, body)
    try:
        if desk.gateway is None or patient:
            handle_all(desk, Asking(desk.gateway), event.id)
        else:
            with desk.gateway.hurried(WEBHOOK_PATIENCE) as hurried:
                handle_all(desk, Asking(hurried, patient=False), event.id)
        return _shown(desk.db, event.id)
    except Unavailable as unavailable:  # it is stored: the step will handle it
        _LOG.warning("Stripe event %s was stored and not handled: %s", event.id, unavailable)
        return stored


def _accept(wrong: Refusal | None) -> None:
    if wrong is not None:
        raise wrong


def _read(body: bytes) -> Event:
    return thin.any_event(payloads.decode(body))


def _shown(db: Database, id: str) -> StripeEvent:
    with db.read() as tx:
        row = storing.find(tx, id)
    if row is None:
        raise UnknownStripeEvent(id)
    return storing.value(row)
