"""Retention: what is not kept for ever, and the step that lets it go by its age.

The books never go, nor sales, payments, claims, keys, or what finance reads the past from: `RULES` is all that may.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Column, ColumnElement, Table

from billing.access.tables import sign_in_attempts, staff_sessions
from billing.base import walks
from billing.base.db import Tx
from billing.base.keep import Keep
from billing.base.outbox import outbox
from billing.base.round import Round
from billing.base.types import Json
from billing.base.walks import START, Place
from billing.finance import paid_invoices, paid_sessions
from billing.inbox.storing import LET_GO
from billing.inbox.tables import stripe_events
from billing.notices.tables import notices
from billing.sales.tables import conversations

AT_ONCE = 2_000
"""Rows of each rule that one call of the step lets go at most."""

_FAR = 20
"""For each row that goes, so many may be gone over that stay."""

_SIGNED_IN = 30
_TOLD_ONCE = 800


@dataclass(frozen=True, slots=True)
class Rule:
    """Rows of `table` whose `since` is more than `days` ago and that `may_go`: deleted, or with `left` emptied to
    that, where the row itself still says something.
    """

    name: str
    table: Table
    since: Column[Any]
    days: Callable[[Keep], int]
    may_go: ColumnElement[bool]
    left: Mapping[str, Any] | None = None

    def apply(self, tx: Tx, keep: Keep, limit: int) -> Round:
        """Lets up to `limit` of them go, the oldest first from where it stopped. Is there more, and how many went?

        What is to stay is gone over in windows, so that a call is bounded where most of what is old stays.
        """
        walk = f"purge: {self.name}"
        after = walks.begin(tx, walk)
        if after is None:
            return Round(False, 0)
        its = self.since < tx.now - timedelta(days=self.days(keep))
        if after.at is not None:
            its &= self.since > after.at
        window = sa.select(self.since).where(its).order_by(self.since).offset(limit * _FAR - 1).limit(1)
        end = tx.connection.execute(window).scalar_one_or_none()
        if end is not None:
            its &= self.since <= end
        gone = self._let_go(tx, its & self.may_go, limit)
        if gone < limit:
            walks.come_to(tx, walk, START if end is None else Place(0, end))
        return Round(gone == limit or end is not None, gone)

    def _let_go(self, tx: Tx, its: ColumnElement[bool], limit: int) -> int:
        [id] = self.table.primary_key.columns
        oldest = id.in_(sa.select(id).where(its).order_by(self.since).limit(limit))
        if self.left is None:
            return tx.connection.execute(sa.delete(self.table).where(oldest)).rowcount
        return tx.connection.execute(sa.update(self.table).where(oldest).values(**self.left)).rowcount


_WAITS = (
    sa.select(notices.c.id)
    .where(notices.c.event_id == outbox.c.id, notices.c.status == sa.literal_column("'waiting'"))
    .exists()
)
"""Notices go with what they tell of."""

RULES = (
    Rule(
        # Their ids stay: reconciliation knows by them what was told. What a payment's event said stays, too: the
        # review of allocations is read from it. What is open stays as a whole, too.
        "what Stripe's events said",
        stripe_events,
        stripe_events.c.received_at,
        lambda keep: keep.stripe_events,
        stripe_events.c.status.in_(("done", "ignored"))
        & stripe_events.c.type.not_in((*paid_invoices.TYPES, *paid_sessions.TYPES))
        & (stripe_events.c.payload != LET_GO),
        {"payload": LET_GO},
    ),
    Rule(
        "what Stripe was asked",
        conversations,
        conversations.c.ended_at,
        lambda keep: keep.conversations,
        (conversations.c.status != "open") & (conversations.c.params != sa.literal({}, Json)),
        {"params": {}},
    ),
    Rule(
        "what was told",
        outbox,
        outbox.c.recorded_at,
        lambda keep: keep.outbox,
        outbox.c.spread_at.is_not(None) & outbox.c.once.is_(None) & ~_WAITS,
    ),
    Rule(
        # Its row is what says that it was told: as long as it could be found again.
        "what was told once",
        outbox,
        outbox.c.recorded_at,
        lambda keep: max(keep.outbox, _TOLD_ONCE),
        outbox.c.spread_at.is_not(None) & outbox.c.once.is_not(None) & ~_WAITS,
    ),
    Rule("who was signed in", staff_sessions, staff_sessions.c.ends_at, lambda _: _SIGNED_IN, sa.true()),
    Rule("who tried to sign in", sign_in_attempts, sign_in_attempts.c.since, lambda _: _SIGNED_IN, sa.true()),
)
"""All that goes by age. The jobs' own history looks after itself: `jobs/runs.py`."""


def purge(tx: Tx, keep: Keep, limit: int = AT_ONCE) -> Round:
    """The step: lets go what is older than it is to be kept, up to `limit` rows of each rule."""
    rounds = [rule.apply(tx, keep, limit) for rule in RULES]
    return Round(any(one.more for one in rounds), sum(one.done or 0 for one in rounds))
