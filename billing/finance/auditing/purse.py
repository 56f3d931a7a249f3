"""The audit of the purse: it says what its bucket and its wallet say, and lies where every spend pays first.

What lies in it counts as in its bucket: that both together are what the entries say is asked of buckets.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from billing.catalog.terms import Catalog
from billing.credits import lows, purse
from billing.finance.auditing.books import Books
from billing.finance.auditing.breach import Breach
from billing.rules.wallet.position import Position
from billing.rules.wallet.purse import Purse

_OPTIONAL = ("purse_currency", "purse_until")


def of_wallet(catalog: Catalog, books: Books, position: Position) -> Iterator[Breach]:
    """All that is wrong with the purse of one wallet, whose position is the one last written."""
    for found in _wrong(catalog, books, position):
        yield Breach("2 purse", books.where, found)


def _wrong(catalog: Catalog, books: Books, position: Position) -> Iterator[str]:
    columns = {name: value for name, value in books.row.items() if name.startswith("purse_")}
    said = sorted(name for name, value in columns.items() if value is not None)
    if not said:
        return
    unsaid = sorted(name for name, value in columns.items() if value is None and name not in _OPTIONAL)
    if unsaid:
        yield f"{', '.join(said)} is set, {', '.join(unsaid)} is not"
        return
    filled = purse.of(books.row)
    assert filled is not None
    bucket = next((row for row in books.buckets if row.number == filled.bucket), None)
    if bucket is None:
        yield f"it was filled from bucket {filled.bucket}, which is not there"
        return
    yield from _figures(filled, bucket)
    yield from _stops(catalog, books.row, filled)
    first = next((state.number for state in position.ordered() if state.free), None)
    if bucket.features or (filled.policy == purse.policy_of(catalog) and first != filled.bucket):
        yield f"bucket {filled.bucket} is in it, bucket {first} pays first"


def _figures(filled: Purse, bucket: Any) -> Iterator[str]:
    figures = (
        ("left", filled.left, bucket.free + bucket.held + filled.credits),
        ("basis_cents", filled.basis_cents, bucket.basis_cents),
        ("basis_credits", filled.basis_credits, bucket.basis_credits),
        ("currency", filled.currency, bucket.currency),
    )
    for name, said, truth in figures:
        if said != truth:
            yield f"{name} is {said}, by bucket {bucket.number} {truth}"
    if filled.credits < 0 or filled.cents < 0 or bucket.cents:
        found = f"{filled.credits} credits and {filled.cents} cents lie in it, {bucket.cents} cents beside it"
        yield f"{found}: all of the cents should, and nothing below zero"
    if bucket.free < 1:
        yield f"the last credit of bucket {bucket.number} lies in it"


def _stops(catalog: Catalog, row: dict[str, Any], filled: Purse) -> Iterator[str]:
    if row["frozen_at"] is not None or row["owed"]:
        yield "there is one, though the wallet is frozen or owes"
    due = row["next_due_at"]
    if due is not None and (filled.until is None or filled.until > due):
        yield f"it holds until {filled.until}, something is due at {due}"
    if filled.policy == purse.policy_of(catalog):
        low, until = lows.stop(catalog, row, lows.warned(row), row["available"], row["last_at"])
        if low is not None and row["available"] - filled.credits <= low:
            yield f"it goes down to {row['available'] - filled.credits}, somebody is to be told of {low}"
        if filled.until != min((stop for stop in (due, until) if stop is not None), default=None):
            yield f"it holds until {filled.until}, thresholds hold until {until}"
    if filled.since > row["last_at"]:
        yield f"it was filled at {filled.since}, after the wallet was last written"
