"""What the audit reads of some wallets at once: their rows, and what entries say went through their accounts.

Read a thousand wallets at a time, so that neither a query per wallet is made nor all of them are in memory.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import func, select

from billing.base.db import Tx
from billing.credits.rows import BUCKET_COLUMNS, MONTH_COLUMNS, hold_state
from billing.credits.tables import buckets, entries, holds, months, wallet_terms, wallets
from billing.rules.wallet.values import HoldState

AT_ONCE = 1_000


@dataclass(slots=True)
class Account:
    """What entries say is in one account of a wallet: what came less what went. `currencies` of its cents."""

    credits: int = 0
    cents: int = 0
    currencies: set[str | None] = field(default_factory=set)


@dataclass(slots=True)
class Books:
    """One wallet. `unused`: what buckets' ends and voidings took and still have, by kind and the bucket's number."""

    row: dict[str, Any]
    accounts: dict[str, Account] = field(default_factory=lambda: defaultdict(Account))
    movements: list[Any] = field(default_factory=list)
    unused: dict[tuple[str, str], list[int]] = field(default_factory=lambda: defaultdict(lambda: [0, 0, 0]))
    buckets: list[Any] = field(default_factory=list)
    open_holds: list[HoldState] = field(default_factory=list)
    months: list[Any] = field(default_factory=list)
    terms: Any = None
    """The last row of its settings' history."""

    @property
    def where(self) -> str:
        return f"wallet {self.row['id']} ({self.row['customer_id']}, {self.row['unit']})"


def read(tx: Tx) -> Iterator[Books]:
    """Every wallet that has a row, by id."""
    last = 0
    while True:
        page = select(wallets).where(wallets.c.id > last).order_by(wallets.c.id).limit(AT_ONCE)
        some = {row.id: Books(dict(row._mapping)) for row in tx.connection.execute(page)}
        if not some:
            return
        first, last = min(some), max(some)
        _read_movements(tx, some, first, last)
        for row in _of(tx, buckets, first, last, *BUCKET_COLUMNS, buckets.c.is_open, buckets.c.wallet_id):
            if row.wallet_id in some:
                some[row.wallet_id].buckets.append(row)
        for row in _of(tx, months, first, last, *MONTH_COLUMNS, months.c.is_open, months.c.wallet_id):
            if row.wallet_id in some:
                some[row.wallet_id].months.append(row)
        for row in _of(tx, holds, first, last, holds, where=holds.c.status == "open"):
            if row.wallet_id in some:
                some[row.wallet_id].open_holds.append(hold_state(row))
        for row in _of(tx, wallet_terms, first, last, wallet_terms, by=wallet_terms.c.number):
            if row.wallet_id in some:
                some[row.wallet_id].terms = row
        yield from some.values()


def _of(tx: Tx, table: Any, first: int, last: int, *columns: Any, where: Any = None, by: Any = None) -> Any:
    query = select(*columns).where(table.c.wallet_id.between(first, last))
    if where is not None:
        query = query.where(where)
    return tx.connection.execute(query if by is None else query.order_by(by))


def _read_movements(tx: Tx, some: dict[int, Books], first: int, last: int) -> None:
    e = entries.c
    columns = (e.wallet_id, e.kind, e.source, e.destination, e.currency)
    sums = (func.sum(e.credits).label("credits"), func.sum(e.cents).label("cents"))
    grouped = select(*columns, *sums).where(e.wallet_id.between(first, last)).group_by(*columns)
    for row in tx.connection.execute(grouped):
        books = some.get(row.wallet_id)
        if books is None:
            continue
        books.movements.append(row)
        credits, cents = int(row.credits), int(row.cents)
        for name, sign in ((row.source, -1), (row.destination, 1)):
            account = books.accounts[name]
            account.credits += sign * credits
            account.cents += sign * cents
            if cents:
                account.currencies.add(row.currency)
        _count_unused(books, row, credits, cents)


def _count_unused(books: Books, row: Any, credits: int, cents: int) -> None:
    """Credits that went there, credits of them that were counted, and cents that are still there."""
    if row.kind in ("expire", "void") and row.source.startswith("bucket:"):
        figures = books.unused[row.destination, row.source.partition(":")[2]]
        figures[0], figures[2] = figures[0] + credits, figures[2] + cents
        return
    for account, sign in ((row.source, 1), (row.destination, -1)):
        kind, _, number = account.partition(":")
        if kind in ("expired", "voided") and number.isdigit():
            figures = books.unused[kind, number]
            revived = row.kind == "revive"
            figures[0] -= credits if revived else 0
            figures[1] += 0 if revived else sign * credits
            figures[2] -= sign * cents
