"""Use, counted: how many credits each wallet used on each day, kept up to the entries by a step.

Each entry is counted once: the number of the last one counted and the sums commit together, and one process counts at a
time. Entries never change, and a wallet's numbers have no gaps, so nothing is missed behind the mark.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import BigInteger, Date, case, cast, func, select
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects import sqlite as sqlite_dialect

from billing.base import sets
from billing.base.db import Tx
from billing.base.round import Round
from billing.credits.tables import entries, wallets
from billing.insight import walks
from billing.insight.tables import usage_counts, usage_days

USES = ("spend", "capture", "overdraw", "overuse")
"""Kinds of entries that are use; `reverse` takes some of it back."""

MOST_ENTRIES = 200_000
"""How many entries are counted in one transaction."""

_WALK = "count_usage"


def count(tx: Tx, limit: int) -> Round:
    """The step: counts what up to `limit` wallets have used since they were counted last. Is there more?"""
    after = walks.begin(tx, _WALK)
    if after is None:
        return Round(False, 0)
    found = _uncounted(tx, after, limit)
    until, whole = _as_far_as(found)
    if until:
        _add(tx, until)
    more = not whole or len(found) == limit
    walks.come_to(tx, _WALK, until[-1][0] - 1 if more else 0)
    return Round(more, len(until))


def day_of(sqlite: bool, at: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    """The UTC day of an instant, in SQL."""
    return func.date(at, type_=Date) if sqlite else cast(func.timezone("UTC", at), Date)


def used_and_given_back() -> tuple[sa.ColumnElement[int], sa.ColumnElement[int]]:
    """Sums over entries."""
    used = func.sum(case((entries.c.kind.in_(USES), entries.c.credits), else_=0))
    given_back = func.sum(case((entries.c.kind == "reverse", entries.c.credits), else_=0))
    return cast(used, BigInteger), cast(given_back, BigInteger)


def is_counted() -> sa.ColumnElement[bool]:
    return entries.c.kind.in_((*USES, "reverse"))


def _uncounted(tx: Tx, after: int, limit: int) -> Sequence[sa.Row[int, int, int]]:
    """Wallets behind that one with entries that are not counted, the number of the last that is, and of the last."""
    counted = func.coalesce(usage_counts.c.counted, 0)
    query = select(wallets.c.id, counted, wallets.c.last_number).outerjoin(
        usage_counts, usage_counts.c.wallet_id == wallets.c.id
    )
    query = query.where(wallets.c.id > after, wallets.c.last_number > counted)
    return tx.connection.execute(query.order_by(wallets.c.id).limit(limit)).all()


def _as_far_as(found: Sequence[sa.Row[int, int, int]]) -> tuple[list[tuple[int, str]], bool]:
    """Up to which number each is counted now, and whether all of them are counted wholly."""
    until: list[tuple[int, str]] = []
    room = MOST_ENTRIES
    for wallet, counted, last in found:
        if not room:
            return until, False
        until.append((wallet, str(min(last, counted + room))))
        if last > counted + room:
            return until, False
        room -= last - counted
    return until, True


def _add(tx: Tx, until: Sequence[tuple[int, str]]) -> None:
    due = sets.pairs(tx, int, until)
    last = cast(due.c.two, BigInteger)
    day = day_of(tx.sqlite, entries.c.effective_at)
    used, given_back = used_and_given_back()
    its = (entries.c.wallet_id == due.c.one) & (entries.c.number <= last)
    new = entries.c.number > func.coalesce(usage_counts.c.counted, 0)
    sums = (
        select(entries.c.wallet_id, day, used, given_back)
        .select_from(due)
        .outerjoin(usage_counts, usage_counts.c.wallet_id == due.c.one)
        .join(entries, its)
        .where(new, is_counted(), entries.c.credits > 0)
        .group_by(entries.c.wallet_id, day)
    )
    adding = _insert(tx, usage_days).from_select(["wallet_id", "day", "used", "given_back"], sums)
    more = {name: usage_days.c[name] + adding.excluded[name] for name in ("used", "given_back")}
    tx.connection.execute(adding.on_conflict_do_update(index_elements=["wallet_id", "day"], set_=more))
    days = [
        select(end(usage_days.c.day))
        .where(usage_days.c.wallet_id == due.c.one, usage_days.c.used > 0)
        .scalar_subquery()
        for end in (func.min, func.max)
    ]
    marks = select(due.c.one, last, *days).where(sa.true())  # without it SQLite takes ON for a join's
    names = ["wallet_id", "counted", "first_day", "last_day"]
    marking = _insert(tx, usage_counts).from_select(names, marks)
    moved = {name: marking.excluded[name] for name in names[1:]}
    tx.connection.execute(marking.on_conflict_do_update(index_elements=["wallet_id"], set_=moved))


def _insert(tx: Tx, table: sa.Table) -> Any:
    return sqlite_dialect.insert(table) if tx.sqlite else postgresql.insert(table)
