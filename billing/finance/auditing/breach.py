"""What an audit reports."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Breach:
    """Something that must never be: which invariant, where, and the figures that disagree."""

    invariant: str
    where: str
    found: str

    def __str__(self) -> str:
        return f"{self.invariant} · {self.where}: {self.found}"
