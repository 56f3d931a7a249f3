"""Billing periods, anchored to the day they began on: the 31st is the last day of a shorter month."""

from __future__ import annotations

import calendar
from datetime import UTC, datetime, timedelta


def after(anchor: int, interval: str, count: int, periods: int) -> int:
    """The second at which the given number of periods since the anchor are over."""
    start = datetime.fromtimestamp(anchor, UTC)
    if interval in ("day", "week"):
        days = count * periods * (7 if interval == "week" else 1)
        return int((start + timedelta(days=days)).timestamp())
    return int(months_later(start, count * periods * (12 if interval == "year" else 1)).timestamp())


def next_end(anchor: int, interval: str, count: int, start: int) -> int:
    """The end of the period that begins at `start`."""
    begun = datetime.fromtimestamp(start, UTC) - datetime.fromtimestamp(anchor, UTC)
    longest = {"day": 1, "week": 7, "month": 31, "year": 366}[interval] * count
    periods = max(begun.days // longest, 0)
    while after(anchor, interval, count, periods) <= start:
        periods += 1
    return after(anchor, interval, count, periods)


def months_later(instant: datetime, months: int) -> datetime:
    """The same day and time so many months on, or that month's last day."""
    whole = instant.year * 12 + instant.month - 1 + months
    year, month = divmod(whole, 12)
    last = calendar.monthrange(year, month + 1)[1]
    return instant.replace(year=year, month=month + 1, day=min(instant.day, last))
