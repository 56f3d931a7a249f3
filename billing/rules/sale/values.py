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
from billing.rules.wallet.rollover import RollOver


@dataclass(frozen=True, slots=True)
class PlanTerms:
    """What the plan that a line's price belongs to brings, by the version in force at the line's start.

    `credits` (of `unit`) for each `every`; `credit_share` is the part of the net that is for credits.
    """

    plan: str
    credits: int
    every: Every
    grace: Span
    late_grace: Span
    at_period_end: Literal["expire", "keep"] | RollOver = "expire"
    credit_share: Fraction = Fraction(1)
    unit: str = "credits"


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
    "free",  # a trial, or a price of 0
    "longer",  # holds several of the plan's periods
    "granted_before",
    "no_credits",  # money that brings none
    "too_much",  # more than the books hold
    "negative_net",
]


@dataclass(frozen=True, slots=True)
class Allocation:
    """A plan's credits for one item, price and period. `lines` are to be claimed with it, `cents` the credit
    part.
    """

    origin: str
    plan: str
    unit: str
    credits: int
    cents: int
    currency: str
    effective_at: datetime
    expires_at: datetime | None
    period_start: datetime
    period_end: datetime
    quantity: int
    subscription: str | None
    item: str
    price: str
    lines: tuple[str, ...]
    paid_at: datetime | None = None


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


Outcome = Allocation | PackSale | Waiting
Refused = tuple[Why, str]
"""Why a group of lines has to wait, before it is known which of them still do."""


def waiting(lines: tuple[Line, ...] | list[Line], refused: Refused) -> Waiting:
    return Waiting(tuple(line.id for line in lines), *refused)
