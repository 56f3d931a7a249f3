"""The time. Nothing else in the project asks for it; everything is aware UTC."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Tells the time. `checked`: is it real time, to be held against the database's own clock before writing?"""

    checked: bool

    def now(self) -> datetime: ...


class SystemClock:
    """Real time."""

    checked = True

    def now(self) -> datetime:
        return datetime.now(UTC)


class StandingClock:
    """A clock that moves only when it is told to: for tests and for telling a story."""

    checked = False

    def __init__(self, now: datetime) -> None:
        self._now = aware(now)

    def now(self) -> datetime:
        return self._now

    def move(self, to: datetime) -> None:
        """Moves on to `to`. ValueError for a step back: time never goes back."""
        to = aware(to)
        if to < self._now:
            raise ValueError(f"time does not go back: {to.isoformat()} is before {self._now.isoformat()}")
        self._now = to


class OffsetClock:
    """Real time, moved on by an offset: the demo's."""

    checked = False

    def __init__(self, offset: timedelta) -> None:
        self.offset = offset

    def now(self) -> datetime:
        return datetime.now(UTC) + self.offset


def aware(value: datetime) -> datetime:
    """The same instant in UTC. ValueError for a naive one: nobody knows when that is."""
    if value.tzinfo is None:
        raise ValueError(f"a time without a zone: {value!r}. Use an aware one, such as datetime.now(UTC).")
    return value.astimezone(UTC)
