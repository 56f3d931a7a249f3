"""The database: opens and ends transactions, and says what went wrong in words a caller can act on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from time import monotonic
from typing import Any

import psycopg
import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import Connection, Engine, RootTransaction, make_url
from sqlalchemy.exc import DBAPIError, DisconnectionError
from sqlalchemy.orm import Session
from sqlalchemy.pool import ConnectionPoolEntry

from billing.base import skew, sqlite
from billing.base.at_once import KEPT, LAST_USED, AtOnce, Ready, TakesTransaction
from billing.base.clock import Clock
from billing.base.cursors import cursor_of
from billing.base.races import Races
from billing.base.unavailable import translated
from billing.rules.refusals import Unavailable, WrongIsolation

__all__ = ["Database", "Tx", "begin_write", "make_engine", "metadata", "translated"]

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

_FRESH = 1.0
"""Seconds after its last use for which a connection is taken to be alive."""

_LOCK_WAIT = 10_000
"""Milliseconds to wait for a lock before `Busy`."""


@dataclass(slots=True)
class Tx:
    """One transaction and the instant it takes place at. Verbs and questions take it first."""

    source: Connection | Session | AtOnce
    now: datetime
    told: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    """Facts to be told once this is committed: (event name, what happened)."""
    spoilt: Unavailable | None = None
    """What made this transaction one that can only be rolled back."""

    @property
    def connection(self) -> Connection:
        """A host's session is asked each time: it begins a savepoint only when its connection is asked for.

        Raises TakesTransaction where there is none.
        """
        if isinstance(self.source, Connection):
            return self.source
        if isinstance(self.source, AtOnce):
            raise TakesTransaction
        return self.source.connection()

    @property
    def sqlite(self) -> bool:
        if isinstance(self.source, AtOnce):
            return self.source.sqlite
        return self.connection.dialect.name == "sqlite"

    @property
    def cursor(self) -> Any:
        """The driver's own, in this transaction; see `cursor_of`."""
        if isinstance(self.source, AtOnce):
            return self.source.cursor
        connection = self.connection
        return cursor_of(connection.connection.driver_connection, connection.info)


class Database:
    """An engine of ours on `url` (SQLite or PostgreSQL)."""

    def __init__(self, url: str | sa.URL, clock: Clock) -> None:
        self.clock = clock
        with translated():
            self.engine = make_engine(url)
        self.races = Races()

    @property
    def engine(self) -> Engine:
        """SQLAlchemy's; another one may take its place."""
        return self._engine

    @engine.setter
    def engine(self, engine: Engine) -> None:
        self._engine, self._ready = engine, Ready(engine)
        self._turns: sqlite.Turns | None = None
        if engine.dialect.name == "sqlite":  # it has one writer
            self._turns = sqlite.Turns.of(str(engine.url.database))

    @contextmanager
    def write(self) -> Iterator[Tx]:
        """A transaction that may write: committed at the end of the block, rolled back by any exception."""
        with translated(), self.write_for_others() as tx:
            yield tx

    @contextmanager
    def write_for_others(self) -> Iterator[Tx]:
        """The same around a caller's own code, whose errors are its own and pass as they are."""
        turn = nullcontext() if self._turns is None else self._turns.turn(_LOCK_WAIT / 1000)
        with turn, self._transaction() as tx:
            yield tx

    @contextmanager
    def _transaction(self) -> Iterator[Tx]:
        with translated():
            connection = self.engine.connect()
        try:
            with translated():
                skew.check(self.clock, connection)
                transaction = begin_write(connection)
            tx = Tx(connection, self.clock.now())
            try:
                yield tx
                if tx.spoilt is not None:
                    raise tx.spoilt
            except BaseException:
                with suppress(DBAPIError):
                    transaction.rollback()
                raise
            with translated():
                transaction.commit()
        finally:
            with suppress(DBAPIError):
                connection.close()

    def at_once(self) -> AtOnce:
        """For a few statements: on PostgreSQL each is a transaction, on SQLite all are one. Raises ClockSkew."""
        return AtOnce(self._ready, self.clock, self._turns, _LOCK_WAIT / 1000)

    @contextmanager
    def read(self) -> Iterator[Tx]:
        """A snapshot that only reads."""
        with translated(), self.engine.connect() as connection:
            if connection.dialect.name == "postgresql":
                connection = connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            with connection.begin():
                yield Tx(connection, self.clock.now())

    def enter(self, session: Session) -> Tx:
        """A host's own transaction: nothing of ours ends it. Raises WrongIsolation, ClockSkew."""
        connection = session.connection()
        level = _isolation(connection)
        if level != "read committed":
            raise WrongIsolation(level)
        skew.check(self.clock, connection)
        return Tx(session, self.clock.now())

    def skew(self) -> float:
        """Seconds by which our clock is ahead of the database's."""
        with translated(), self.engine.connect() as connection:
            return (self.clock.now() - skew.their_time(connection)).total_seconds()

    def close(self) -> None:
        self.engine.dispose()


