"""Leasing: a notice is sent by one process at a time, and what became of it is written down by the one that has it.

A lease is a row moved on in time under a name. Who dies while sending leaves it to whoever comes after the lease; the
receiver then hears twice, under the same id.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Row, func, or_, select

from billing.base import ids, outbox, sets
from billing.base.db import Tx
from billing.base.outbox import outbox as events
from billing.notices import endpoints
from billing.notices.tables import lanes, notices
from billing.notices.values import MAIL, STAFF, WEBHOOK, Event, Leased, Outcome

LEASE = timedelta(minutes=10)
"""Longer than any attempt lasts, and than a lane's whole turn."""

PER_LANE = {MAIL: 50, WEBHOOK: 20, STAFF: 20}
"""Notices of one lane in one turn: a flood for one receiver leaves room for the others."""

_HOURS = 3600
_WEBHOOK_DELAYS = (5, 300, 1800, 2 * _HOURS, 5 * _HOURS, 10 * _HOURS, 14 * _HOURS, 20 * _HOURS, 24 * _HOURS)
_MAIL_DELAYS = (60, 300, 900, _HOURS, 2 * _HOURS, 4 * _HOURS, 8 * _HOURS, 8 * _HOURS)
DELAYS = {WEBHOOK: _WEBHOOK_DELAYS, MAIL: _MAIL_DELAYS, STAFF: _MAIL_DELAYS}
"""Seconds until the next attempt, after the first, the second …; Standard Webhooks' schedule for webhooks."""

LONGEST = {channel: timedelta(seconds=sum(delays)) + timedelta(hours=2) for channel, delays in DELAYS.items()}
"""What has not got through by then is given up, even if its receiver was left alone for most of the time."""

_PATIENCE = 3
"""Failures in a row after which a receiver is left alone for a while."""

_RESTS = (15, 60, 120, 300)
_LONGEST_REASON = 500


def lease(tx: Tx, limit: int) -> list[Leased]:
    """Up to `limit` notices whose time has come, for this process alone; those of a resting lane are left."""
    number = func.row_number().over(partition_by=notices.c.lane, order_by=(notices.c.next_attempt_at, notices.c.id))
    most = sa.case(PER_LANE, value=notices.c.channel)
    due = (
        select(notices.c.id, notices.c.next_attempt_at, number.label("number"), most.label("most"))
        .join(lanes, lanes.c.lane == notices.c.lane, isouter=True)
        .where(notices.c.status == "waiting", notices.c.next_attempt_at <= tx.now)
        .where(or_(lanes.c.rest_until.is_(None), lanes.c.rest_until <= tx.now))
        .subquery()
    )
    first = select(due.c.id).where(due.c.number <= due.c.most).order_by(due.c.number, due.c.next_attempt_at)
    still = (notices.c.status == "waiting") & (notices.c.next_attempt_at <= tx.now)  # looked at again when locked
    wanted = select(notices).where(notices.c.id.in_(first.limit(limit)), still)
    rows = tx.connection.execute(wanted.with_for_update(skip_locked=True)).all()
    return _leased(tx, rows)


def lease_one(tx: Tx, id: str) -> Leased | None:
    """This one, whether or not its time has come, unless somebody else is sending it just now."""
    its = (notices.c.id == id) & (notices.c.status == "waiting")
    free = or_(notices.c.lease.is_(None), notices.c.next_attempt_at <= tx.now)
    rows = tx.connection.execute(select(notices).where(its, free).with_for_update(skip_locked=True)).all()
    return next(iter(_leased(tx, rows)), None)


def _leased(tx: Tx, rows: Any) -> list[Leased]:
    if not rows:
        return []
    name = ids.new("lease")
    mine = sa.update(notices).where(notices.c.id.in_([row.id for row in rows]))
    tx.connection.execute(mine.values(lease=name, next_attempt_at=tx.now + LEASE))
    told = select(events).where(events.c.id.in_({row.event_id for row in rows}))
    by_id = {row.id: row for row in tx.connection.execute(told)}
    ordered = sorted(rows, key=lambda row: (row.next_attempt_at, row.id))
    return [_value(row, by_id[row.event_id], name) for row in ordered]


def _value(row: Row[Any], told: Row[Any], name: str) -> Leased:
    event = Event(told.id, told.type, told.customer_id, told.facts, told.recorded_at)
    return Leased(row.id, name, row.lane, row.channel, row.target, row.kind, row.attempts, row.created_at, event)


def give_back(tx: Tx, leased: list[Leased]) -> None:
    """They were not tried: they are due as before."""
    mine = notices.c.id.in_([one.id for one in leased]) & (notices.c.lease.in_({one.lease for one in leased}))
    tx.connection.execute(sa.update(notices).where(mine).values(lease=None, next_attempt_at=tx.now))


