"""The audit of entries as they follow each other: numbers, times, and how the wallet stood after each."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, and_, case, exists, func, or_, select

from billing.base.db import Tx
from billing.credits.tables import bucket_ends, buckets, entries, wallets
from billing.finance.auditing.asking import Asked, Never, after_another, asked, bucket_number, found
from billing.finance.auditing.breach import Breach


def breaches(tx: Tx) -> Iterator[Breach]:
    """All that is wrong from one entry to the next, and from the last one to the wallet."""
    yield from found(tx, _follow(), _available(tx.sqlite), _last())


@cache
def _follow() -> Asked:
    """Numbers are 1, 2, 3 … without a gap, time does not go back, and what is owed is moved by entries alone."""
    e = entries.c
    owes = case(
        (e.kind.in_(("overdraw", "owe")), e.credits),
        (and_(e.kind == "capture", e.source == "held:overdraft"), e.credits),
        (and_(e.destination == "overdraft", e.kind.in_(("repay", "forgive", "reverse", "restore"))), -e.credits),
        else_=0,
    )
    of, b = after_another(entries)
    owed = func.coalesce(b.owed_after, 0) + owes
    rules = [
        Never("2 numbers", "the number before it is missing", and_(b.number.is_(None), e.number != 1)),
        Never("2 chain", "owed_after is not what was owed before and what it moves", e.owed_after != owed),
        Never("2 chain", "less than nothing is owed or available", or_(e.owed_after < 0, e.available_after < 0)),
        Never("time", "dated before the entry it follows", b.effective_at > e.effective_at),
        Never("time", "written before the entry it follows", b.recorded_at > e.recorded_at),
        Never("time", "dated after it was written", e.effective_at > e.recorded_at),
        Never("time", "posted at another time than it happened", e.posted_at != e.effective_at),
    ]
    return asked("entry", (e.wallet_id, e.number), of, rules)


@cache
def _available(sqlite: bool) -> Asked:
    """What is available follows, too: by what moves into and out of free pockets of live general buckets.

    A bucket that starts or ends changes it without an entry, and one that ends or is voided at this very instant
    may or may not be done with: around those instants there is nothing exact to ask.
    """
    e, b = entries.c, buckets.c
    # What rolls over comes from a bucket that has ended; what goes back where it came from, to one with a lower number.
    back = bucket_number(sqlite, e.source) > bucket_number(sqlite, e.destination)
    leaves = and_(e.source.startswith("bucket:"), or_(e.kind != "roll_over", back))
    pocket = case((leaves, e.source), (e.destination.startswith("bucket:"), e.destination))
    its = and_(b.wallet_id == e.wallet_id, b.number == bucket_number(sqlite, pocket))
    m = bucket_ends.alias().c
    earlier = or_(m.recorded_at > e.recorded_at, and_(m.recorded_at == e.recorded_at, m.effective_at > e.effective_at))
    its_move = and_(m.wallet_id == e.wallet_id, m.bucket == b.number, earlier)
    counts = and_(
        ~exists().where(its_move, m.was <= e.effective_at),  # it had ended then, whenever it ends today
        b.features.is_(None),
        b.effective_at <= e.effective_at,
        or_(b.expires_at.is_(None), e.effective_at < b.expires_at),
        or_(b.voided_at.is_(None), e.effective_at <= b.voided_at),
    )
    moves = case((counts, case((leaves, -e.credits), else_=e.credits)), else_=0)
    of, before = after_another(entries)
    differs = e.available_after != func.coalesce(before.available_after, 0) + moves
    since = func.coalesce(before.effective_at, e.effective_at)
    wrong = case((differs, ~_turns(e.wallet_id, since, e.effective_at)), else_=False)  # looked at where it differs only
    says = "available_after is not what was available before and what it moves"
    steps = of.outerjoin(buckets, its)
    return asked("entry", (e.wallet_id, e.number), steps, [Never("2 chain", says, wrong)])


def _turns(wallet: ColumnElement[Any], since: ColumnElement[Any], until: ColumnElement[Any]) -> ColumnElement[bool]:
    """Does a general bucket of the wallet start, end or get voided in `[since, until]`?"""
    b = buckets.alias().c
    m = bucket_ends.alias().c
    moved = exists().where(
        m.wallet_id == wallet, or_(m.was.between(since, until), m.effective_at.between(since, until))
    )
    starts = and_(b.effective_at > b.granted_at, b.effective_at.between(since, until))
    ends = or_(b.expires_at.between(since, until), b.voided_at.between(since, until))
    return or_(exists().where(b.wallet_id == wallet, b.features.is_(None), or_(starts, ends)), moved)


@cache
def _last() -> Asked:
    """The wallet stands as after its last entry, and was last written no earlier."""
    w, e = wallets.c, entries.c
    last = select(e.wallet_id, func.max(e.number).label("number")).group_by(e.wallet_id).subquery()
    of = wallets.outerjoin(last, last.c.wallet_id == w.id).outerjoin(
        entries, and_(e.wallet_id == w.id, e.number == last.c.number)
    )
    unwritten = and_(w.last_at.is_(None), or_(w.last_number != 0, w.terms_number != 0))
    left = and_(w.last_at.is_(None), or_(w.available != 0, w.held != 0, w.owed != 0))
    available = and_(w.available != e.available_after, ~_turns(w.id, e.effective_at, w.last_at))
    rules = [
        Never("2 numbers", "it counts other entries than there are", w.last_number != func.coalesce(last.c.number, 0)),
        Never("2 wallets", "it was never written to and has a history", or_(unwritten, left)),
        Never("time", "its last entry was written after it", w.last_at < e.recorded_at),
        Never("time", "what is due was not done when it was last written", w.next_due_at <= w.last_at),
        Never("2 wallets", "owed is not what its last entry says", w.owed != func.coalesce(e.owed_after, 0)),
        Never("2 wallets", "available is not what its last entry says", available),
    ]
    return asked("wallet", (w.id, w.id), of, rules)
