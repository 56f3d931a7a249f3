"""Sync: what happened at Stripe and never arrived here. A webhook may have been down, filtered, or not there yet.

Two ways, both bounded and resumable. Events: Stripe lists those of the last 30 days, whatever was delivered; each one
that is not in the inbox is stored and handled. Objects: for what is older, the paid invoices, sessions, refunds,
disputes and subscriptions of known customers are looked through and told to the same handlers.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Row, select

from billing.base import sets
from billing.base.db import Tx
from billing.credits.tables import customers
from billing.inbox import objects, stripe_events
from billing.inbox.handlers import HANDLERS
from billing.inbox.handling import Asking
from billing.inbox.tables import stripe_events as events
from billing.inbox.tables import stripe_sync
from billing.inbox.values import Desk, StripeEvent
from billing.inbox.waking import OPEN
from billing.rules.refusals import StripeNotConfigured
from billing.sales.back import refunds
from billing.sales.stripe_customers import customer_of
from billing.sales.tables import stripe_customers
from billing.stripe.listing import MOST_TYPES
from billing.stripe.questions import ObjectById

KEPT = timedelta(days=30)
"""For how long Stripe lists its events."""

_OVERLAP = timedelta(hours=1)
_GAP = KEPT - timedelta(days=1)
_CUSTOMERS = "customers"
_CUSTOMERS_AT_ONCE = 10
_EARLIER = timedelta(days=40)
"""An invoice may have been made that long before it was paid."""


@dataclass
class Found:
    """What a look brought: how many were looked at, what of it had never arrived, and whether there is more to look
    through.
    """

    looked: int = 0
    healed: list[StripeEvent] = field(default_factory=list)
    more: bool = False


def look(desk: Desk, pages: int = 5) -> Found:
    """Goes on with the round that is under way, else begins one: up to so many pages, of events first, then of
    customers where so long a time was missed that Stripe does not list its events any more. Stripe lists the newest
    first: what waited for something older is tried again at the end.

    Raises StripeUnavailable, StripeNotConfigured: the next call goes on from where it stopped.
    """
    found = Found()
    with desk.db.write() as tx:
        begin(tx, desk.start)
    for _ in range(pages):
        with desk.db.read() as tx:
            row = _under_way(tx)
        if row is None:
            break
        _customers(desk, row, found) if row.name == _CUSTOMERS else _events(desk, row, found)
    _again(desk, found)
    with desk.db.read() as tx:
        found.more = _under_way(tx) is not None
    return found


def begin(tx: Tx, start: datetime | None) -> None:
    """Begins a round where none is under way."""
    rows = {row.name: row for row in tx.connection.execute(select(stripe_sync).with_for_update())}
    if any(row.until is not None for row in rows.values()):
        return
    beginning = _beginning(tx, start) if not all(name in rows for name in _names()) else None
    known = [rows[name].since for name in _names() if name in rows]
    for name in _names():
        since = rows[name].since if name in rows else beginning
        assert since is not None
        _put(tx, name, name in rows, {"since": since, "until": tx.now, "after": None})
    missed = min(known) if known else beginning
    assert missed is not None
    if missed < tx.now - _GAP:
        begin_customers(tx, missed)


def begin_customers(tx: Tx, since: datetime) -> None:
    """Begins to look through the customers' objects from then on."""
    row = tx.connection.execute(select(stripe_sync).where(stripe_sync.c.name == _CUSTOMERS)).one_or_none()
    if row is not None and row.until is not None:
        since = min(since, row.since)
    _put(tx, _CUSTOMERS, row is not None, {"since": since, "until": tx.now, "after": None})


def _beginning(tx: Tx, start: datetime | None) -> datetime:
    """Nothing was bought of us before our time, nor before our first customer was there."""
    first: datetime | None = tx.connection.execute(select(sa.func.min(customers.c.created_at))).scalar_one()
    return start or (first - _OVERLAP if first is not None else tx.now - _OVERLAP)


def _events(desk: Desk, row: Row[Any], found: Found) -> None:
    """One page of one list of events."""
    gateway = _gateway(desk)
    with desk.db.read() as tx:
        since = max(row.since - _OVERLAP, tx.now - KEPT)
    listed, more = gateway.look.events(_names()[row.name], since, row.until + _OVERLAP, row.after)
    with desk.db.read() as tx:
        ids = [str(one.get("id")) for one in listed]
        known = set(tx.connection.execute(select(events.c.id).where(events.c.id.in_(ids))).scalars())
    found.looked += len(listed)
    for one in listed:
        if one.get("id") not in known:
            _take(desk, one, found)
    _go_on(desk, row, str(listed[-1]["id"]) if more and listed else None)


