"""SQLite: how a connection is set up so that it is as safe as PostgreSQL's."""

from __future__ import annotations

import sqlite3
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Lock
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
        self._lock, self._taken, self._waiting = Lock(), False, deque[Event]()

    @classmethod
    def of(cls, file: str) -> Turns:
        """Those of that file, whichever engine writes to it."""
        with cls._making:
            return cls._of_file.setdefault(file, cls())

    @contextmanager
    def turn(self, seconds: float) -> Iterator[None]:
        """Raises Busy where it does not come in so many seconds."""
        self.take(seconds)
        try:
            yield
        finally:
            self.give()

    def take(self, seconds: float) -> None:
        """The same, to be given on by `give`."""
        with self._lock:
            if not self._taken:
                self._taken = True
                return
            mine = Event()
            self._waiting.append(mine)
        try:
            came = mine.wait(seconds)
        except BaseException:  # Ctrl-C, say: nobody would give on what comes to it
            self._leave(mine)
            raise
        if not came and self._leave(mine, unless_come=True):
            raise Busy("The database was locked for too long. Roll back and send the same request again.")

    def give(self) -> None:
        """To whoever has waited longest."""
        with self._lock:
            if self._waiting:
                self._waiting.popleft().set()
            else:
                self._taken = False

    def _leave(self, mine: Event, *, unless_come: bool = False) -> bool:
        """It waits no longer, and says so; if its turn has come this very moment it is given on, or kept."""
        with self._lock:
            if not mine.is_set():
                self._waiting.remove(mine)
                return True
        if not unless_come:
            self.give()
        return False
