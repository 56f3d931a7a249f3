"""Debts: what made a wallet owe by taking back, what repaid or forgave, and how much of each was undone since."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import func, select

from billing.base.db import Tx
from billing.credits.tables import entries
from billing.rules.wallet.values import PastMovement

_DEBTS = ("repay", "forgive")
_ON_TRUST = ("overdraft", "consumed")
_COLUMNS = tuple(entries.c[name] for name in ("number", "kind", "source", "destination", "credits", "cents"))


def read(tx: Tx, wallet: int) -> list[PastMovement]:
    """Repayments, forgivings and what takings made the wallet owe, the oldest first. To be asked under its lock."""
    e = entries.c
    paid = [
        PastMovement(*row)
        for row in tx.connection.execute(select(*_COLUMNS).where(e.wallet_id == wallet, e.kind.in_(_DEBTS)))
    ]
    back = (
        select(e.via, func.sum(e.credits), func.sum(e.cents))
        .where(e.wallet_id == wallet, e.undoes.is_not(None), e.via.is_not(None))
        .group_by(e.via)
    )
    undone = {number: (int(credits), int(cents)) for number, credits, cents in tx.connection.execute(back)}
    for part in paid:
        part.reversed_credits, part.reversed_cents = undone.get(part.number, (0, 0))
    return sorted([*paid, *_owed(tx, wallet)], key=lambda part: part.number)


def _owed(tx: Tx, wallet: int) -> list[PastMovement]:
    """A sale's debts are undone last first, so what was restored says how much is left of each."""
    e = entries.c
    taken = select(*_COLUMNS).where(e.wallet_id == wallet, e.kind.in_(("owe", "restore"))).order_by(e.number)
    owed: list[PastMovement] = []
    for row in tx.connection.execute(taken):
        if row.kind == "owe":
            owed.append(PastMovement(*row))
        elif row.destination in _ON_TRUST:
            left = int(row.credits)
            for part in reversed(owed):
                if part.destination == row.source and left:
                    back = min(left, part.credits - part.reversed_credits)
                    part.reversed_credits += back
                    left -= back
    return owed


def places(history: Iterable[PastMovement]) -> set[int]:
    """The buckets that repaid."""
    return {int(part.source.partition(":")[2]) for part in history if part.kind == "repay"}
