"""Takes the wallet's lock out of a process, from outside: the race has to fail then, or it proves nothing.

Every statement that the process sends loses its FOR UPDATE on the way to the driver. SQLite has one writer at a
time, whatever a process does, so there is nothing to take out there.
"""

from __future__ import annotations

import re
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import Engine

_LOCK = re.compile(r"\s+FOR (NO KEY )?UPDATE( OF [\w, ]+?)?(?=\s*(\)|$|SKIP))", re.MULTILINE)


def take_the_lock_out() -> None:
    """For the rest of this process's life."""

    def without(
        _connection: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, _many: bool
    ) -> tuple[str, Any]:
        return _LOCK.sub("", statement), parameters

    event.listen(Engine, "before_cursor_execute", without, retval=True)
