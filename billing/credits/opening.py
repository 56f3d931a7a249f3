"""Opening: lock the wallet, pour its purse back, read it, do what is due. The only maker of an `OpenWallet`.

What was read before the lock is stale; so a verb opens first, and whoever holds an `OpenWallet` holds the lock; or
has looked at it in a version (`look_at`), and it is written only in that.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import select

from billing.base import sets
from billing.base.db import Tx
from billing.catalog.terms import Catalog
from billing.credits import debts, series
from billing.credits.positions import position_of
from billing.credits.rows import (
    BUCKET_COLUMNS,
    MONTH_COLUMNS,
    bucket_state,
)
from billing.credits.tables import buckets, customers, holds, months, wallets
from billing.rules.refusals import Refusal, UnknownCustomer, UnknownUnit
from billing.rules.wallet import due
from billing.rules.wallet.position import Position

WalletName = tuple[str, str]
"""Customer and unit."""


@dataclass(slots=True)
class OpenWallet:
    """A wallet that is locked, or looked at in a `version`; caught up to `at` and read."""

    id: int
    customer: str
    unit: str
    at: datetime
    position: Position
    row: dict[str, Any]
    stored: Sequence[Any] = ()
    """The rows of its open buckets as they were read."""
    catalog: Catalog = Catalog.DEFAULT
    """What holds while it is open."""
    due: int = 0
    """How many of the position's acts were due; what follows was decided since."""
    changed: dict[str, Any] = field(default_factory=dict)
    """Settings of the wallet's row to be written along."""
    moved_ends: list[dict[str, Any]] = field(default_factory=list)
    """Rows of moved ends to be written along: their buckets may be new."""
    version: str | None = None
    """Not locked, but as it was in this version: it is written only if that is still so."""


def open_wallets(
    tx: Tx,
    catalog: Catalog,
    wanted: Collection[WalletName],
) -> dict[WalletName, OpenWallet | Refusal]:
    """Locks and opens these wallets, making those that are not there yet."""
    answers: dict[WalletName, OpenWallet | Refusal] = {}
    known = [pair for pair in dict.fromkeys(wanted) if pair[1] in catalog.units]
    for pair in wanted:
        if pair[1] not in catalog.units:
            answers[pair] = UnknownUnit(pair[1])
    rows = {(row["customer_id"], row["unit"]): row for row in _lock(tx, known)}
    missing = [pair for pair in known if pair not in rows]
    if missing:
        there = _customers(tx, [customer for customer, _ in missing])
        answers.update({pair: UnknownCustomer(pair[0]) for pair in missing if pair[0] not in there})
        made = sorted(pair for pair in missing if pair[0] in there)
        make_wallets(tx, made)
        rows.update({(row["customer_id"], row["unit"]): row for row in _lock(tx, made)})
    for opened in _read(tx, catalog, list(rows.values())):
        answers[(opened.customer, opened.unit)] = opened
    return answers


def open_wallet(tx: Tx, catalog: Catalog, customer: str, unit: str) -> OpenWallet | Refusal:
    """One of them."""
    return open_wallets(tx, catalog, [(customer, unit)])[(customer, unit)]


def look_at(
    tx: Tx, catalog: Catalog, name: WalletName, key: str, of_entry: Sequence[sa.Column[Any]]
) -> tuple[OpenWallet, tuple[Any, ...] | None] | None:
    """A wallet to be changed at once, and these columns of the entry that has the key, if one has it.

    On PostgreSQL it is not locked, but as of one version; on SQLite the moment is a lock. None: there is no such
    wallet. Raises TakesTransaction.
    """
    found = sets.read_version(tx, (*_WALLET_COLUMNS, *of_entry), _BUCKETS, _LOOK_AT[tx.sqlite], (key, *name))
    if found is None:
        return None
    version, figures, stored = found
    row = dict(zip(_WALLET_NAMES, figures, strict=False))
    entry = figures[len(_WALLET_NAMES) :]
    opened = _read(tx, catalog, [row], stored)[0]
    opened.version = version
    return opened, None if entry[0] is None else entry


