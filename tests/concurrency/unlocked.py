"""Takes the wallet's lock out of a process, from outside: the race has to fail then, or it proves nothing.

Every statement that the process sends loses its FOR UPDATE in the driver, and the version in which alone a wallet that
was not locked may be written. SQLite has one writer at a time, whatever a process does: there is nothing to take out.
"""

from __future__ import annotations

import re
import time
from typing import Any

import psycopg

_LOCK = re.compile(r"\s+FOR (NO KEY )?UPDATE( OF [\w, ]+?)?(?=\s*(\)|$|SKIP))", re.MULTILINE)

_VERSION = re.compile(r"xmin = (%s::xid)")

_MEANWHILE = 0.005
"""Seconds in which others read what this process has read: without them the race is lost only now and then."""


def take_the_lock_out() -> None:
    """For the rest of this process's life."""
    execute: Any = psycopg.Cursor.execute

    def without(cursor: Any, statement: Any, *given: Any, **more: Any) -> Any:
        if not isinstance(statement, str):
            return execute(cursor, statement, *given, **more)
        unlocked = _LOCK.sub("", statement)
        answer = execute(cursor, _VERSION.sub(r"\1 IS NOT NULL", unlocked), *given, **more)
        if unlocked != statement or "xmin::text" in statement:
            time.sleep(_MEANWHILE)
        return answer

    psycopg.Cursor.execute = without  # type: ignore[assignment, method-assign]
