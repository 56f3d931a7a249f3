"""Figures: what waits to be done, and what was given up, for whoever operates the service. No customer, no amount."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Column, ColumnElement, Table, func, select

from billing.base.db import Tx
from billing.base.outbox import outbox
from billing.credits.tables import wallets
from billing.inbox.tables import stripe_events
from billing.inbox.waking import OPEN, is_open
from billing.notices.tables import endpoints, notices
from billing.sales.tables import conversations

MOST = 100_000
"""No more than so many rows are counted: what matters then is that it is so many."""

Value = tuple[Mapping[str, str], float]


@dataclass(frozen=True, slots=True)
class Figure:
    """One of them: what it is called, what it says, and its values by what tells them apart."""

    name: str
    help: str
    values: Callable[[Tx], Iterable[Value]]


def _count(table: Table, where: Callable[[datetime], ColumnElement[bool]]) -> Callable[[Tx], Iterable[Value]]:
    def count(tx: Tx) -> Iterable[Value]:
        found = select(sa.literal(1)).select_from(table).where(where(tx.now)).limit(MOST).subquery()
        return [({}, tx.connection.execute(select(func.count()).select_from(found)).scalar_one())]

    return count


def _age(since: Column[Any], where: Callable[[datetime], ColumnElement[bool]]) -> Callable[[Tx], Iterable[Value]]:
    """Seconds since the oldest of them; 0 where there is none."""

    def age(tx: Tx) -> Iterable[Value]:
        oldest = select(since).where(where(tx.now)).order_by(since).limit(1)
        found: datetime | None = tx.connection.execute(oldest).scalar_one_or_none()
        return [({}, 0.0 if found is None else max(0.0, (tx.now - found).total_seconds()))]

    return age


def _events(tx: Tx) -> Iterable[Value]:
    by_status = select(stripe_events.c.status, func.count()).where(is_open()).group_by(stripe_events.c.status)
    found = {str(status): int(count) for status, count in tx.connection.execute(by_status)}
    return [({"status": status}, found.get(status, 0)) for status in OPEN]


_OPEN: ColumnElement[str] = sa.literal_column("'open'")  # as the partial index says it
_GIVEN_UP: ColumnElement[str] = sa.literal_column("'given_up'")
_WAITING: ColumnElement[str] = sa.literal_column("'waiting'")

FIGURES = (
    Figure("wallets_due", "Wallets for which something is due and not yet written down.",
           _count(wallets, lambda now: wallets.c.next_due_at <= now)),
    Figure("wallets_due_oldest_seconds", "For how long the oldest of them has been due.",
           _age(wallets.c.next_due_at, lambda now: wallets.c.next_due_at <= now)),
    Figure("stripe_events_open", "Stripe's events that are still to be handled.", _events),
    Figure("stripe_events_given_up", "Those that are not tried again by themselves: mend the cause, then replay them.",
           _count(stripe_events, lambda _: is_open() & stripe_events.c.next_attempt_at.is_(None))),
    Figure("outbox_waiting", "Facts that are not yet handed on to those who are to be told.",
           _count(outbox, lambda _: outbox.c.spread_at.is_(None))),
    Figure("outbox_oldest_seconds", "For how long the oldest of them has waited.",
           _age(outbox.c.recorded_at, lambda _: outbox.c.spread_at.is_(None))),
    Figure("notices_waiting", "Letters, webhooks and messages that are to be sent, now or when they are tried again.",
           _count(notices, lambda _: notices.c.status == _WAITING)),
    Figure("notices_given_up", "Those that did not get through: mend the cause, then replay them.",
           _count(notices, lambda _: notices.c.status == _GIVEN_UP)),
    Figure("webhook_endpoints_disabled", "Webhook endpoints that nothing is sent to.",
           _count(endpoints, lambda _: endpoints.c.disabled_at.is_not(None))),
    Figure("conversations_open", "What Stripe was asked for and has not answered yet.",
           _count(conversations, lambda _: conversations.c.status == _OPEN)),
    Figure("conversations_given_up", "What Stripe was asked for in vain: somebody has to look at it.",
           _count(conversations, lambda _: conversations.c.status == _GIVEN_UP)),
)  # fmt: skip
"""All of them; /metrics shows each as billing_<name>."""
