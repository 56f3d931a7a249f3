"""Looking at the notices, and sending again what was given up."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy import Row, select

from billing.base.db import Tx
from billing.base.outbox import outbox
from billing.notices.refusals import UnknownNotice
from billing.notices.tables import lanes, notices
from billing.notices.values import WEBHOOK, Notice
from billing.rules import asking
from billing.rules.refusals import Invalid, Refusal

STATUSES = ("waiting", "sent", "dropped", "given_up")


def page(
    tx: Tx, *, status: str | None = None, customer: str | None = None, channel: str | None = None,
    after: str | None = None, limit: int = 100,
) -> list[Notice] | Refusal:  # fmt: skip
    """The newest first, beginning behind the notice `after`."""
    wrong = asking.refuse(
        status=None if status in (None, *STATUSES) else f"Must be one of {', '.join(STATUSES)}.",
        customer=asking.maybe(asking.text, customer),
        channel=asking.maybe(asking.text, channel),
        limit=asking.count(limit),
    )
    if wrong is not None:
        return wrong
    query = _shown().order_by(notices.c.created_at.desc(), notices.c.id.desc()).limit(limit)
    for column, value in ((notices.c.status, status), (notices.c.customer_id, customer), (notices.c.channel, channel)):
        if value is not None:
            query = query.where(column == value)
    if after is not None:
        last = tx.connection.execute(select(notices).where(notices.c.id == after)).one_or_none()
        if last is None:
            return UnknownNotice(after)
        query = query.where(sa.tuple_(notices.c.created_at, notices.c.id) < (last.created_at, last.id))
    return [_value(row) for row in tx.connection.execute(query)]


def find(tx: Tx, id: str) -> Notice | Refusal:
    row = tx.connection.execute(_shown().where(notices.c.id == id)).one_or_none() if asking.text(id) is None else None
    return UnknownNotice(str(id)) if row is None else _value(row)


def again(tx: Tx, id: str) -> Notice | Refusal:
    """It waits to be sent now, from its first attempt on; what waits, was given up, or was dropped while its endpoint
    was disabled. What was sent is sent again, too: its receiver knows it by its id.
    """
    found = find(tx, id)
    if isinstance(found, Refusal):
        return found
    if found.status == "dropped" and found.channel != WEBHOOK:  # an endpoint may be enabled again
        return Invalid.field("notice", f"It was dropped and would be again: {found.reason}.")
    row = tx.connection.execute(select(notices).where(notices.c.id == id).with_for_update()).one()
    if row.status == "waiting" and row.lease is not None and row.next_attempt_at > tx.now:
        return found  # somebody is sending it
    _wait_again(tx, notices.c.id == id)
    tx.connection.execute(sa.update(lanes).where(lanes.c.lane == row.lane).values(rest_until=None))
    return find(tx, id)


def failed(tx: Tx, limit: int) -> list[str]:
    """What was given up, the oldest first."""
    query = select(notices.c.id).where(notices.c.status == "given_up").order_by(notices.c.created_at, notices.c.id)
    return list(tx.connection.execute(query.limit(limit)).scalars())


def counts(tx: Tx) -> dict[str, int]:
    """How many notices stand how."""
    query = select(notices.c.status, sa.func.count().label("number")).group_by(notices.c.status)
    return {row.status: row.number for row in tx.connection.execute(query)}


def _wait_again(tx: Tx, its: Any) -> None:
    fresh = {"status": "waiting", "attempts": 0, "next_attempt_at": tx.now, "created_at": tx.now}
    tx.connection.execute(sa.update(notices).where(its).values(ended_at=None, lease=None, **fresh))


def _shown() -> sa.Select[Any]:
    return select(notices, outbox.c.type).join(outbox, outbox.c.id == notices.c.event_id)


def _value(row: Row[Any]) -> Notice:
    return Notice(
        row.id,
        row.event_id,
        row.type,
        row.channel,
        row.target,
        row.customer_id,
        row.kind,
        row.status,
        row.reason,
        row.attempts,
        row.created_at,
        row.next_attempt_at,
        row.ended_at,
    )
