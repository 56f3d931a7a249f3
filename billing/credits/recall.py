"""Recall: was this key used before, and what was answered then? A key lives on the first entry of what it caused."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Row, or_, select

from billing.base import ids, sets
from billing.base.db import Tx
from billing.credits.tables import entries
from billing.credits.values import Receipt
from billing.rules.refusals import IdempotencyKeyReused
from billing.rules.wallet.values import Movement


class First(NamedTuple):
    """The first entry of what a key caused."""

    wallet_id: int
    key: str
    number: int
    cause: str
    request: str
    recorded_at: datetime


Known = dict[tuple[int, str], First]
"""By wallet and key."""

FIRST = tuple(entries.c[name] for name in First._fields)

_ON_TRUST = ("overdraft", "held:overdraft")
_SPENDING = ("spend", "capture", "overdraw")


_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), default=str)


def fingerprint(verb: str, *values: Any) -> str:
    """A request's hash: the same verb with the same values, in this order, has the same one."""
    return hashlib.sha256(_CANONICAL.encode([verb, *values]).encode()).hexdigest()[:32]


def known(tx: Tx, keys: Sequence[tuple[int, str]]) -> Known:
    """The first entries of these keys, where they were used. To be asked under the wallets' locks."""
    if not keys:
        return {}
    if len(keys) == 1:
        rows: Iterable[Any] = sets.read(tx, FIRST, "FROM billing_entries WHERE wallet_id = %s AND key = %s", keys[0])
    else:
        wanted = sets.pairs(tx, int, keys)
        match = (entries.c.wallet_id == wanted.c.one) & (entries.c.key == wanted.c.two)
        rows = tx.connection.execute(select(*FIRST).join(wanted, match))
    return {(row[0], row[1]): First(*row) for row in rows}


def same(row: First | Row[Any], key: str, request: str) -> IdempotencyKeyReused | None:
    """Is it the same request as then?"""
    return None if row.request == request else IdempotencyKeyReused(key)


def of_cause(tx: Tx, wallet: int, cause: str, first: int) -> list[Row[Any]]:
    """All entries of a cause, whose first one has the number `first`, in order."""
    query = (
        select(entries)
        .where(entries.c.wallet_id == wallet)
        .where(or_(entries.c.number == first, (entries.c.cause == cause) & entries.c.key.is_(None)))
        .order_by(entries.c.number)
    )
    return [row for row in tx.connection.execute(query) if row.cause == cause]


def receipt(
    wallet: int,
    customer: str,
    unit: str,
    kind: str,
    parts: Sequence[Movement] | Sequence[Row[Any]],
    recorded_at: Any,
) -> Receipt:
    """The receipt of a spend (`kind` spend) or a reversal (rev) from its movements or its entries, the same."""
    kinds = _SPENDING if kind == "spend" else ("reverse",)
    moved = [part for part in parts if part.kind in kinds]
    slices: dict[str, int] = {}
    on_trust = 0
    for part in moved:
        end = part.source if kind == "spend" else part.destination
        if end in _ON_TRUST or end == "forgiven":
            on_trust += part.credits
        else:
            bucket = ids.of("bkt", wallet, int(end.partition(":")[2]))
            slices[bucket] = slices.get(bucket, 0) + part.credits
    return Receipt(
        id=ids.of(kind, wallet, moved[0].number),
        customer=customer,
        unit=unit,
        credits=sum(part.credits for part in moved),
        slices=tuple(slices.items()),
        overdraft_credits=on_trust,
        available=parts[-1].available_after,
        owed=parts[-1].owed_after,
        recorded_at=recorded_at,
    )


def reversed_by(tx: Tx, wallet: int, numbers: Iterable[int], by: str = "undoes") -> dict[int, tuple[int, int]]:
    """For each of these entries: credits and cents that reversals have brought back of it so far."""
    column = entries.c[by]
    query = select(column, entries.c.credits, entries.c.cents).where(
        entries.c.wallet_id == wallet, entries.c.undoes.is_not(None), column.in_(list(numbers))
    )
    sums: dict[int, tuple[int, int]] = {}
    for number, credits, cents in tx.connection.execute(query):
        before = sums.get(number, (0, 0))
        sums[number] = (before[0] + credits, before[1] + cents)
    return sums
