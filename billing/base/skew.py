"""Our clock against the database's: the one clock that all machines which share the database can be compared by."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, cast

import psycopg
from sqlalchemy.engine import Connection

from billing.base.clock import Clock
from billing.rules.refusals import ClockSkew

LARGEST_SKEW = 5.0
"""Seconds by which a process's clock may be off the database's before it refuses to write."""

_TRUSTED = 60.0
"""Seconds for which a look at the database's clock is believed."""

_SEEN = "billing_clock_seen"

_POSTGRESQL = "SELECT clock_timestamp()"
_SQLITE = "SELECT strftime('%Y-%m-%d %H:%M:%f', 'now')"


def check(clock: Clock, connection: Connection) -> None:
    """Looks at the database's clock when a connection opens, and again when ours has gone on by a minute, or back.

    Each connection notes in its `info` when it looked. Raises ClockSkew.
    """
    if _trusts(clock, connection.info):
        return
    ours = not connection.in_transaction()
    theirs = their_time(connection)
    if ours:
        connection.commit()
    _judge(clock, connection.info, theirs)


def check_by(cursor: Any, clock: Clock, info: dict[Any, Any]) -> None:
    """The same by the driver's cursor, where each statement is a transaction. Raises ClockSkew."""
    if _trusts(clock, info):
        return
    if isinstance(cursor, psycopg.Cursor):
        _judge(clock, info, cast("tuple[datetime]", cursor.execute(_POSTGRESQL).fetchone())[0])
    else:
        _judge(clock, info, _of_sqlite(cursor.execute(_SQLITE).fetchone()[0]))


def _trusts(clock: Clock, info: dict[Any, Any]) -> bool:
    """Is this connection's last look still to be believed?"""
    if not clock.checked:
        return True
    seen = info.get(_SEEN)
    return seen is not None and 0 <= (clock.now() - seen).total_seconds() < _TRUSTED


def _judge(clock: Clock, info: dict[Any, Any], theirs: datetime) -> None:
    now = clock.now()
    skew = (now - theirs).total_seconds()
    if abs(skew) > LARGEST_SKEW:
        info.pop(_SEEN, None)
        raise ClockSkew(
            f"This machine's clock is {skew:+.0f} seconds off the database's. "
            "Nothing was written: set it right (NTP) and try again."
        )
    info[_SEEN] = now


def their_time(connection: Connection) -> datetime:
    """What the database's clock says."""
    if connection.dialect.name == "sqlite":
        return _of_sqlite(connection.exec_driver_sql(_SQLITE).scalar_one())
    found: datetime = connection.exec_driver_sql(_POSTGRESQL).scalar_one()
    return found.astimezone(UTC)


def _of_sqlite(text: object) -> datetime:
    return datetime.fromisoformat(str(text)).replace(tzinfo=UTC)
