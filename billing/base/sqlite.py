"""SQLite: how a connection is set up so that it is as safe as PostgreSQL's."""

from __future__ import annotations

import sqlite3
from time import sleep
from typing import Any

from sqlalchemy.pool import ConnectionPoolEntry

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
