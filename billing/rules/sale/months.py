"""The months of a line: a line longer than its plan's `every` brings a period's credits one after the other.

Rule: the handbook's *Allocation*. They are counted from the line's start (the 31st → month end; a month's end → the
31st, where the line's end shows that it is meant), a part of one counts by its seconds, cents go in proportion to the
credits and the last sweeps.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from billing.rules.periods import Every, add, anchor_day, is_longer, span_of, whole_period

_SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Window:
    """One period of a plan, `[starts_at, ends_at)`; `whole_seconds` is how long it would be if no part were missing."""

    starts_at: datetime
    ends_at: datetime
    whole_seconds: int

    def seconds(self, since: datetime, until: datetime) -> int:
        """How long `[since, until)` runs inside it."""
        return max(0, (min(until, self.ends_at) - max(since, self.starts_at)) // _SECOND)

    def credits(self, level: int) -> int:
        """What a level comes to in it, rounded down."""
        return level * self.seconds(self.starts_at, self.ends_at) // self.whole_seconds


@dataclass(frozen=True, slots=True)
class Month:
    """What one window brings, and until when its credits live (None = for ever)."""

    starts_at: datetime
    ends_at: datetime
    credits: int
    cents: int
    expires_at: datetime | None = None


def windows(start: datetime, end: datetime, every: Every, *, stub: bool) -> tuple[Window, ...]:
    """The periods of a line for `[start, end)`. `stub`: a proration, which for less than one period is a part of it;
    any other line that is shorter is a whole one.
    """
    if not is_longer(start, end, every):
        whole = end - whole_period(end, every)
        return (Window(start, end, max(end - start, whole if stub else end - start) // _SECOND),)
    found = []
    begins, count, day = start, 0, anchor_day(start, end)
    while begins < end:
        count += 1
        until = add(start, span_of(every), count, day=day)
        found.append(Window(begins, min(until, end), (until - begins) // _SECOND))
        begins = until
    return tuple(found)


def spans_of(
    start: datetime, end: datetime, every: Every, *, stub: bool = False, trial: bool = False
) -> tuple[Window, ...]:
    """The windows of an allocation. A trial is one, however long."""
    if trial:
        return (Window(start, end, (end - start) // _SECOND),)
    return windows(start, end, every, stub=stub)


def share_out(cents: int, weights: Sequence[int]) -> tuple[int, ...]:
    """`cents` in proportion to the weights, each rounded down; the last that weighs anything sweeps."""
    total = sum(weights)
    if not total:
        assert not cents, "cents without a weight"
        return tuple(0 for _ in weights)
    parts = [cents * weight // total for weight in weights]
    last = max(place for place, weight in enumerate(weights) if weight)
    parts[last] += cents - sum(parts)
    return tuple(parts)


def months(spans: Sequence[Window], level: int, cents: int) -> tuple[Month, ...]:
    """What a line of this level brings, month by month. Where it brings no credits, no month has cents."""
    credits = [span.credits(level) for span in spans]
    parts = share_out(cents, credits) if sum(credits) else [0 for _ in spans]
    return tuple(
        Month(span.starts_at, span.ends_at, brought, part)
        for span, brought, part in zip(spans, credits, parts, strict=True)
    )
