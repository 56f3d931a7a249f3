"""What an audit reports."""

from __future__ import annotations

from dataclasses import dataclass

from billing.rules.refusals import Refusal


@dataclass(frozen=True, slots=True)
class Breach:
    """Something that must never be: which invariant, where, and the figures that disagree."""

    invariant: str
    where: str
    found: str

    def __str__(self) -> str:
        return f"{self.invariant} · {self.where}: {self.found}"


class BooksBroken(Refusal):
    """The audit found breaches: so many, and one of them."""

    code = "books_broken"

    def __init__(self, breaches: int, first: str) -> None:
        self.breaches, self.first = breaches, first
        super().__init__(breaches, first)

    def __str__(self) -> str:
        which = "one breach" if self.breaches == 1 else f"{self.breaches:,} breaches, the first of them"
        return f"The books do not add up: {which}: {self.first}. `billing audit` lists them."

    def explain(self) -> dict[str, object]:
        return {"breaches": self.breaches}
