"""What the rules of a sale are given and what they answer. Credits are whole, cents in Stripe's smallest
unit.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from typing import Literal

from billing.rules.periods import Every, Span
from billing.rules.sale.lines import Line
from billing.rules.sale.months import Month
from billing.rules.sale.planchange import Take
from billing.rules.wallet.endterms import RollOver


@dataclass(frozen=True, slots=True)
class PlanTerms:
    """What the plan that a line's price belongs to brings, by the version in force at the line's start.

    `credits` (of `unit`) for each `every`; `credit_share` is the part of the net that is for credits. `trial_credits`
    are what a trial brings, `on_upgrade` says whether more credits come at once or with the next period.
    """

    plan: str
    credits: int
    every: Every
    grace: Span
    late_grace: Span
    at_period_end: Literal["expire", "keep"] | RollOver = "expire"
    credit_share: Fraction = Fraction(1)
    unit: str = "credits"
    trial_credits: int = 0
    on_upgrade: Literal["difference", "next_period"] = "difference"


@dataclass(frozen=True, slots=True)
class PackTerms:
    """What one of the pack that a line's price belongs to brings; it lives `valid_for`, None = for ever."""

    pack: str
    credits: int
    valid_for: Span | None = None
    unit: str = "credits"


Owner = PlanTerms | PackTerms
Sold = tuple[Line, Owner | None]
"""A line and whose price it has; None = a price that nothing in the catalog is sold for."""

Why = Literal[
    "more_lines",  # not all lines are known
    "malformed",  # the invoice contradicts itself
    "unknown_price",
    "no_item",  # a plan's price outside a subscription
    "no_period",
    "change",
    "free",  # a trial or a price of 0: nobody said which
    "granted_before",
    "no_credits",  # money that brings none
    "too_much",  # more than the books hold
    "negative_net",
]


@dataclass(frozen=True, slots=True)
class Allocation:
    """A plan's credits for one item, price and period. `lines` are to be claimed with it, `cents` the credit part.

    `months`: what it brings, one after the other; a period of the plan's own length has one. None: its money brings no
    credits, and is earned at once. `level` is what it would bring for a full period, `stub`: it is for a part of one.
    """

    origin: str
    plan: str
    unit: str
    credits: int
    cents: int
    currency: str
    period_start: datetime
    period_end: datetime
    quantity: int
    subscription: str | None
    item: str
    price: str
    lines: tuple[str, ...]
    months: tuple[Month, ...]
    level: int
    every: Every
    stub: bool = False
    trial: bool = False


@dataclass(frozen=True, slots=True)
class PlanChange:
    """A change of an item's plan or quantity from `at` on, in a period that was allocated before.

    `months` are granted more, `takes` go, `earned_cents` bring no credits; `cents` is the net of its `lines`, negative
    where they give money back. `period_start` is the allocation's. `level`: the item's from then on, None where it stays. `ends`: the period ends at `at`,
    because another begins there, and what is left of it with it. `plan` and `price` are the new ones, as far as there
    are any.
    """

    origin: str
    plan: str
    unit: str
    cents: int
    currency: str
    at: datetime
    period_start: datetime
    period_end: datetime
    quantity: int
    subscription: str | None
    item: str
    price: str | None
    lines: tuple[str, ...]
    level: int | None
    every: Every
    months: tuple[Month, ...]
    takes: tuple[Take, ...]
    earned_cents: int
    ends: bool = False

    @property
    def credits(self) -> int:
        """What it granted, less what it took."""
        return sum(month.credits for month in self.months) - sum(take.credits for take in self.takes)


@dataclass(frozen=True, slots=True)
class PackSale:
    """Packs bought on one line. `lines` are to be claimed with it: the line, and negative ones netted against
    it.
    """

    origin: str
    pack: str
    unit: str
    credits: int
    cents: int
    currency: str
    effective_at: datetime
    expires_at: datetime | None
    quantity: int
    price: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Waiting:
    """Lines that bring nothing yet. `reason` is for people, `why` for programs."""

    lines: tuple[str, ...]
    why: Why
    reason: str


Outcome = Allocation | PlanChange | PackSale | Waiting
Refused = tuple[Why, str]
"""Why a group of lines has to wait, before it is known which of them still do."""


def waiting(lines: tuple[Line, ...] | list[Line], refused: Refused) -> Waiting:
    return Waiting(tuple(line.id for line in lines), *refused)
