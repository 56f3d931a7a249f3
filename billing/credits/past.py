"""A wallet as it was: from its entries alone, by the same rules as today.

`at`: what we knew then (entries recorded by then). `as_of`: what was true then (entries effective by then, however
late we learnt of them). The wallet's settings are those of then, the catalog is today's.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from typing import Any

from sqlalchemy import Row, func, select

from billing.base.db import Tx
from billing.catalog.terms import Catalog
from billing.credits import free
from billing.credits.positions import terms_of
from billing.credits.rows import BUCKET_COLUMNS, MONTH_COLUMNS, bucket_state, hold_state, month_state
from billing.credits.tables import bucket_ends, buckets, entries, holds, months, wallet_terms
from billing.rules.wallet import due
from billing.rules.wallet.position import Position
from billing.rules.wallet.values import BucketState, HoldState, MonthState

_Sums = dict[str, list[int]]


def position_then(tx: Tx, catalog: Catalog, row: dict[str, Any], moment: datetime, *, known: bool) -> Position:
    """The position at `moment`: as it was known then, or (not `known`) as it was in truth."""
    column = entries.c.recorded_at if known else entries.c.effective_at
    row, settled_at = _settings(tx, row, moment)
    sums, last_at = _sums(tx, row["id"], column <= moment)
    granted = (
        select(*BUCKET_COLUMNS)
        .join(entries, (entries.c.wallet_id == buckets.c.wallet_id) & (entries.c.number == buckets.c.number))
        .where(buckets.c.wallet_id == row["id"], column <= moment)
    )
    ends = _ends(tx, row["id"], moment)
    states = [_bucket(bucket, sums, ends, moment) for bucket in tx.connection.execute(granted)]
    still = [_hold(hold) for hold in _holds(tx, row["id"], moment, known=known)]
    on_trust = sum(hold.overdraft for hold in still)
    start = last_at or moment
    terms, terms_end = terms_of(catalog, row, start)
    position = Position(
        terms,
        start,
        buckets=states,
        holds=still,
        months=_months(tx, row["id"], sums, moment),
        next_number=row["last_number"] + 1,
        next_month=row["last_month"] + 1,
        owed=-sums["overdraft"][0] - on_trust,
        frozen=row["frozen_at"] is not None,
        period_end=row["period_end"],
        terms_end=terms_end,
        free=free.of_row(catalog, row),
    )
    if position.owed and position.terms.overdraft.debt != "repay":
        position.debt_due_at = position.period_after(max(start, settled_at or start))
    due.advance(position, max(moment, start))
    return position


def _settings(tx: Tx, row: dict[str, Any], moment: datetime) -> tuple[dict[str, Any], datetime | None]:
    """The wallet's row with the settings that held then, and since when they did."""
    then = select(wallet_terms).where(wallet_terms.c.wallet_id == row["id"], wallet_terms.c.recorded_at <= moment)
    last = tx.connection.execute(then.order_by(wallet_terms.c.number.desc()).limit(1)).one_or_none()
    names = ("overdraft", "frozen_at", "plan", "plan_from", "plan_until", "period_end", "free")
    if last is None:
        return {**row, **dict.fromkeys(names)}, None
    return {**row, **{name: getattr(last, name) for name in names}}, last.recorded_at


def _sums(tx: Tx, wallet: int, then: Any) -> tuple[_Sums, datetime | None]:
    """What came into each account less what left it: credits and cents; and when the last thing happened."""
    grouped = (
        select(
            entries.c.source,
            entries.c.destination,
            func.sum(entries.c.credits).label("credits"),
            func.sum(entries.c.cents).label("cents"),
            func.max(entries.c.effective_at).label("last_at"),
        )
        .where(entries.c.wallet_id == wallet, then)
        .group_by(entries.c.source, entries.c.destination)
    )
    sums: _Sums = defaultdict(lambda: [0, 0])
    last_at: datetime | None = None
    for row in tx.connection.execute(grouped):
        for account, sign in ((row.source, -1), (row.destination, 1)):
            sums[account][0] += sign * int(row.credits)
            sums[account][1] += sign * int(row.cents)
        if row.destination == "expired":
            sums[f"expired:{row.source}"][0] += int(row.credits)
        head = row.source.partition(":")[0]
        if head in ("issued", "prepaid", "expired") and row.destination.startswith("bucket:"):
            name = "revived" if head == "expired" else "granted"
            sums[f"{name}:{row.destination}"][0] += int(row.credits)
            sums[f"{name}:{row.destination}"][1] += int(row.cents)
            sums[f"allotted:{row.source}:{row.destination if head == 'issued' else ''}"][0] += int(row.credits)
        if head == "bucket" and row.destination.startswith("bucket:"):
            sums[f"rolled:{row.source}:{row.destination}"][0] += int(row.credits)
            sums[f"rolled:{row.source}:{row.destination}"][1] += int(row.cents)
        last_at = row.last_at if last_at is None else max(last_at, row.last_at)
    return sums, last_at