def record(tx: Tx, leased: Leased, outcome: Outcome) -> bool:
    """What became of the attempt. Says whether the receiver is left alone for a while from now on.

    Whose lease was over meanwhile writes nothing: another has it.
    """
    mine = (notices.c.id == leased.id) & (notices.c.lease == leased.lease) & (notices.c.status == "waiting")
    attempts = leased.attempts + (outcome.status != "dropped")
    values: dict[str, Any] = {"attempts": attempts, "lease": None, "reason": _short(outcome.reason)}
    delay = _delay(leased, attempts, tx.now)
    if outcome.status != "failed":
        values |= {"status": outcome.status, "ended_at": tx.now, "next_attempt_at": None}
    elif outcome.final or delay is None:
        values |= {"status": "given_up", "ended_at": tx.now, "next_attempt_at": None}
    else:
        values |= {"next_attempt_at": tx.now + max(delay, outcome.rest or timedelta())}
    if tx.connection.execute(sa.update(notices).where(mine).values(**values)).rowcount != 1:
        return False
    if outcome.gone:
        endpoints.disable(tx, leased.target, _short(outcome.reason) or "it is gone")
    if values.get("status") == "given_up":
        _tell_staff(tx, leased, outcome)
    return _note_lane(tx, leased.lane, outcome) if outcome.status != "dropped" else False


def give_up_old(tx: Tx) -> None:
    """What waits longer than anything is tried, for a receiver that is left alone just now. What got old while nobody
    was there to send it is tried once more: nothing is known against its receiver.
    """
    resting = select(lanes.c.lane).where(lanes.c.rest_until > tx.now)
    for channel, longest in LONGEST.items():
        its = (notices.c.channel == channel) & notices.c.lane.in_(resting)
        old = (notices.c.status == "waiting") & its & (notices.c.created_at < tx.now - longest)
        free = or_(notices.c.lease.is_(None), notices.c.next_attempt_at <= tx.now)
        rows = tx.connection.execute(
            select(notices).where(old, free).limit(500).with_for_update(skip_locked=True)
        ).all()
        for leased in _leased(tx, rows):
            record(tx, leased, Outcome("failed", _reason_of(rows, leased), final=True))


def _reason_of(rows: Any, leased: Leased) -> str:
    last = next(row.reason for row in rows if row.id == leased.id)
    return last or "nothing has got through to its receiver"


def _delay(leased: Leased, attempts: int, now: datetime) -> timedelta | None:
    delays = DELAYS[leased.channel]
    if attempts > len(delays) or now - leased.created_at > LONGEST[leased.channel]:
        return None
    return timedelta(seconds=delays[attempts - 1]) if attempts else timedelta()


def _tell_staff(tx: Tx, leased: Leased, outcome: Outcome) -> None:
    """Once a day for a receiver, and never of a notice about a notice: that would go on for ever."""
    if str(leased.event.facts.get("object", "")).startswith("ntc_"):
        return
    what = {MAIL: "a letter", WEBHOOK: "a webhook", STAFF: "a message to staff"}[leased.channel]
    fact = {
        "type": leased.event.type,
        "object": leased.id,
        "channel": leased.channel,
        "target": leased.target,
        "status": "given_up",
        "reason": f"{what} could not be delivered: {_short(outcome.reason)}",
    }
    if leased.event.customer is not None:
        fact["customer"] = leased.event.customer
    outbox.tell_once(tx, f"given_up:{leased.channel}:{leased.target}:{tx.now:%Y-%m-%d}", "review.needed", fact)


def _note_lane(tx: Tx, lane: str, outcome: Outcome) -> bool:
    """How the receiver is doing. A refusal of this one notice says that it is there."""
    bad = outcome.status == "failed" and outcome.lane
    query = select(lanes).where(lanes.c.lane == lane).with_for_update()
    row = tx.connection.execute(query).one_or_none()
    if not bad:
        if row is not None:
            tx.connection.execute(sa.delete(lanes).where(lanes.c.lane == lane))
        return False
    if row is None:
        fresh = {"lane": lane, "failures": 0, "failing_since": tx.now, "rest_until": None, "reason": None}
        sets.insert(tx, lanes, [fresh], unless_there=True)
        row = tx.connection.execute(query).one_or_none()
        if row is None:  # it has just answered somebody else
            return False
    failures = row.failures + 1
    ours = _RESTS[min(failures - _PATIENCE, len(_RESTS) - 1)] if failures >= _PATIENCE else 0
    rest = max(timedelta(seconds=ours), outcome.rest or timedelta())
    until = tx.now + rest if rest else None
    values = {"failures": failures, "rest_until": until, "reason": _short(outcome.reason)}
    tx.connection.execute(sa.update(lanes).where(lanes.c.lane == lane).values(**values))
    return until is not None


def _short(text: str | None) -> str | None:
    """What a receiver said, fit to be kept and shown: PostgreSQL keeps no NUL, and a terminal obeys what it is sent."""
    if text is None:
        return None
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())[:_LONGEST_REASON]
