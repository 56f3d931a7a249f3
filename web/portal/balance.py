"""The balance day by day, read from the entries: each says what was available after it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING

from web.charts import Point

if TYPE_CHECKING:
    from billing import Entry, Transaction

DAYS = 60
READ = 1500
"""Entries read at once. Who has more of them in 60 days gets the earlier days by halving, every third day only."""

_COARSE = 3


def by_day(tx: Transaction, customer: str, unit: str, available: int) -> list[Point]:
    """The balance at the end of each of the last 60 days, from the wallet's first on; today's is what it is now."""
    today = tx.now.astimezone(UTC).date()
    first = today - timedelta(days=DAYS - 1)
    newest = tx.entries(customer, unit=unit, limit=READ)
    points = [Point(today, available)]
    day, read, step = today - timedelta(days=1), 0, 1
    while day >= first:
        read = _skip(newest, read, _midnight(day))
        last = newest[read] if read < len(newest) else None
        if last is None and len(newest) == READ:
            step = _COARSE
            last = _last_before(tx, customer, unit, _midnight(day), newest[-1].number)
        if last is None:
            break
        points.append(Point(day, last.available_after))
        day -= timedelta(days=step)
    return points[::-1]


def _midnight(day: date) -> datetime:
    """The end of a day."""
    return datetime.combine(day + timedelta(days=1), time(), UTC)


def _skip(newest: Sequence[Entry], read: int, end: datetime) -> int:
    while read < len(newest) and newest[read].effective_at >= end:
        read += 1
    return read


def _last_before(tx: Transaction, customer: str, unit: str, end: datetime, below: int) -> Entry | None:
    """The last entry before an instant, by halving: in a wallet time never goes back, and numbers have no gap."""
    low, found = 1, None
    while low < below:
        middle = (low + below) // 2
        entry = tx.entries(customer, unit=unit, before=middle + 1, limit=1)[0]
        if entry.effective_at < end:
            low, found = middle + 1, entry
        else:
            below = middle
    return found
