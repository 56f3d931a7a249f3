"""Where the sandbox keeps its objects: one SQLite file. A request is one transaction, its events included."""

from __future__ import annotations

import errno
import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

Object = dict[str, Any]
"""A Stripe object as it is kept: ids where others stand. Names that begin with `_` are the sandbox's own."""

_TABLES = """
BEGIN;
CREATE TABLE IF NOT EXISTS objects (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, created INTEGER NOT NULL,
    customer TEXT, body TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS objects_kind ON objects (kind, seq);
CREATE INDEX IF NOT EXISTS objects_customer ON objects (customer, kind, seq);
CREATE TABLE IF NOT EXISTS due (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, what TEXT NOT NULL, id TEXT NOT NULL, UNIQUE (what, id)
);
CREATE INDEX IF NOT EXISTS due_at ON due (at, seq);
CREATE TABLE IF NOT EXISTS events (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, type TEXT NOT NULL, created INTEGER NOT NULL,
    body TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS deliveries (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, event TEXT NOT NULL, endpoint TEXT NOT NULL, state TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0, next_at REAL NOT NULL DEFAULT 0, answer TEXT, UNIQUE (event, endpoint)
);
CREATE INDEX IF NOT EXISTS deliveries_state ON deliveries (state, next_at);
CREATE TABLE IF NOT EXISTS answers (
    key TEXT PRIMARY KEY, fingerprint TEXT NOT NULL, status INTEGER NOT NULL, request TEXT NOT NULL, body TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS settings (name TEXT PRIMARY KEY, value TEXT NOT NULL);
COMMIT;
"""


_PATIENCE = 2.0
"""Seconds to wait for another process that is about to end."""


class Rows:
    """What one transaction reads and writes. Within it one object is one value, whoever asks for it."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._seen: dict[str, Object] = {}

    def run(self, sql: str, *values: object) -> list[sqlite3.Row]:
        return self._connection.execute(sql, values).fetchall()

    def find(self, id: str) -> Object | None:
        if id in self._seen:
            return self._seen[id]
        found = self.run("SELECT id, body FROM objects WHERE id = ?", id)
        return self._read(found[0]) if found else None

    def put(self, thing: Object) -> Object:
        """Keeps it, new or changed."""
        self._seen[thing["id"]] = thing
        self.run(
            "INSERT INTO objects (id, kind, created, customer, body) VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT (id) DO UPDATE SET customer = excluded.customer, body = excluded.body",
            thing["id"],
            thing["object"],
            thing.get("created") or 0,
            thing.get("customer"),
            json.dumps(thing),
        )
        return thing

    def remove(self, id: str) -> None:
        self._seen.pop(id, None)
        self.run("DELETE FROM objects WHERE id = ?", id)

    @contextmanager
    def undone(self) -> Iterator[None]:
        """All that the block does is as if it had not been."""
        self.run("SAVEPOINT undone")
        try:
            yield
        finally:
            self.run("ROLLBACK TO undone")
            self.run("RELEASE undone")
            self._seen.clear()

    def select(self, kind: str, **equal: Any) -> list[Object]:
        """The objects of a kind, newest first, that hold these values at their top level."""
        sql, values = "SELECT id, body FROM objects WHERE kind = ?", [kind]
        for name, value in equal.items():
            if name == "customer":
                sql, values = f"{sql} AND customer = ?", [*values, value]
            else:
                sql, values = f"{sql} AND json_extract(body, '$.{name}') IS ?", [*values, value]
        return [self._read(row) for row in self.run(f"{sql} ORDER BY seq DESC", *values)]

    def _read(self, row: sqlite3.Row) -> Object:
        seen: Object = self._seen.setdefault(row["id"], json.loads(row["body"]))
        return seen

    def setting(self, name: str) -> str | None:
        found = self.run("SELECT value FROM settings WHERE name = ?", name)
        return found[0]["value"] if found else None

    def set_setting(self, name: str, value: str) -> None:
        self.run("INSERT OR REPLACE INTO settings (name, value) VALUES (?, ?)", name, value)

    def schedule(self, at: int, what: str, id: str) -> None:
        """This will be due then, and no longer at another time."""
        self.unschedule(what, id)
        self.run("INSERT INTO due (at, what, id) VALUES (?, ?, ?)", at, what, id)

    def unschedule(self, what: str, id: str) -> None:
        self.run("DELETE FROM due WHERE what = ? AND id = ?", what, id)

    def next_due(self) -> tuple[int, str, str] | None:
        """What is due first: `(at, what, id)`."""
        found = self.run("SELECT at, what, id FROM due ORDER BY at, seq LIMIT 1")
        return (found[0]["at"], found[0]["what"], found[0]["id"]) if found else None


class InUse(OSError):
    """Another process has the file: two clocks over the same objects would contradict each other."""


class Store:
    """One file, one process, one connection, one transaction at a time, whichever thread asks. `InUse` if another
    process has it open, another `OSError` if it can't be opened, or written.
    """

    def __init__(self, file: Path) -> None:
        self._lock = threading.RLock()
        self._rows: Rows | None = None
        file.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._connection = _opened(file)
        except sqlite3.DatabaseError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
                raise OSError(errno.EIO, str(error), str(file)) from error
            raise InUse(
                f"{file} is in use by another sandbox. Stop that one, or give this one a file of its own."
            ) from None

    @contextmanager
    def transaction(self) -> Iterator[Rows]:
        """All of it or nothing. Within another of the same thread it is a part of that one."""
        with self._lock:
            if self._rows is not None:
                yield self._rows
                return
            self._connection.execute("BEGIN IMMEDIATE")
            self._rows = Rows(self._connection)
            try:
                yield self._rows
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            else:
                self._connection.execute("COMMIT")
            finally:
                self._rows = None

    def close(self) -> None:
        with self._lock:
            self._connection.close()


def _opened(file: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(file, isolation_level=None, check_same_thread=False, timeout=_PATIENCE)
    connection.row_factory = sqlite3.Row
    try:
        for pragma in ("locking_mode = EXCLUSIVE", "journal_mode = WAL", "synchronous = NORMAL"):
            connection.execute(f"PRAGMA {pragma}")
        connection.executescript(_TABLES)
    except BaseException:
        connection.close()
        raise
    return connection