def _customers(desk: Desk, row: Row[Any], found: Found) -> None:
    """A few customers: what they paid, and what became of it."""
    gateway = _gateway(desk)
    with desk.db.read() as tx:
        behind = stripe_customers.c.stripe_id > (row.after or "")
        query = select(stripe_customers.c.stripe_id).where(behind).order_by(stripe_customers.c.stripe_id)
        ids, now = list(tx.connection.execute(query.limit(_CUSTOMERS_AT_ONCE)).scalars()), tx.now
    for id in ids:
        for fact in (
            *objects.of_customer(gateway.look, id, row.since - _EARLIER, now),
            *_turned(desk, gateway, id, row.since - _EARLIER, now),
        ):
            found.looked += 1
            if (fact.happened_at < row.since - _OVERLAP and not fact.came_back) or fact.type not in HANDLERS:
                continue
            with desk.db.read() as tx:
                told = _told_already(tx, fact)
            if not told:
                _take(desk, _as_event(fact), found)
    _go_on(desk, row, ids[-1] if len(ids) == _CUSTOMERS_AT_ONCE else None)


def _turned(desk: Desk, gateway: Any, stripe_customer: str, since: datetime, now: datetime) -> Iterator[objects.Fact]:
    """Refunds that we were told of and that may have failed since: their charge is as if they had never been."""
    with desk.db.read() as tx:
        customer = customer_of(tx, stripe_customer)
        ids = refunds.may_turn(tx, customer, since) if customer is not None else []
    for id in ids:
        shown = gateway.answer(ObjectById("refund", id))
        if shown is not None:
            yield objects.Fact("refund.updated", now, shown)


def _take(desk: Desk, event: dict[str, Any], found: Found) -> None:
    """Stored and handled, like one that arrived."""
    taken = stripe_events.take_found(desk, json.dumps(event).encode())
    if taken is not None:
        found.healed.append(taken)


def _again(desk: Desk, found: Found) -> None:
    """Once more what was found and is still open, in the order it happened."""
    whom = Asking(desk.gateway)
    tried = {
        one.id: stripe_events.replay(desk, one.id, whom)
        for one in sorted(found.healed, key=lambda one: one.created_at)
        if one.status in OPEN
    }
    found.healed = [tried.get(one.id, one) for one in found.healed]


def _told_already(tx: Tx, fact: objects.Fact) -> bool:
    """Does what we were told of the object last say the same as what Stripe shows now?"""
    its = events.c.object_id == fact.id
    newest = select(events.c.payload).where(its).order_by(events.c.created_at.desc(), events.c.id.desc())
    for payload in tx.connection.execute(newest.limit(5)).scalars():
        held = json.loads(payload).get("data", {}).get("object", {})
        if held and isinstance(held, dict) and objects.stands(held) == objects.stands(fact.object):
            return True
    return False


def _as_event(fact: objects.Fact) -> dict[str, Any]:
    """The event that would have told of it. Its id is made from the content: the same is never taken twice."""
    content = json.dumps(fact.object, sort_keys=True, separators=(",", ":")).encode()
    return {
        "id": f"evt_sync_{fact.id}_{hashlib.sha256(content).hexdigest()[:12]}",
        "object": "event",
        "type": fact.type,
        "created": int(fact.happened_at.timestamp()),
        "livemode": fact.object.get("livemode") is True,
        "api_version": None,
        "data": {"object": fact.object},
    }


def _go_on(desk: Desk, row: Row[Any], after: str | None) -> None:
    """The round stands behind `after` now; None: it is over, and all until its beginning was looked at."""
    over = {"since": row.until, "until": None, "after": None}
    with desk.db.write() as tx:
        values = {"after": after} if after is not None else {**over, "finished_at": tx.now}
        its = (stripe_sync.c.name == row.name) & (stripe_sync.c.until == row.until)
        tx.connection.execute(sa.update(stripe_sync).where(its).values(**values))


def _under_way(tx: Tx) -> Row[Any] | None:
    """Events before customers: they tell more."""
    names = [*_names(), _CUSTOMERS]
    its = stripe_sync.c.until.is_not(None) & stripe_sync.c.name.in_(names)
    rows = list(tx.connection.execute(select(stripe_sync).where(its)))
    return min(rows, key=lambda row: names.index(row.name), default=None)


def _put(tx: Tx, name: str, there: bool, values: dict[str, Any]) -> None:
    if there:
        tx.connection.execute(sa.update(stripe_sync).where(stripe_sync.c.name == name).values(**values))
    else:
        sets.insert(tx, stripe_sync, [{"name": name, "finished_at": None, **values}], unless_there=True)


def _names() -> dict[str, list[str]]:
    """The types that are handled, in lists as long as Stripe takes them. Another list has another name, so that what
    is handled from a new version on is looked for from the beginning.
    """
    types = sorted(HANDLERS)
    return dict(_named(types[at : at + MOST_TYPES]) for at in range(0, len(types), MOST_TYPES))


def _named(types: list[str]) -> tuple[str, list[str]]:
    return f"events {hashlib.sha256(' '.join(types).encode()).hexdigest()[:8]}", types


def _gateway(desk: Desk) -> Any:
    if desk.gateway is None:
        raise StripeNotConfigured("There is nothing to look through: set STRIPE_SECRET_KEY.")
    return desk.gateway


def rounds(tx: Tx) -> Iterator[Row[Any]]:
    """How far each part was looked through, for people."""
    names = [*_names(), _CUSTOMERS]
    yield from tx.connection.execute(select(stripe_sync).where(stripe_sync.c.name.in_(names)))
