"""The driver's own cursor: for statements that are sent thousands of times a second, past SQLAlchemy."""

from __future__ import annotations

import sqlite3
from typing import Any

import psycopg
from psycopg.rows import tuple_row

_KEPT = "billing_cursor"


def cursor_of(driver: Any, info: dict[Any, Any]) -> Any:
    """The connection's, whose rows are tuples; None of a driver that is none of ours (a host's session may have one).

    It is made once and kept in the connection's `info`: to make one costs as much as to send a statement. So what it
    answers is read to its end before it is used again.
    """
    cursor = info.get(_KEPT)
    if cursor is not None and cursor.connection is driver:
        return cursor
    if isinstance(driver, psycopg.Connection):
        cursor = driver.cursor(row_factory=tuple_row)
    elif isinstance(driver, sqlite3.Connection):
        cursor = driver.cursor()
        cursor.row_factory = None
    else:
        return None
    info[_KEPT] = cursor
    return cursor
