"""Free terms: what a wallet's free plan is, what it brings by each version of the catalog, and when next."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from billing.rules.periods import Every, Span, add, span_of


@dataclass(frozen=True, slots=True)
class FreeTerms:
    """What a free plan brings for each `every`, by one version of the catalog."""

    plan: str
    name: str
    credits: int
    every: Every
    grace: Span
    keep: bool = False
    at_end: Mapping[str, Any] | None = None


Versions = tuple[tuple[datetime | None, FreeTerms], ...]
"""A plan's terms and from when each hold (None: ever since), in that order."""


@dataclass(frozen=True, slots=True)
class FreePlan:
    """The free plan of a wallet. Period `number` is the next one, counted from `anchor`; what ran before it began at
    `levels[0]` and was `granted` so much. `plan` None: it was dropped. `paused`: a paid subscription lives.
    """

    plan: str | None
    anchor: datetime
    every: Every
    number: int = 0
    levels: tuple[tuple[datetime, int], ...] = ()
    granted: int = 0
    paused: bool = False
    versions: Versions = ()

    def start(self, number: int) -> datetime:
        return add(self.anchor, span_of(self.every), number)

    @property
    def next_at(self) -> datetime | None:
        """When its next period is due."""
        return None if self.plan is None or self.paused or not self.versions else self.start(self.number)

    def terms(self, at: datetime) -> FreeTerms | None:
        """What the plan brings by the version in force at that instant; of a version with another `every`, nothing
        changes before the plan is set anew.
        """
        found = None
        for since, terms in self.versions:
            if found is None or since is None or since <= at:
                found = terms
        return found

    def document(self) -> dict[str, Any]:
        """As it stands on the wallet's row. The terms are the catalog's."""
        return {
            "plan": self.plan,
            "anchor": self.anchor.isoformat(),
            "every": self.every,
            "number": self.number,
            "levels": [[at.isoformat(), level] for at, level in self.levels],
            "granted": self.granted,
            "paused": self.paused,
        }


def read(document: Mapping[str, Any] | None, versions: Versions) -> FreePlan | None:
    """What `document` wrote."""
    if document is None:
        return None
    return FreePlan(
        plan=document["plan"],
        anchor=datetime.fromisoformat(document["anchor"]),
        every=document["every"],
        number=document["number"],
        levels=tuple((datetime.fromisoformat(at), level) for at, level in document["levels"]),
        granted=document["granted"],
        paused=document["paused"],
        versions=versions,
    )
