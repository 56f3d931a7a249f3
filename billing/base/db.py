"""The database: opens and ends transactions, and says what went wrong in words a caller can act on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import Any

import psycopg
import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import Connection, Engine, make_url
from sqlalchemy.exc import DBAPIError, DisconnectionError, InterfaceError, OperationalError
from sqlalchemy.orm import Session
from sqlalchemy.pool import ConnectionPoolEntry

from billing.base.clock import Clock
from billing.rules.refusals import Busy, ClockSkew, DatabaseUnavailable, WrongIsolation

metadata = sa.MetaData(
    naming_convention={
        "ix": "%(table_name)s_%(column_0_N_name)s_idx",
        "uq": "%(table_name)s_%(column_0_N_name)s_key",
        "ck": "%(table_name)s_%(constraint_name)s_check",
        "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
        "pk": "%(table_name)s_pkey",
    }
)
"""All tables of all rooms. Names begin with `billing_`, so that they live beside a host's own."""

LARGEST_SKEW = 5.0
"""Seconds by which a process's clock may be off the database's before it refuses to write."""

_CLOCK_TRUSTED = 60.0
"""Seconds for which a look at the database's clock is believed."""

_FRESH = 1.0
"""Seconds after its last use for which a connection is taken to be alive."""

_LOCK_WAIT = 10_000
"""Milliseconds to wait for a lock before `Busy`."""


@dataclass(slots=True)
class Tx:
    """One transaction and the instant it takes place at. Verbs and questions take it first."""

    source: Connection | Session
    now: datetime
    told: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    """Facts to be told once this is committed: (event name, what happened)."""

    @property
    def connection(self) -> Connection:
        """A host's session is asked each time: it begins a savepoint only when its connection is asked for."""
        return self.source if isinstance(self.source, Connection) else self.source.connection()

    @property
    def sqlite(self) -> bool:
        return self.connection.dialect.name == "sqlite"


class Database:
    """An engine of ours on `url` (SQLite or PostgreSQL)."""

    def __init__(self, url: str | sa.URL, clock: Clock) -> None:
        self.clock = clock
        self.engine = make_engine(url)

    @contextmanager
    def write(self) -> Iterator[Tx]:
        """A transaction that may write: committed at the end of the block, rolled back by any exception."""
        with translated(), self.engine.connect() as connection:
            self._check_clock(connection)
            with begin_write(connection):
                yield Tx(connection, self.clock.now())

    @contextmanager
    def read(self) -> Iterator[Tx]:
        """A snapshot that only reads."""
        with translated(), self.engine.connect() as connection:
            if connection.dialect.name == "postgresql":
                connection = connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            with connection.begin():
                yield Tx(connection, self.clock.now())

    def within(self, session: Session) -> Tx:
        """A host's own transaction: nothing of ours begins or ends it."""
        connection = session.connection()
        level = isolation(connection)
        if level is not None and level != "read committed":
            raise WrongIsolation(level)
        self._check_clock(connection)
        return Tx(session, self.clock.now())

    def skew(self) -> float:
        """Seconds by which our clock is ahead of the database's."""
        with translated(), self.engine.connect() as connection:
            return _skew(connection, self.clock)

    def close(self) -> None:
        self.engine.dispose()

    def _check_clock(self, connection: Connection) -> None:
        """Looked at when a connection opens, and again whenever our clock has gone on by minutes, or back."""
        if not self.clock.checked:
            return
        now, seen = self.clock.now(), connection.info.get("billing_clock_seen")
        if seen is not None and 0 <= (now - seen).total_seconds() < _CLOCK_TRUSTED:
            return
        ours = not connection.in_transaction()
        skew = _skew(connection, self.clock)
        if ours:
            connection.rollback()
        if abs(skew) > LARGEST_SKEW:
            connection.info.pop("billing_clock_seen", None)
            raise ClockSkew(
                f"This machine's clock is {skew:+.0f} seconds off the database's. "
                "Nothing was written: set it right (NTP) and try again."
            )
        connection.info["billing_clock_seen"] = now


