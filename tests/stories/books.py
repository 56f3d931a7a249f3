"""Reads the books as finance does: every figure is a sum over entries, and nothing else is asked."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from billing import Billing, Entry


class Books(NamedTuple):
    """Cents, each net of what later left it."""

    deferred: int
    earned: int
    broken: int
    refunded: int
    credited: int
    voided: int


_PLACES = {
    "bucket": "deferred",
    "held": "deferred",
    "prepaid": "deferred",
    "consumed": "earned",
    "overdraft": "earned",
    "overage": "earned",
    "expired": "broken",
    "clawed_back": "refunded",
    "credited": "credited",
    "voided": "voided",
}


def place(account: str) -> str | None:
    """`bucket:…` is deferred, `consumed` is earned …; what credits come from (`issued`) is no place."""
    return _PLACES.get(account.partition(":")[0])


def books(entries: Iterable[Entry]) -> Books:
    sums = dict.fromkeys(Books._fields, 0)
    for entry in entries:
        for account, sign in ((entry.source, -1), (entry.destination, 1)):
            if (name := place(account)) is not None:
                sums[name] += sign * entry.cents
    return Books(**sums)


def cents_left(entries: Iterable[Entry]) -> dict[str, int]:
    """Of each bucket ever granted, the cents that are in it: both of its pockets together."""
    left: dict[str, int] = {}
    for entry in entries:
        for account, sign in ((entry.source, -1), (entry.destination, 1)):
            pocket, _, bucket = account.partition(":")
            if pocket == "bucket" or (pocket == "held" and bucket != "overdraft"):
                left[bucket] = left.get(bucket, 0) + sign * entry.cents
    return left


def all_entries(billing: Billing, customer: str) -> list[Entry]:
    """All entries of a customer's wallet, the oldest first."""
    found: list[Entry] = []
    before = None
    while page := billing.entries(customer, before=before, limit=100):
        found += page
        before = page[-1].number
    return found[::-1]