def make_engine(url: str | sa.URL) -> Engine:
    """An engine with the settings both databases need to be safe."""
    address = make_url(url)
    if address.get_backend_name() == "sqlite":
        if address.database and address.database != ":memory:":
            Path(address.database).parent.mkdir(parents=True, exist_ok=True)
        # The driver's own guesses at transactions are off: `_sqlite_begin` says which kind begins.
        engine = sa.create_engine(
            address, connect_args={"timeout": _LOCK_WAIT / 1000, "isolation_level": None}, hide_parameters=True
        )
        event.listen(engine, "connect", sqlite.prepare)
        event.listen(engine, "begin", _sqlite_begin)
        return engine
    address = address.set(drivername="postgresql+psycopg")
    engine = sa.create_engine(
        address,
        pool_size=10,
        max_overflow=20 + KEPT,
        pool_use_lifo=True,  # a thread alone keeps to one connection, and so to one warm process at the server
        pool_recycle=1800,
        hide_parameters=True,  # an error that is logged names no customer
        connect_args={"options": f"-c lock_timeout={_LOCK_WAIT} -c timezone=UTC", "connect_timeout": 5},
    )
    event.listen(engine, "checkin", _note_use)
    event.listen(engine, "checkout", _still_there)
    return engine


def begin_write(connection: Connection) -> RootTransaction:
    """BEGIN, on SQLite BEGIN IMMEDIATE: two writers that read first would both go on with what is stale."""
    connection.info["billing_begin"] = "BEGIN IMMEDIATE"
    try:
        return connection.begin()
    finally:
        connection.info.pop("billing_begin", None)


def _isolation(connection: Connection) -> str:
    """The level of a host's transaction. SQLite has one writer: in a transaction that is as good as READ COMMITTED."""
    dbapi: Any = connection.connection.dbapi_connection
    if connection.dialect.name == "postgresql":
        if dbapi.autocommit:
            return "autocommit"
        asks = "SELECT current_setting('transaction_isolation')"
        if isinstance(dbapi, psycopg.Connection):
            return str(cursor_of(dbapi, connection.info).execute(asks, prepare=True).fetchone()[0])
        return str(connection.exec_driver_sql(asks).scalar_one())
    if not dbapi.in_transaction:
        if connection.dialect.detect_autocommit_setting(dbapi):
            return "autocommit"
        # The driver begins a transaction before a change only; a savepoint that came first would end it.
        connection.exec_driver_sql("BEGIN")
    return "read committed"


def _note_use(_dbapi: Any, entry: ConnectionPoolEntry) -> None:
    entry.info["billing_used"] = entry.info.pop(LAST_USED, None) or monotonic()


def _still_there(dbapi: Any, entry: ConnectionPoolEntry, _proxy: Any) -> None:
    """A connection that lay idle is asked whether it lives, so that a database restarted meanwhile is not noticed.

    One that was lost in the middle of what takes a moment (Ctrl-C) comes back as it was then.
    """
    if dbapi.autocommit:
        dbapi.autocommit = False
    if monotonic() - entry.info.get("billing_used", monotonic()) < _FRESH:
        return
    try:
        dbapi.execute("SELECT 1")
        dbapi.commit()  # with a rollback the driver forgets every statement that it has prepared
    except psycopg.Error as error:
        raise DisconnectionError from error


def _sqlite_begin(connection: Connection) -> None:
    connection.exec_driver_sql(str(connection.info.get("billing_begin", "BEGIN")))