def make_engine(url: str | sa.URL) -> Engine:
    """An engine with the settings both databases need to be safe."""
    address = make_url(url)
    if address.get_backend_name() == "sqlite":
        if address.database and address.database != ":memory:":
            Path(address.database).parent.mkdir(parents=True, exist_ok=True)
        # The driver's own guesses at transactions are off: `_sqlite_begin` says which kind begins.
        engine = sa.create_engine(address, connect_args={"timeout": _LOCK_WAIT / 1000, "isolation_level": None})
        event.listen(engine, "connect", _sqlite_pragmas)
        event.listen(engine, "begin", _sqlite_begin)
        return engine
    address = address.set(drivername="postgresql+psycopg")
    engine = sa.create_engine(
        address,
        pool_size=10,
        max_overflow=20,
        pool_recycle=1800,
        connect_args={"options": f"-c lock_timeout={_LOCK_WAIT} -c timezone=UTC", "connect_timeout": 5},
    )
    event.listen(engine, "checkin", _note_use)
    event.listen(engine, "checkout", _still_there)
    return engine


@contextmanager
def begin_write(connection: Connection) -> Iterator[None]:
    """BEGIN, on SQLite BEGIN IMMEDIATE: two writers that read first would both go on with what is stale."""
    connection.info["billing_begin"] = "BEGIN IMMEDIATE"
    try:
        with connection.begin():
            connection.info.pop("billing_begin", None)
            yield
    finally:
        if not connection.closed:
            connection.info.pop("billing_begin", None)


def isolation(connection: Connection) -> str | None:
    """The level of the transaction under way on PostgreSQL; None on SQLite, which has one writer."""
    if connection.dialect.name != "postgresql":
        return None
    return str(connection.exec_driver_sql("SELECT current_setting('transaction_isolation')").scalar_one())


@contextmanager
def translated() -> Iterator[None]:
    """Turns what the driver says into `Busy` (try again) or `DatabaseUnavailable`; all else passes."""
    try:
        yield
    except DBAPIError as error:
        state = getattr(error.orig, "sqlstate", None)
        text = str(error.orig).lower()
        if state in ("55P03", "40P01", "40001", "57014") or "database is locked" in text or "table is locked" in text:
            raise Busy("The wallet was locked for too long. Roll back and send the same request again.") from error
        if state in ("25006", "53100") or "readonly database" in text or "disk i/o" in text or "is full" in text:
            raise DatabaseUnavailable("The database can't be written: it is read-only or its disk is full.") from error
        if error.connection_invalidated or _unreachable(error, state, text):
            raise DatabaseUnavailable("The database can't be reached, or its tables are missing.") from error
        raise


def _unreachable(error: DBAPIError, state: str | None, text: str) -> bool:
    if not isinstance(error, OperationalError | InterfaceError):
        return state == "42P01"
    if state is None:
        return "syntax" not in text
    return state[:2] in ("08", "57", "53", "3D", "28")


def _skew(connection: Connection, clock: Clock) -> float:
    if connection.dialect.name == "sqlite":
        text = connection.exec_driver_sql("SELECT strftime('%Y-%m-%d %H:%M:%f', 'now')").scalar_one()
        theirs = datetime.fromisoformat(str(text)).replace(tzinfo=UTC)
    else:
        theirs = connection.exec_driver_sql("SELECT clock_timestamp()").scalar_one()
    return (clock.now() - theirs).total_seconds()


def _note_use(_dbapi: Any, entry: ConnectionPoolEntry) -> None:
    entry.info["billing_used"] = monotonic()


def _still_there(dbapi: Any, entry: ConnectionPoolEntry, _proxy: Any) -> None:
    """A connection that lay idle is asked whether it lives, so that a database restarted meanwhile is not noticed."""
    if monotonic() - entry.info.get("billing_used", monotonic()) < _FRESH:
        return
    try:
        dbapi.execute("SELECT 1")
        dbapi.rollback()
    except psycopg.Error as error:
        raise DisconnectionError from error


def _sqlite_pragmas(dbapi: Any, _entry: ConnectionPoolEntry) -> None:
    for pragma in ("journal_mode=WAL", "foreign_keys=ON", "recursive_triggers=ON", "synchronous=FULL"):
        dbapi.execute(f"PRAGMA {pragma}")


def _sqlite_begin(connection: Connection) -> None:
    connection.exec_driver_sql(str(connection.info.get("billing_begin", "BEGIN")))