def recollect(tx: Tx, wallet: OpenWallet, numbers: Iterable[int]) -> None:
    """Reads buckets that were not read on opening because nothing is left in them."""
    recollect_into(tx, wallet.id, wallet.position, numbers)


def recollect_into(tx: Tx, wallet: int, position: Position, numbers: Iterable[int]) -> None:
    missing = sorted(set(numbers) - set(position.buckets))
    if missing:
        wanted = (buckets.c.wallet_id == wallet) & buckets.c.number.in_(missing)
        for row in tx.connection.execute(select(*BUCKET_COLUMNS).where(wanted)):
            position.know(bucket_state(row))
        series.read(tx, wallet, position)


def open_due(tx: Tx, catalog: Catalog, limit: int, only: Sequence[int] | None = None) -> list[OpenWallet]:
    """Up to `limit` wallets with something due by now, caught up; those that others have locked are passed over.

    The longest due first, as their index has them: by their ids each batch would walk over all that were done before.
    Nothing is waited for here, so the order of locking does not matter.
    """
    late = select(wallets).where(wallets.c.next_due_at <= tx.now).order_by(wallets.c.next_due_at).limit(limit)
    if only is not None:
        late = late.where(wallets.c.id.in_(list(only)))
    rows = tx.connection.execute(late.with_for_update(skip_locked=True, key_share=True))
    return _read(tx, catalog, [dict(row._mapping) for row in rows])


def open_some(tx: Tx, catalog: Catalog, wanted: Sequence[int]) -> list[OpenWallet]:
    """These wallets, in the order of their ids, caught up; those that others have locked are passed over."""
    query = select(wallets).where(wallets.c.id.in_(list(wanted))).order_by(wallets.c.id)
    rows = tx.connection.execute(query.with_for_update(skip_locked=True, key_share=True))
    return _read(tx, catalog, [dict(row._mapping) for row in rows])


def make_wallets(tx: Tx, pairs: Sequence[WalletName]) -> None:
    """Makes wallets that are not there; one that somebody else is making right now is left to them."""
    rows = [
        {"customer_id": customer, "unit": unit, "available": 0, "held": 0, "owed": 0, "last_number": 0,
         "terms_number": 0, "last_month": 0, "open_months": 0, "low_told": 0, "created_at": tx.now}
        for customer, unit in pairs
    ]  # fmt: skip
    sets.insert(tx, wallets, rows, unless_there=True)


def _lock(tx: Tx, pairs: Sequence[WalletName]) -> list[dict[str, Any]]:
    """Locks the wallets' rows in the order of their ids and reads them as they are then."""
    if not pairs:
        return []
    if tx.sqlite:
        # SQLite's lock is its one writer: a write that changes nothing takes it, in a host's plain session, too.
        tx.connection.execute(sa.update(wallets).where(wallets.c.id == -1).values(id=-1))
    if len(pairs) == 1:
        one = _ONE if tx.sqlite else f"{_ONE} FOR NO KEY UPDATE"
        return [dict(zip(_WALLET_NAMES, row, strict=True)) for row in sets.read(tx, _WALLET_COLUMNS, one, pairs[0])]
    listed = sets.pairs(tx, str, pairs)
    match = (wallets.c.customer_id == listed.c.one) & (wallets.c.unit == listed.c.two)
    query = select(wallets).join(listed, match).order_by(wallets.c.id)
    if not tx.sqlite:
        query = query.with_for_update(of=wallets, key_share=True)
    return [dict(row._mapping) for row in tx.connection.execute(query)]


_WALLET_COLUMNS = tuple(wallets.c)
_WALLET_NAMES = tuple(wallets.c.keys())
_ONE = "FROM billing_wallets WHERE customer_id = %s AND unit = %s"
_IS_OPEN = {True: "billing_buckets.is_open = 1", False: "billing_buckets.is_open"}
"""As the partial index says it."""

