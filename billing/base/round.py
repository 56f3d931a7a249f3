"""What one call of a step came to."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Round:
    """It is true while there is more to do, so `while billing.catch_up(): pass` does all of it. `done`: how many rows
    it dealt with, where it counts them.
    """

    more: bool
    done: int | None = None

    def __bool__(self) -> bool:
        return self.more

    @classmethod
    def of(cls, answer: Round | bool) -> Round:
        """A step may answer no more than whether there is more."""
        return answer if isinstance(answer, Round) else cls(answer)
