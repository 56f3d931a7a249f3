"""Lineage: all that became of one sale, read into an open wallet; and what was taken of it so far."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import or_, select

from billing.base.db import Tx
from billing.credits import debts
from billing.credits.opening import OpenWallet, recollect_into
from billing.credits.rows import MONTH_COLUMNS, month_state
from billing.credits.tables import buckets, entries, is_taking, months
from billing.rules.wallet import clawback
from billing.rules.wallet.flows import place
from billing.rules.wallet.position import Position
from billing.rules.wallet.values import MonthState, PastMovement

_ON_TRUST = ("overdraft", "consumed")


@dataclass(frozen=True, slots=True)
class Taken:
    """What was taken of a sale, net of what was given back: by refunds and disputes, and by changes of plan.

    `past`: the takings of refunds and disputes, the oldest first, with what of each was given back.
    """

    credits: int
    cents: int
    changed_credits: int
    credited_cents: int
    past: tuple[PastMovement, ...]


def read(tx: Tx, wallet: OpenWallet, sale: str) -> MonthState | None:
    """Reads every month and bucket of the sale, and the wallet's debts; the sale's first month, None if it has none."""
    return read_into(tx, wallet.id, wallet.position, sale)


def read_into(tx: Tx, wallet: int, position: Position, sale: str) -> MonthState | None:
    """The same for a reader, who will throw the position away."""
    its = select(*MONTH_COLUMNS).where(months.c.wallet_id == wallet, months.c.sale == sale)
    for row in tx.connection.execute(its.order_by(months.c.number)):
        state = month_state(row)
        position.months.setdefault(state.number, state)
    sold = select(buckets.c.number).where(buckets.c.wallet_id == wallet, buckets.c.sale == sale)
    recollect_into(tx, wallet, position, tx.connection.execute(sold).scalars())
    if position.debts is None:
        position.debts = debts.read(tx, wallet)
        for moved in position.movements:
            if moved.kind in ("repay", "forgive", "owe"):
                position.debts.append(
                    PastMovement(moved.number, moved.kind, moved.source, moved.destination, moved.credits, moved.cents)
                )
        recollect_into(tx, wallet, position, debts.places(position.debts))
    return position.first_month(sale)


def taken(tx: Tx, wallet: OpenWallet, first: MonthState) -> Taken:
    """What was taken of the sale that begins with `first`, by its entries and by what was decided since."""
    e = entries.c
    by_returns, by_changes = clawback.account(first), clawback.account(first, change=True)
    credited = f"credited:{first.number}"
    named = (by_returns, by_changes, credited)
    its = is_taking() & or_(e.source.in_(named), e.destination.in_(named))
    columns = (e.number, e.kind, e.source, e.destination, e.credits, e.cents)
    rows = tx.connection.execute(select(*columns).where(e.wallet_id == wallet.id, its).order_by(e.number))
    moves = [PastMovement(*row) for row in rows]
    moves += [
        PastMovement(one.number, one.kind, one.source, one.destination, one.credits, one.cents)
        for one in wallet.position.movements
        if one.source in named or one.destination in named
    ]
    past = _net([one for one in moves if by_returns in (one.source, one.destination)])
    changed = sum(
        one.credits if one.destination == by_changes else -one.credits
        for one in moves
        if by_changes in (one.source, one.destination)
    )
    return Taken(
        credits=sum(one.credits - one.reversed_credits for one in past),
        cents=sum(one.cents - one.reversed_cents for one in past),
        changed_credits=changed,
        credited_cents=sum(one.cents for one in moves if one.destination == credited),
        past=tuple(past),
    )


def taken_of_earned(tx: Tx, wallet: OpenWallet, cause: str) -> int:
    """Cents that refunds and disputes took of a sale without months, net: its entries name no month, but their cause
    the sale.
    """
    e = entries.c
    its = (e.wallet_id == wallet.id) & (e.cause == cause) & e.key.is_(None) & e.kind.in_(("owe", "restore"))
    rows = [(row.kind, row.cents) for row in tx.connection.execute(select(e.kind, e.cents).where(its))]
    rows += [(one.kind, one.cents) for one in wallet.position.movements if one.cause.name == cause]
    return sum(-cents if kind == "restore" else cents for kind, cents in rows)


def _net(moves: list[PastMovement]) -> list[PastMovement]:
    """Takings with what was given back of each: always what was taken last from where it went."""
    past: list[PastMovement] = []
    for move in moves:
        if move.kind != "restore":
            past.append(move)
            continue
        credits, cents = move.credits, move.cents
        for one in reversed(past):
            same = one.kind == "owe" if place(move.destination) in _ON_TRUST else one.source == move.destination
            if same:
                some = min(credits, one.credits - one.reversed_credits)
                money = min(cents, one.cents - one.reversed_cents)
                one.reversed_credits, one.reversed_cents = one.reversed_credits + some, one.reversed_cents + money
                credits, cents = credits - some, cents - money
    return past
