"""Races: what others changed while we decided on it. For a moment it is better locked first."""

from __future__ import annotations

from collections.abc import Hashable
from time import monotonic

_FOR = 1.0
"""Seconds."""

_MOST = 1000
"""So many are remembered at most; then all are forgotten, which costs one attempt each."""


class Races:
    """Of one process. An attempt that is lost was for nothing: where many change the same, each would lose."""

    def __init__(self) -> None:
        self._until: dict[Hashable, float] = {}

    def lost(self, what: Hashable) -> None:
        if len(self._until) >= _MOST:
            self._until.clear()
        self._until[what] = monotonic() + _FOR

    def likely(self, what: Hashable) -> bool:
        """Was one lost a moment ago?"""
        until = self._until.get(what)
        return until is not None and monotonic() < until