def _ends(tx: Tx, wallet: int, moment: datetime) -> dict[int, tuple[datetime | None]]:
    """Buckets whose end then was another than today's, with the end they had."""
    then: dict[int, tuple[datetime | None]] = {}
    query = select(bucket_ends).where(bucket_ends.c.wallet_id == wallet).order_by(bucket_ends.c.number.desc())
    for change in tx.connection.execute(query):
        if change.recorded_at > moment:
            then[change.bucket] = (change.was,)
    return then


def _bucket(row: Row[Any], sums: _Sums, ends: dict[int, tuple[datetime | None]], moment: datetime) -> BucketState:
    state = bucket_state(row)
    free, held = sums[f"bucket:{state.number}"], sums[f"held:{state.number}"]
    state.free, state.held, state.cents = free[0], held[0], free[1] + held[1]
    state.expired = sums[f"expired:bucket:{state.number}"][0] - sums[f"revived:bucket:{state.number}"][0]
    state.granted, state.paid_cents = sums[f"granted:bucket:{state.number}"]
    if state.rolled_from is not None:
        _rolled(state, sums)
    if state.number in ends:
        (state.expires_at,) = ends[state.number]
    if state.voided_at is not None and state.voided_at > moment:
        state.voided_at = None
    return state


def _rolled(state: BucketState, sums: _Sums) -> None:
    """What a rolled bucket had got by then, less what went back."""
    source, own = f"bucket:{state.rolled_from}", f"bucket:{state.number}"
    (came, cents), (back, cents_back) = sums[f"rolled:{source}:{own}"], sums[f"rolled:{own}:{source}"]
    gone = came == back
    state.granted, state.paid_cents = (came, cents) if gone else (came - back, cents - cents_back)
    state.rolled_back = came if gone else 0


def _months(tx: Tx, wallet: int, sums: _Sums, moment: datetime) -> list[MonthState]:
    """The months to come as they were then: what had left each of them, by its entries."""
    query = select(*MONTH_COLUMNS).where(months.c.wallet_id == wallet, months.c.made_at <= moment)
    found, late = [], set()
    for row in tx.connection.execute(query.order_by(months.c.number)):
        month = month_state(row)
        if month.cancelled_at is not None and month.cancelled_at > moment:
            month.cancelled_at = None
        if sums[f"allotted:issued:bucket:{month.bucket}"][0]:
            continue  # it was allotted when it was sold
        left, allotted = sums[f"prepaid:{month.number}"], sums[f"allotted:prepaid:{month.number}:"][0]
        month.allotted, month.taken, month.left_cents = allotted, -left[0] - allotted, month.cents + left[1]
        if month.bucket is not None or month.starts_at > moment:
            month.to_hold = 0
        if not allotted:
            late |= {month.number} if month.bucket is not None and month.starts_at <= moment else set()
            month.bucket = None
        month.owed = month.unearned_cents = 0
        if month.to_come:
            found.append(month)
    _held_late(tx, wallet, [month for month in found if month.number in late])
    return found


def _held_late(tx: Tx, wallet: int, late: list[MonthState]) -> None:
    """Months whose time had come then, and that were allotted only afterwards. What disputes and pending refunds were
    to hold of each did not change before that was done: so it is what was held as soon as it was there.
    """
    if not late:
        return
    its = entries.c.via.in_([month.number for month in late])
    held = select(entries.c.via, entries.c.effective_at, entries.c.credits).where(
        entries.c.wallet_id == wallet, entries.c.kind == "hold", its
    )
    for row in tx.connection.execute(held):
        for month in late:
            if (month.number, month.starts_at) == (row.via, row.effective_at):
                month.to_hold += row.credits


def _holds(tx: Tx, wallet: int, moment: datetime, *, known: bool) -> list[Row[Any]]:
    begun, ended = (holds.c.recorded_at, holds.c.ended_recorded_at) if known else (holds.c.placed_at, holds.c.ended_at)
    query = select(holds).where(holds.c.wallet_id == wallet, begun <= moment, ended.is_(None) | (ended > moment))
    return list(tx.connection.execute(query))


def _hold(row: Row[Any]) -> HoldState:
    hold = hold_state(row)
    hold.status, hold.ended_at = "open", None
    return hold