_LOOK_AT = {
    sqlite: f"""
FROM billing_wallets
LEFT JOIN billing_entries ON billing_entries.wallet_id = billing_wallets.id AND billing_entries.key = %s
LEFT JOIN billing_buckets ON billing_buckets.wallet_id = billing_wallets.id AND {is_open}
WHERE customer_id = %s AND unit = %s
"""
    for sqlite, is_open in _IS_OPEN.items()
}


def _customers(tx: Tx, ids: Sequence[str]) -> set[str]:
    return set(tx.connection.execute(select(customers.c.id).where(customers.c.id.in_(set(ids)))).scalars())


def _read(
    tx: Tx, catalog: Catalog, rows: Sequence[dict[str, Any]], of_buckets: Sequence[Any] | None = None
) -> list[OpenWallet]:
    ids = [row["id"] for row in rows]
    of_bucket: dict[int, list[Any]] = {id: [] for id in ids}
    of_hold: dict[int, list[Any]] = {id: [] for id in ids}
    for bucket in _open_buckets(tx, ids) if of_buckets is None else of_buckets:
        of_bucket[bucket[-1]].append(bucket)
    holding = [row["id"] for row in rows if row["held"]]
    if holding:
        is_open = holds.c.status == sa.literal_column("'open'")  # as the partial index says it
        for hold in tx.connection.execute(select(holds).where(_is_one_of(holds.c.wallet_id, holding), is_open)):
            of_hold[hold.wallet_id].append(hold)
    of_month = open_months(tx, rows)
    opened = []
    for row in rows:
        stored = of_bucket[row["id"]]
        its = of_month.get(row["id"], ())
        position, at = position_of(catalog, row, stored, of_hold[row["id"]], its, tx.now)
        complete(tx, row["id"], position)
        due.advance(position, at)
        opened.append(
            OpenWallet(
                row["id"], row["customer_id"], row["unit"], at, position, row, stored, catalog, len(position.acts)
            )
        )
    return opened


def open_months(tx: Tx, rows: Iterable[Mapping[str, Any]]) -> dict[int, list[Any]]:
    """The rows of the open months of these wallets, by wallet."""
    having = [row["id"] for row in rows if row["open_months"]]
    found: dict[int, list[Any]] = {}
    if having:
        query = select(*MONTH_COLUMNS, months.c.wallet_id).where(
            months.c.is_open, _is_one_of(months.c.wallet_id, having)
        )
        for row in tx.connection.execute(query):
            found.setdefault(row.wallet_id, []).append(row)
    return found


def complete(tx: Tx, wallet: int, position: Position) -> None:
    """Reads what else must be known before time goes on: the debts of a sale that was taken back, and the bucket of a
    month that gets something back.
    """
    if any(month.owed for month in position.months.values()):
        position.debts = debts.read(tx, wallet)
        recollect_into(tx, wallet, position, debts.places(position.debts))
    again = [month.bucket for month in position.months.values() if month.to_come and month.bucket is not None]
    recollect_into(tx, wallet, position, again)
    series.read(tx, wallet, position)


_BUCKETS = (*BUCKET_COLUMNS, buckets.c.wallet_id)


def _open_buckets(tx: Tx, ids: Sequence[int]) -> Sequence[Any]:
    """The rows of all buckets of these wallets in which something is left."""
    if len(ids) == 1:
        return sets.read(tx, _BUCKETS, f"FROM billing_buckets WHERE wallet_id = %s AND {_IS_OPEN[tx.sqlite]}", ids)
    if not ids:
        return ()
    query = select(*_BUCKETS).where(buckets.c.is_open, _is_one_of(buckets.c.wallet_id, ids))
    return tx.connection.execute(query).all()


def _is_one_of(column: sa.Column[int], ids: Sequence[int]) -> sa.ColumnElement[bool]:
    return column == ids[0] if len(ids) == 1 else column.in_(sa.bindparam(None, list(ids), expanding=True))
