"""Spread: each event of the outbox becomes a notice per receiver, in the transaction that marks it as spread.

What was spread is not spread again, and where two processes meet each takes other rows. What a receiver was told of one
event, or a customer of one cause, stands once in the table, whatever happens.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy import select

from billing.base import ids, sets
from billing.base.addresses import is_address
from billing.base.db import Tx
from billing.base.outbox import outbox
from billing.base.round import Round
from billing.credits import customers
from billing.credits.tables import wallets
from billing.credits.values import Customer
from billing.notices import endpoints, preferences
from billing.notices.kinds import FOR_STAFF, cause_of, kind_of
from billing.notices.tables import notices
from billing.notices.values import MAIL, STAFF, WEBHOOK, Event, Sending
from billing.sales import auto_state

TOPUP_TIME = timedelta(minutes=2)
"""So long a letter of few credits left waits for the automatic top-up that is due; it is dropped if that comes."""

_TOPPED_UP = ("low", "exhausted")


def spread(tx: Tx, sending: Sending, limit: int) -> Round:
    """Up to `limit` events, the oldest first. Says whether there may be more."""
    waiting = select(outbox).where(outbox.c.spread_at.is_(None)).order_by(outbox.c.recorded_at, outbox.c.id)
    rows = tx.connection.execute(waiting.limit(limit).with_for_update(skip_locked=True)).all()
    if not rows:
        return Round(False, 0)
    events = [Event(row.id, row.type, row.customer_id, row.facts, row.recorded_at) for row in rows]
    whom = _receivers(tx, sending, events)
    found = [row for event in events for row in _programs_and_staff(tx, whom, event)]
    if sending.no_mail is None:
        found += _letters(tx, whom, events)
    sets.insert(tx, notices, found, unless_there=True)
    spread_now = sa.update(outbox).where(outbox.c.id.in_([event.id for event in events]))
    tx.connection.execute(spread_now.values(spread_at=tx.now))
    return Round(len(rows) == limit, len(rows))


def staff_target(url: str) -> str:
    """What one of staff's addresses goes by: it may hold a secret, and is not written down."""
    return hashlib.sha256(url.encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class _Receivers:
    listening: Sequence[tuple[str, frozenset[str]]]
    staff: Sequence[str]
    customers: Mapping[str, Customer]
    unwanted: set[tuple[str, str]]
    topped_up: set[tuple[str, str]]
    """Customer and unit of the wallets whose automatic top-up is due just now, with nothing in its way."""


def _receivers(tx: Tx, sending: Sending, events: Sequence[Event]) -> _Receivers:
    named = list(dict.fromkeys(event.customer for event in events if event.customer is not None))
    return _Receivers(
        endpoints.listening(tx),
        [staff_target(url) for url in sending.staff_urls],
        customers.some(tx, named),
        preferences.unwanted(tx, named),
        _topped_up(tx, named),
    )


def _topped_up(tx: Tx, named: Sequence[str]) -> set[tuple[str, str]]:
    w = wallets.c
    due = select(w.customer_id, w.unit).where(w.customer_id.in_(named), w.topup_due_at.is_not(None))
    called = {(row.customer_id, row.unit) for row in tx.connection.execute(due)}
    return called & auto_state.going_to(tx, [customer for customer, _ in called]) if called else called


def _programs_and_staff(tx: Tx, whom: _Receivers, event: Event) -> list[dict[str, Any]]:
    rows = [_row(tx, event, WEBHOOK, id, id) for id, asked in whom.listening if endpoints.wants(asked, event.type)]
    if event.type in FOR_STAFF:
        rows += [_row(tx, event, STAFF, target, f"staff:{target}") for target in whom.staff]
    return rows


def _letters(tx: Tx, whom: _Receivers, events: Sequence[Event]) -> list[dict[str, Any]]:
    """Of those for one cause the more telling one stands first, and is kept. In one order, so that nobody deadlocks."""
    found = []
    for event in events:
        kind = kind_of(event)
        customer = whom.customers.get(event.customer or "")
        if kind is None or customer is None or not is_address(customer.email):
            continue
        if (customer.id, kind.name) not in whom.unwanted:
            cause = cause_of(kind, event)
            row = _row(tx, event, MAIL, customer.id, MAIL) | {"kind": kind.name, "cause": cause}
            if kind.name in _TOPPED_UP and (customer.id, event.facts.get("unit")) in whom.topped_up:
                row["next_attempt_at"] += TOPUP_TIME
            found.append(((customer.id, cause or "", kind.rank), row))
    return [row for _, row in sorted(found, key=lambda one: one[0])]


def _row(tx: Tx, event: Event, channel: str, target: str, lane: str) -> dict[str, Any]:
    return {
        "id": ids.new("ntc"),
        "event_id": event.id,
        "channel": channel,
        "target": target,
        "lane": lane,
        "customer_id": event.customer,
        "kind": None,
        "cause": None,
        "status": "waiting",
        "created_at": tx.now,
        "next_attempt_at": event.recorded_at,  # so they are sent in the order in which things happened
    }
