"""The balance day by day, read from the entries: each says what was available after it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING

from web.charts import Point
from web.portal.words import KIND_NAMES, kind_of

if TYPE_CHECKING:
    from billing import Entry, Transaction

DAYS = 60
READ = 1500
"""Entries read at once. Who has more of them in 60 days gets the earlier days by halving, every third day only."""

_COARSE = 3


def by_day(tx: Transaction, customer: str, unit: str, available: int) -> list[Point]:
    """The balance at the end of each of the last 60 days, from the wallet's first on; today's is what it is now.

    Where all entries of those days could be read, each says its parts: how much was of which kind.
    """
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
    if step == 1:
        points = _in_parts(points, tx, customer, unit, newest) or points
    return points[::-1]


def _in_parts(
    points: Sequence[Point], tx: Transaction, customer: str, unit: str, newest: Sequence[Entry]
) -> list[Point] | None:
    """The same days, newest first, by what kind of credits it was: all entries undone, one after the other.

    None where that does not lead to what each entry says was available after it, such as when buckets have ended
    and nobody has written it down yet.
    """
    buckets = {bucket.id: bucket for bucket in tx.buckets(customer, unit=unit, limit=READ) if not bucket.features}
    free = {id: bucket.remaining - bucket.held for id, bucket in buckets.items()}

    def parts(at: datetime) -> dict[str, int]:
        found = dict.fromkeys(KIND_NAMES, 0)
        for id, bucket in buckets.items():
            if free[id] and bucket.effective_at <= at:
                found[kind_of(bucket)] += free[id]
        return found

    split, read = [], 0
    for point in points:
        end = min(_midnight(point.day) - timedelta(microseconds=1), tx.now)
        while read < len(newest) and newest[read].effective_at > end:
            entry = newest[read]
            for account, credits in ((entry.source, entry.credits), (entry.destination, -entry.credits)):
                head, _, id = account.partition(":")
                if head == "bucket" and id in free:
                    free[id] += credits
            read += 1
        last = newest[read] if read < len(newest) else None
        if last is not None and sum(parts(last.effective_at).values()) != last.available_after:
            return None
        found = parts(end)
        split.append(Point(point.day, sum(found.values()), found))
    return split if split[0].value == points[0].value else None


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
