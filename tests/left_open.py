"""What a test leaves open is the test's own failure, with the place where it was opened.

Left to the garbage collector, psycopg's warning would fail whichever test runs by then, and name nothing.
"""

from __future__ import annotations

import traceback
from functools import wraps
from typing import Any
from weakref import WeakKeyDictionary

import psycopg

_WITH_THEIR_PLACE: WeakKeyDictionary[Any, traceback.StackSummary] = WeakKeyDictionary()
_FRAMES = 25


def watch() -> None:
    """From now on connections and cursors that live in the server are known by where they were opened."""
    for kind in (psycopg.Connection, psycopg.ServerCursor):
        _note_each(kind)


def _note_each(kind: Any) -> None:
    made = kind.__init__

    @wraps(made)
    def noted(self: Any, *args: Any, **named: Any) -> None:
        made(self, *args, **named)
        frames = traceback.walk_stack(None)
        _WITH_THEIR_PLACE[self] = traceback.StackSummary.extract(frames, limit=_FRAMES, lookup_lines=False)

    kind.__init__ = noted


def told() -> list[str]:
    """What is still open, and where it was opened; each is told once."""
    found = [(one, place) for one, place in list(_WITH_THEIR_PLACE.items()) if not one.closed]
    for one, _ in found:
        del _WITH_THEIR_PLACE[one]
    return [f"{one!r} was opened by\n{''.join(reversed(place.format()))}" for one, place in found]
