"""The audit of recognition: after each movement out, a bucket keeps the cents that recognition says."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

from sqlalchemy import BigInteger, Select, Subquery, and_, case, cast, exists, func, or_, select, union

from billing.base import ids
from billing.base.db import Tx
from billing.credits.tables import buckets, entries
from billing.finance.auditing.asking import Asked, Never, asked, bucket_number, found, named, numbered
from billing.finance.auditing.breach import Breach
from billing.rules.wallet import recognition

_LARGEST = 2**63 - 1
_RECOGNISED = ("spend", "capture", "repay", "expire", "void", "roll_over")
_SET_ANEW = ("clawback", "restore", "credit_back", "revive", "roll_over")
"""Kinds after which recognition counts from what the bucket then has."""


def breaches(tx: Tx) -> Iterator[Breach]:
    """All that is wrong with the cents that moved along, and with what recognition counts from."""
    yield from _recognised(tx)
    yield from found(tx, _unshaken(tx.sqlite))
    for wallet, number in tx.connection.execute(_all_shaken(tx.sqlite)).all():
        yield from _replayed(tx, wallet, number)


@cache
def _shaken(sqlite: bool) -> Subquery:
    """Buckets of which more happened than that credits left with their cents and came back with them."""
    e = entries.c
    again = and_(e.kind == "grant", e.destination != numbered("bucket", e.number))
    return union(
        *(
            select(e.wallet_id, bucket_number(sqlite, end).label("bucket")).where(
                end.startswith("bucket:"), or_(e.kind.in_(_SET_ANEW), again)
            )
            for end in (e.source, e.destination)
        )
    ).subquery()


@cache
def _all_shaken(sqlite: bool) -> Select[int, int]:
    shaken = _shaken(sqlite).c
    return select(shaken.wallet_id, shaken.bucket)


def _is_none(sqlite: bool, wallet: Any, number: Any) -> Any:
    shaken = _shaken(sqlite)
    return ~exists().where(shaken.c.wallet_id == wallet, shaken.c.bucket == number)


@cache
def _unshaken(sqlite: bool) -> Asked:
    """Where nothing of that kind happened, it counts from what the bucket got."""
    b = buckets.c
    other = or_(b.basis_cents != b.paid_cents, b.basis_credits != b.granted)
    rules = [Never("1 recognition", "its basis is not what it got",
                   and_(other, _is_none(sqlite, b.wallet_id, b.number)))]  # fmt: skip
    return asked("bkt", (b.wallet_id, b.number), buckets, rules)


def _recognised(tx: Tx) -> Iterator[Breach]:
    """After each movement out, a bucket that was paid for keeps the cents that recognition says."""
    for row in tx.connection.execute(_unrecognised(tx.sqlite)):
        should = recognition.keeps(row.stay + row.cents, row.paid_cents, row.granted, row.left)
        if row.left < 0 or row.stay != should:
            where = named("entry", row.wallet_id, row.number)
            found = f"leaves {row.stay} cents for {row.left} credits in {ids.of('bkt', row.wallet_id, row.bucket)}"
            yield Breach("1 recognition", where, f"{found}, it should leave {should}")


@cache
def _unrecognised(sqlite: bool) -> Select[Any]:
    """Movements that seem to break it: reckoned here where the product fits the database's numbers; else all of them,
    to be looked at by who reads them.
    """
    e, b = entries.c, buckets.c
    leaves = e.kind.in_(("spend", "capture", "repay", "expire", "void"))
    pocket = case((leaves, e.source), else_=e.destination)
    its = and_(b.wallet_id == e.wallet_id, b.number == bucket_number(sqlite, pocket))
    moves = or_(leaves, e.kind.in_(("grant", "reverse")))
    window: dict[str, Any] = {"partition_by": (e.wallet_id, b.number), "order_by": e.number}

    def running(column: Any) -> Any:
        return cast(func.sum(case((leaves, -column), else_=column)).over(**window), BigInteger)

    columns = (e.wallet_id, e.number, e.kind, e.cents, b.paid_cents, b.granted, b.number.label("bucket"))
    sums = (running(e.credits).label("left"), running(e.cents).label("stay"))
    of = entries.join(buckets, its)
    steps = (
        select(*columns, *sums)
        .select_from(of)
        .where(moves, b.paid_cents > 0, _is_none(sqlite, b.wallet_id, b.number))
        .subquery()
    )
    s = steps.c
    large = s.paid_cents > _LARGEST // 2 // s.granted
    share = (s.paid_cents * s.left + s.granted - 1) // s.granted
    keeps = case((s.stay + s.cents < share, s.stay + s.cents), else_=share)
    wrong = case((large, True), (or_(s.left < 0, s.stay < 0), True), else_=s.stay != keeps)
    query = select(steps).where(s.kind.not_in(("grant", "reverse")), wrong)
    return query.execution_options(yield_per=1_000)


def _replayed(tx: Tx, wallet: int, number: int) -> Iterator[Breach]:
    """One bucket, entry by entry."""
    e, free, held = entries.c, f"bucket:{number}", f"held:{number}"
    its = or_(e.source.in_((free, held)), e.destination.in_((free, held)))
    left = cents = granted = paid = basis_cents = 0
    basis_credits, gone = 1, False
    its_row = select(buckets.c.basis_cents, buckets.c.basis_credits, buckets.c.rolled_from)
    kept = tx.connection.execute(its_row.where(buckets.c.wallet_id == wallet, buckets.c.number == number)).one()
    parent = f"bucket:{kept.rolled_from}"

    def anew(*, back: bool = False) -> tuple[int, int]:
        had = (basis_cents, basis_credits) if back else None
        return recognition.counts_from((paid, granted), had, cents, left)

    for row in tx.connection.execute(select(entries).where(e.wallet_id == wallet, its).order_by(e.number)):
        if row.source in (free, held) and row.destination in (free, held):
            continue
        if row.source in (free, held):
            left, before, cents = left - row.credits, cents, cents - row.cents
            if row.kind in _RECOGNISED:
                should = recognition.keeps(before, basis_cents, basis_credits, left)
                if cents != should:
                    what = f"leaves {cents} cents for {left} credits in {ids.of('bkt', wallet, number)}"
                    yield Breach(
                        "1 recognition", named("entry", wallet, row.number), f"{what}, it should leave {should}"
                    )
                if row.kind == "roll_over" and row.destination == parent:  # newer ones took its place
                    gone = granted <= row.credits
                    granted, paid = (granted, paid) if gone else (granted - row.credits, paid - row.cents)
                    basis_cents, basis_credits = anew()
            else:
                basis_cents, basis_credits = anew()
            continue
        left, cents = left + row.credits, cents + row.cents
        if row.kind == "grant":
            granted, paid = granted + row.credits, paid + row.cents
        elif row.kind == "roll_over" and row.source == parent:
            granted, paid = (0, 0) if gone else (granted, paid)
            granted, paid, gone = granted + row.credits, paid + row.cents, False
        if row.kind != "reverse" or (basis_cents, basis_credits) != (paid, granted):
            back = row.kind == "revive" or (row.kind == "roll_over" and row.source != parent)
            basis_cents, basis_credits = anew(back=back)
    said = (kept.basis_cents, kept.basis_credits)
    if said != (basis_cents, basis_credits):
        what = f"its basis is {said}, by the entries {(basis_cents, basis_credits)}"
        yield Breach("1 recognition", ids.of("bkt", wallet, number), what)
