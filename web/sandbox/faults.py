"""What goes wrong with the interface when it is asked to: errors, silence, answers that never arrive."""

from __future__ import annotations

import threading
from dataclasses import dataclass

HOW = ("500", "429", "timeout", "reset", "lost")
"""`lost`: it is done, and the answer never sent. All others: nothing is done."""


@dataclass
class Fault:
    how: str
    times: int = 1
    path: str = "/v1/"
    method: str | None = None


class Faults:
    """Those that are still to come, each for so many requests whose address begins as it says."""

    def __init__(self) -> None:
        self._coming: list[Fault] = []
        self._lock = threading.Lock()

    def add(self, fault: Fault) -> None:
        if fault.how not in HOW:
            raise ValueError(f"how is one of {', '.join(HOW)}")
        with self._lock:
            self._coming.append(fault)

    def clear(self) -> None:
        with self._lock:
            self._coming.clear()

    def coming(self) -> list[Fault]:
        with self._lock:
            return list(self._coming)

    def take(self, method: str, path: str) -> str | None:
        """What shall go wrong with this request."""
        with self._lock:
            for fault in self._coming:
                if path.startswith(fault.path) and fault.method in (None, method):
                    fault.times -= 1
                    if fault.times <= 0:
                        self._coming.remove(fault)
                    return fault.how
        return None
