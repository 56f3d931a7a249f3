"""What takes one moment, past SQLAlchemy's transactions: a connection of the driver's own, for a few statements."""

from __future__ import annotations

import os
import sqlite3
from collections import deque
from contextlib import suppress
from datetime import datetime
from time import monotonic
from types import TracebackType
from typing import Any
from weakref import ref

import psycopg
from psycopg.pq import TransactionStatus
from sqlalchemy import event
from sqlalchemy.engine import Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import PoolProxiedConnection

from billing.base import skew
from billing.base.clock import Clock
from billing.base.cursors import cursor_of
from billing.base.sqlite import Turn, Turns
from billing.base.unavailable import translated


class TakesTransaction(Exception):
    """What is to be done is not done in a moment: nothing was written, it takes a transaction."""


LAST_USED = "billing_last_used"
"""Where a connection's `info` says when it was really used, for the pool, which was not asked meanwhile."""

KEPT = 5
"""Connections that are kept ready at most, beside those of the pool."""

_KEPT_FOR = 1.0
"""Seconds. No longer, because only the pool sees whether one still lives and is not too old."""


class _Taken:
    """A connection that the pool has given out; on PostgreSQL each of its statements is a transaction by itself."""

    __slots__ = ("_driver", "_process", "_until", "cursor", "home", "pooled", "used")

    def __init__(self, pooled: PoolProxiedConnection, home: deque[_Taken]) -> None:
        self.pooled, self.home = pooled, home
        self._process, self.used = os.getpid(), monotonic()
        self._until = self.used + _KEPT_FOR
        self._driver: Any = pooled.driver_connection
        self.cursor = cursor_of(self._driver, pooled.info)
        if isinstance(self._driver, psycopg.Connection):
            self._driver.autocommit = True

    @property
    def fresh(self) -> bool:
        return monotonic() < self._until and self._process == os.getpid()

    @property
    def broken(self) -> bool:
        driver = self._driver
        if isinstance(driver, psycopg.Connection):
            return driver.closed or driver.pgconn.transaction_status != TransactionStatus.IDLE
        return False

    def give_back(self) -> None:
        """As it was taken; the pool rolls back what was begun. One that broke is not used again."""
        if self._process != os.getpid():  # we were forked from whose it is
            self.pooled.detach()
        elif self.broken:
            self.pooled.invalidate()
        else:
            if isinstance(self._driver, psycopg.Connection):
                self._driver.autocommit = False
            self.pooled.info[LAST_USED] = self.used
            with suppress(DBAPIError):
                self.pooled.close()

    def end(self) -> None:
        """It is not used again."""
        if self._process == os.getpid():
            self.pooled.invalidate()
        else:
            self.pooled.detach()


class Ready:
    """Connections that were used a moment ago, for who comes next.

    The pool's giving out and taking back costs as much processor time as all the rest of a spend but the driver's.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine, self._idle = engine, deque[_Taken]()
        # SQLAlchemy itself keeps an engine as long as one of its connections is out: it must not keep us in turn.
        us = ref(self)
        event.listen(engine, "engine_disposed", lambda _: None if (ready := us()) is None else ready.forget())

    def take(self) -> _Taken:
        idle = self._idle
        while idle:
            try:
                taken = idle.pop()
            except IndexError:  # another thread was faster
                break
            if taken.fresh:
                return taken
            taken.give_back()
        return _Taken(self._engine.raw_connection(), idle)

    def put(self, taken: _Taken) -> None:
        taken.used = monotonic()
        if taken.home is not self._idle:  # all were forgotten while it was used
            taken.end()
        elif len(taken.home) >= KEPT or isinstance(taken.cursor, sqlite3.Cursor) or taken.broken:
            taken.give_back()
        else:
            taken.home.append(taken)

    def forget(self) -> None:
        """All of them are closed, as those of the pool are."""
        idle, self._idle = self._idle, deque()
        while idle:
            idle.pop().end()


class AtOnce:
    """On PostgreSQL each statement is a transaction by itself: one journey. On SQLite the block is one.

    A class, because a spend is in a hurry: three generators in each other take as long as its request's checks.
    Raises ClockSkew, Busy, DatabaseUnavailable; TakesTransaction where the driver is none of ours.
    """

    __slots__ = ("_clock", "_patience", "_ready", "_taken", "_turn", "_turns", "cursor", "now")

    cursor: Any
    """The driver's own; see `cursor_of`."""
    now: datetime
    """The instant at which it takes place."""

    def __init__(self, ready: Ready, clock: Clock, turns: Turns | None, patience: float) -> None:
        self._ready, self._clock, self._turns, self._patience = ready, clock, turns, patience
        self._turn: Turn | None = None

    @property
    def sqlite(self) -> bool:
        return self._turns is not None

    def __enter__(self) -> AtOnce:
        if self._turns is not None:
            self._turn = self._turns.take(self._patience)
        try:
            with translated():
                taken = self._taken = self._ready.take()
                try:
                    if taken.cursor is None:
                        raise TakesTransaction
                    self.cursor = taken.cursor
                    skew.check_by(taken.cursor, self._clock, taken.pooled.info)
                    if self._turns is not None:
                        taken.cursor.execute("BEGIN IMMEDIATE")
                    self.now = self._clock.now()
                except BaseException:
                    taken.give_back()
                    raise
        except BaseException:
            if self._turn is not None:
                self._turn.give()
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
                    self._ready.put(self._taken)
        finally:
            if self._turn is not None:
                self._turn.give()
        translated().__exit__(kind, error, trace)
