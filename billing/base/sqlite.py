"""SQLite: how a connection is set up so that it is as safe as PostgreSQL's."""

from __future__ import annotations

import sqlite3
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Lock, RLock
from time import sleep
from typing import Any, ClassVar

from sqlalchemy.pool import ConnectionPoolEntry

from billing.rules.refusals import Busy

_TRIES = 500
"""Fiftieths of a second: as long as a verb waits for a lock."""


def prepare(dbapi: Any, _entry: ConnectionPoolEntry) -> None:
    """What every connection has set."""
    _write_ahead(dbapi)
    for pragma in ("foreign_keys=ON", "recursive_triggers=ON", "synchronous=FULL"):
        dbapi.execute(f"PRAGMA {pragma}")


def _write_ahead(dbapi: Any) -> None:
    """A new file changes to WAL once. While another connection does so, or writes, SQLite refuses and does not wait."""
    for left in reversed(range(_TRIES)):
        try:
            dbapi.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or not left:
                raise
            sleep(0.02)
        else:
            return


class Turns:
    """The threads of this process write to one file in the order in which they came.

    SQLite itself lets whoever waits look again every tenth of a second: beside a job that writes one batch after the
    other nobody else would get in between for seconds. Other processes still wait in SQLite's way.
    """

    _of_file: ClassVar[dict[str, Turns]] = {}
    _making = Lock()

    def __init__(self) -> None:
        self._lock, self._taken, self._waiting = RLock(), False, deque[Turn]()

    @classmethod
    def of(cls, file: str) -> Turns:
        """Those of that file, whichever engine writes to it."""
        with cls._making:
            return cls._of_file.setdefault(file, cls())

    @contextmanager
    def turn(self, seconds: float) -> Iterator[None]:
        """Raises Busy where it does not come in so many seconds."""
        mine = self.take(seconds)
        try:
            yield
        finally:
            mine.give()

    def take(self, seconds: float) -> Turn:
        """The same, to be given on by its `give`."""
        mine = Turn(self)
        with self._lock:
            if not self._taken:
                mine.held = self._taken = True
                return mine
            mine.comes = Event()
            self._waiting.append(mine)
        try:
            mine.comes.wait(seconds)
        finally:
            with self._lock:  # it may come in the very moment in which it is given up
                if not mine.held:
                    self._waiting.remove(mine)
        if not mine.held:
            raise Busy("The database was locked for too long. Roll back and send the same request again.")
        return mine

    def next(self) -> None:
        """Whoever has waited longest."""
        with self._lock:
            if self._waiting:
                self._waiting.popleft().come()
            else:
                self._taken = False


class Turn:
    """One of them. Whoever loses it (Ctrl-C in the wrong moment) gives it on by that."""

    __slots__ = ("_turns", "comes", "held")

    def __init__(self, turns: Turns) -> None:
        self._turns, self.held = turns, False
        self.comes: Event | None = None

    def come(self) -> None:
        self.held = True
        if self.comes is not None:
            self.comes.set()

    def give(self) -> None:
        """To the next. Once; or twice, where we are interrupted, which does no harm: the file has its own lock."""
        if self.held:
            self._turns.next()
            self.held = False

    __del__ = give
