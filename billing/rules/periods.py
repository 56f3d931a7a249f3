"""Spans of time and calendar periods. All datetimes are aware and in UTC; months are counted on the calendar.

Rules: the handbook's *Allocation* ("its months, counted from the line's start, the 31st → month end") and *Its
end*.
"""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal, get_args

Every = Literal["day", "week", "month", "year"]
EVERY: tuple[Every, ...] = get_args(Every)

MOST_YEARS = 100
_DAY = 86_400
_MONTHS = {"month": 1, "year": 12}
_SECONDS = {"second": 1, "minute": 60, "hour": 3_600, "day": _DAY, "week": 7 * _DAY}
_WRITTEN = re.compile(r"\s*([0-9]{1,18})\s+([a-z]+?)s?\s*")


@dataclass(frozen=True, slots=True)
class Span:
    """A length of time: calendar `months` or `seconds`, never both; neither is no time at all."""

    months: int = 0
    seconds: int = 0

    def __post_init__(self) -> None:
        assert min(self.months, self.seconds) == 0 <= max(self.months, self.seconds), self

    def __bool__(self) -> bool:
        return bool(self.months or self.seconds)

    @classmethod
    def parse(cls, text: object) -> Span:
        """`"12 months"`, `"1 year"`, `"7 days"`, `"24 hours"` … → Span. ValueError says what may be written.

        A day is 24 hours. Longer than 100 years is refused: it would run past the calendar's end.
        """
        written = _WRITTEN.fullmatch(text) if isinstance(text, str) else None
        noun = written.group(2) if written else ""
        if written is None or (noun not in _MONTHS and noun not in _SECONDS):
            raise ValueError(
                f"{text!r} is no span of time: write a whole number and a unit, such as "
                '"30 minutes", "24 hours", "7 days", "2 weeks", "12 months" or "1 year".'
            )
        count = int(written.group(1))
        months, seconds = count * _MONTHS.get(noun, 0), count * _SECONDS.get(noun, 0)
        if months > 12 * MOST_YEARS or seconds > 365 * _DAY * MOST_YEARS:
            raise ValueError(f"{text!r} is longer than {MOST_YEARS} years.")
        return cls(months=months, seconds=seconds)


def parse(text: object) -> Span:
    """`Span.parse`."""
    return Span.parse(text)


def add(start: datetime, span: Span, times: int = 1, *, day: int | None = None) -> datetime:
    """`start`, and the `span` as many `times` on. Months are counted from `start`: 31 Jan + 1 = 28 or 29 Feb,
    + 2 = 31 Mar. `day`: on this day of the month (`anchor_day`) instead of the start's.

    So the nth period of a series is `add(anchor, span, n)`, never one added to the last: that would lose the
    31st. Grows with `times`. OverflowError past the year 9999.
    """
    _check(start)
    if not span.months:
        return start + timedelta(seconds=span.seconds * times)
    return _months_from(start, span.months * times, day)


def anchor_day(start: datetime, end: datetime) -> int:
    """The day of the month on which periods from `start` to `end` begin, as far as the two show it: the start's, unless
    that is its month's last and stands for a later one: from 28 Feb to 31 May it is the 31st.
    """
    is_last = (start + timedelta(days=1)).month != start.month
    return end.day if is_last and end.day > start.day and end.timetz() == start.timetz() else start.day


def month_start_after(at: datetime) -> datetime:
    """The next start of a UTC month that is strictly after `at`."""
    _check(at)
    return _months_from(datetime(at.year, at.month, 1, tzinfo=UTC), 1)


def span_of(every: Every) -> Span:
    """How long one period of a plan is."""
    if every in _MONTHS:
        return Span(months=_MONTHS[every])
    return Span(seconds=_SECONDS[every])


def is_longer(start: datetime, end: datetime, every: Every) -> bool:
    """Whether [start, end) is longer than ONE `every`, so that it holds several periods of the plan.

    Anchored periods are not equally long as seen from their start: with the 31st as anchor, 28 Feb → 31 Mar
    is one month, with 29 Feb as anchor, 28 Feb → 29 Feb of the next leap year is one year. Hence 3 days and 1
    day of slack.
    """
    slack = timedelta(days={"month": 3, "year": 1}.get(every, 0))
    return end > add(start, span_of(every)) + slack


def whole_period(end: datetime, every: Every) -> datetime:
    """The start of the full period that ends at `end`: a proration line shows only the end and what was left
    of it.

    The same day a month (or year) earlier, or that month's last: 31 Mar → 28 Feb. Where several anchors end
    on the same day (28 Feb is the end for the 28th to the 31st), it is the earliest: at most 3 days off.
    """
    _check(end)
    span = span_of(every)
    return _months_from(end, -span.months) if span.months else end - timedelta(seconds=span.seconds)


def _months_from(start: datetime, months: int, day: int | None = None) -> datetime:
    years, month = divmod(start.month - 1 + months, 12)
    year, month = start.year + years, month + 1
    if not 1 <= year <= 9999:
        raise OverflowError(f"{months} months from {start.isoformat()} is off the calendar.")
    return start.replace(year=year, month=month, day=min(day or start.day, calendar.monthrange(year, month)[1]))


def _check(at: datetime) -> None:
    assert at.utcoffset() == timedelta(0), f"{at!r} is not in UTC"
