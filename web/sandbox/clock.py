"""The sandbox's time: an offset from real time, kept with its objects. Nothing else here asks the time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from web.sandbox.store import Store

_OFFSET = "clock.offset_us"
_MOVED_TO = "clock.moved_to_us"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def real_seconds() -> float:
    """Real time, for what reaches the world outside: signatures and retries."""
    return time.time()


def seconds(instant: datetime) -> int:
    return int(instant.timestamp())


def instant(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


class Clock:
    """Runs as real time does, ahead of it or behind by `offset`; stands still at a stop while time is moved."""

    def __init__(self, store: Store, now: Callable[[], datetime] | None = None) -> None:
        self._store = store
        self._real = now or _now
        self._standing: datetime | None = None
        with store.transaction() as rows:
            self._offset = timedelta(microseconds=int(rows.setting(_OFFSET) or 0))

    @property
    def offset(self) -> timedelta:
        standing = self._standing
        return self._offset if standing is None else standing - self._real()

    def now(self) -> datetime:
        """The sandbox's time, aware and in UTC."""
        standing = self._standing
        return self._real() + self._offset if standing is None else standing

    def set(self, to: datetime) -> None:
        """It is `to` from now on, and time goes on from there."""
        offset = to - self._real()
        with self._store.transaction() as rows:
            rows.set_setting(_OFFSET, str(offset // _MICROSECOND))
            rows.set_setting(_MOVED_TO, str((to - _EPOCH) // _MICROSECOND))
        self._offset = offset

    def resume(self) -> None:
        """It is the instant it was last moved to, as if no time had passed since."""
        with self._store.transaction() as rows:
            moved_to = rows.setting(_MOVED_TO)
        if moved_to is not None:
            self.set(_EPOCH + int(moved_to) * _MICROSECOND)

    @contextmanager
    def standing(self) -> Iterator[Callable[[datetime], None]]:
        """Time stands still at each instant it is given, and goes on from the last one afterwards."""

        def stand(at: datetime) -> None:
            self._standing = at
            self.set(at)

        self._standing = self.now()
        try:
            yield stand
        finally:
            at, self._standing = self._standing, None
            self.set(at)


def _now() -> datetime:
    return datetime.now(UTC)
