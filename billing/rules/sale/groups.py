"""The lines of plans, by item and period, before anything of them is judged."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from billing.rules.sale.lines import Line
from billing.rules.sale.planchange import PeriodHistory
from billing.rules.sale.values import Owner, PackTerms, PlanTerms

Owned = tuple[Line, Owner | None]


@dataclass(frozen=True, slots=True)
class Group:
    """Lines of one item for one period; `prorated` ones apart from whole ones."""

    item: str
    start: datetime
    end: datetime
    prorated: bool
    lines: list[Owned]

    @property
    def gives_back(self) -> bool:
        return any(line.is_negative for line, _ in self.lines)

    @property
    def brings(self) -> bool:
        return any(not line.is_negative for line, _ in self.lines)


T = TypeVar("T", Group, PeriodHistory)


def groups_of(priced: Sequence[Owned]) -> list[Group]:
    """Lines of items that have to do with a plan: a price that nobody knows may stand in a plan's place."""
    found: dict[tuple[str, datetime, datetime, bool], Group] = {}
    for line, owner in priced:
        if line.item is not None and not isinstance(owner, PackTerms):
            key = (line.item, line.start, line.end, line.proration or line.is_negative)
            found.setdefault(key, Group(*key, [])).lines.append((line, owner))
    return [group for group in found.values() if any(isinstance(owner, PlanTerms) for _, owner in group.lines)]


def by_item(all_of_them: Iterable[T]) -> dict[str, list[T]]:
    """What is said of each item, in the order given."""
    found: dict[str, list[T]] = {}
    for one in all_of_them:
        found.setdefault(one.item, []).append(one)
    return found


def place(group: Group, groups: Sequence[Group]) -> tuple[datetime, int, datetime, str]:
    """In order of time; `groups` are its item's. Where a period begins anew, the old one is ended first; whole lines
    come before prorations.
    """
    rank = 0 if restarted_by(group, groups) else 2 if group.prorated else 1
    return group.start, rank, group.end, group.item


def restarted_by(group: Group, groups: Sequence[Group]) -> bool:
    """Does it give back what was left of a period, because another begins there? What the invoice itself brings for its
    period comes before it; else a second look would find there what the first had not.
    """
    begun = [
        other.end
        for other in groups
        if other.item == group.item and other.start == group.start < other.end and other.brings
    ]
    return not group.brings and any(end != group.end for end in begun) and group.end not in begun


def new_lines(lines: Sequence[tuple[Line, PlanTerms]]) -> list[tuple[Line, PlanTerms]]:
    """The lines of what is bought from then on. One that costs nothing is among them if there is no other, or if it has
    the same price (a tier); else it is what cost nothing before.
    """
    positive = [(line, terms) for line, terms in lines if line.amount_cents > 0]
    free = [(line, terms) for line, terms in lines if line.is_free]
    if not positive:
        return free if any(line.is_negative for line, _ in lines) else []
    prices = {line.price for line, _ in positive}
    return positive + [(line, terms) for line, terms in free if line.price in prices]


def span(group: Group) -> str:
    return f"{written(group.start)} to {written(group.end)}"


def written(at: datetime) -> str:
    """An instant as it stands in an origin."""
    return at.isoformat().replace("+00:00", "Z")
