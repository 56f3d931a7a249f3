"""Takes the wallet's lock out of a process, from outside: the race has to fail then, or it proves nothing.

Every statement that the process sends loses its FOR UPDATE in the driver. SQLite has one writer at a time, whatever
a process does, so there is nothing to take out there.
"""

from __future__ import annotations

import re
from typing import Any

import psycopg

_LOCK = re.compile(r"\s+FOR (NO KEY )?UPDATE( OF [\w, ]+?)?(?=\s*(\)|$|SKIP))", re.MULTILINE)


def take_the_lock_out() -> None:
    """For the rest of this process's life."""
    execute: Any = psycopg.Cursor.execute

    def without(cursor: Any, statement: Any, *given: Any, **more: Any) -> Any:
        return execute(cursor, _LOCK.sub("", statement) if isinstance(statement, str) else statement, *given, **more)

    psycopg.Cursor.execute = without  # type: ignore[assignment, method-assign]
