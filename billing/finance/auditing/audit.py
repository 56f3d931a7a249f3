"""The audit: our books against themselves. It reads one snapshot, reports, and never repairs.

Each check is named after the invariant it holds (numbers as in the handbook). What is asked of every entry is asked
in the database, which answers with those that break a rule; wallets, buckets and open holds are looked at here.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from billing.base.db import Tx
from billing.catalog.terms import Catalog
from billing.finance.auditing import (
    books,
    buckets,
    causes,
    changes,
    earlier,
    entries,
    history,
    holds,
    months,
    sales,
    topups,
    usage,
    wallets,
)
from billing.finance.auditing.books import Books
from billing.finance.auditing.breach import Breach
from billing.rules.wallet.flows import LISTED, place

__all__ = ["Breach", "breaches"]

_OUT = ("earned", "broken", "voided", "refunded", "credited")


def breaches(tx: Tx, catalog: Catalog) -> list[Breach]:
    """All that is wrong; an empty list when the books add up."""
    return [
        *_wallets(tx, catalog),
        *wallets.breaches(tx),
        *entries.breaches(tx),
        *causes.breaches(tx),
        *buckets.breaches(tx),
        *holds.breaches(tx),
        *history.breaches(tx),
        *sales.breaches(tx),
        *changes.breaches(tx),
        *topups.breaches(tx),
        *earlier.breaches(tx),
        *usage.breaches(tx),
    ]


def _wallets(tx: Tx, catalog: Catalog) -> Iterator[Breach]:
    """One wallet after the other, and at the end the money in all of them."""
    money: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for wallet in books.read(tx):
        yield from wallets.of_wallet(catalog, wallet)
        yield from buckets.of_wallet(wallet)
        yield from months.of_wallet(wallet)
        _count(wallet, money)
    for currency, sums in sorted(money.items()):
        closing = sums["sold"] - sum(sums[name] for name in _OUT)
        if closing != sums["deferred"]:
            found = f"sold less {', '.join(_OUT)} is {closing} cents, in buckets and prepaid are {sums['deferred']}"
            yield Breach("6 money", currency, found)


def _count(wallet: Books, money: dict[str, dict[str, int]]) -> None:
    """Adds what its entries moved by report column, and what its buckets and months hold, by currency."""
    for row in wallet.movements:
        flow = LISTED.get((row.kind, place(row.source), place(row.destination)))
        if flow is not None and row.cents:
            for column, sign in flow.counts().items():
                money[str(row.currency)][column] += sign * int(row.cents)
    for bucket in wallet.buckets:
        if bucket.cents:
            money[str(bucket.currency)]["deferred"] += bucket.cents
    for month in wallet.months:
        if month.left_cents:
            money[str(month.currency)]["deferred"] += month.left_cents
    if wallet.row["purse_cents"]:
        money[str(wallet.row["purse_currency"])]["deferred"] += wallet.row["purse_cents"]
