"""What takes one moment, past SQLAlchemy's transactions: a connection of the driver's own, for a few statements."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from types import TracebackType
from typing import Any

import psycopg
from psycopg.pq import TransactionStatus
from sqlalchemy.engine import Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import PoolProxiedConnection

from billing.base.cursors import cursor_of
from billing.base.skew import Watch
from billing.base.sqlite import Turns
from billing.base.unavailable import translated


class AtOnce:
    """On PostgreSQL each statement is a transaction by itself: one journey. On SQLite the block is one.

    A class, because a spend is in a hurry: three generators in each other take as long as its request's checks.
    Raises ClockSkew, Busy, DatabaseUnavailable.
    """

    __slots__ = ("_engine", "_patience", "_pooled", "_turns", "_watch", "cursor", "now")

    cursor: Any
    """The driver's own; see `cursor_of`."""
    now: datetime
    """The instant at which it takes place."""

    def __init__(self, engine: Engine, watch: Watch, turns: Turns | None, patience: float) -> None:
        self._engine, self._watch, self._turns, self._patience = engine, watch, turns, patience

    def __enter__(self) -> AtOnce:
        if self._turns is not None:
            self._turns.take(self._patience)
        try:
            with translated():
                self._pooled: PoolProxiedConnection = self._engine.raw_connection()
                try:
                    self._begin()
                except BaseException:
                    self._give_back()
                    raise
        except BaseException:
            if self._turns is not None:
                self._turns.give()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            with translated():
                try:
                    if error is None and self._turns is not None:
                        self.cursor.connection.commit()
                finally:
                    self._give_back()
        finally:
            if self._turns is not None:
                self._turns.give()
        translated().__exit__(kind, error, trace)

    def _begin(self) -> None:
        driver: Any = self._pooled.driver_connection
        info = self._pooled.info
        self.cursor = cursor_of(driver, info)
        if self._turns is None:
            driver.autocommit = True
        self._watch.check_by(self.cursor, info)
        if self._turns is not None:
            self.cursor.execute("BEGIN IMMEDIATE")
        self.now = self._watch.clock.now()

    def _give_back(self) -> None:
        """To the pool, as it was taken; the pool rolls back what was begun. One that broke is not used again."""
        driver = self._pooled.driver_connection
        if isinstance(driver, psycopg.Connection):
            if driver.closed or driver.pgconn.transaction_status != TransactionStatus.IDLE:
                self._pooled.invalidate()
                return
            driver.autocommit = False
        with suppress(DBAPIError):
            self._pooled.close()
