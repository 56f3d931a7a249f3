"""The values a wallet is made of while a verb decides: buckets, holds, movements. No database behind them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

LARGEST_CREDITS = 10**15
LARGEST_CENTS = 10**12


@dataclass(slots=True)
class BucketState:
    """One bucket as it stands now, valid in `[effective_at, expires_at)`; `voided_at` ends it for good.

    `number` is the number of the entry that granted it. `free` and `held` are its two pockets in credits; `cents`
    belong to both together. `basis_cents` for `basis_credits` is what recognition counts from, `expired` how many
    credits its end took.
    """

    number: int
    origin: str
    granted: int
    paid_cents: int
    currency: str | None
    priority: int
    features: tuple[str, ...]
    effective_at: datetime
    granted_at: datetime
    expires_at: datetime | None
    series: str | None = None
    """What it belongs to, one after the other: a plan's allocations of one item."""
    period_end: datetime | None = None
    voided_at: datetime | None = None
    description: str | None = None
    metadata: dict[str, Any] | None = None
    free: int = 0
    held: int = 0
    cents: int = 0
    basis_cents: int = 0
    basis_credits: int = 1
    expired: int = 0
    expired_cents: int = 0
    at_end: dict[str, Any] | None = None
    """What its end does but to let it expire: rolls over, how much, for how many periods."""
    paid_at: datetime | None = None
    rolled_from: int | None = None
    rolled_back: int = 0
    """Of the credits that were rolled into it, those that went back because newer ones took their place."""
    live: bool = False

    @property
    def left(self) -> int:
        """Credits that have not left it, free and held."""
        return self.free + self.held

    def ended(self, at: datetime) -> bool:
        """Is it past its end at that instant?"""
        return self.voided_at is not None or (self.expires_at is not None and self.expires_at <= at)

    def status(self, at: datetime) -> str:
        """`upcoming | live | used | expired | voided`, as people see it at that instant."""
        if self.voided_at is not None:
            return "voided"
        if self.ended(at):
            return "expired" if self.expired or self.left else "used"
        if not self.left:
            return "used"
        return "upcoming" if self.effective_at > at else "live"

    def pays_for(self, feature: str | None) -> bool:
        """A general bucket pays for everything, a scoped one for its features only."""
        return not self.features or (feature is not None and feature in self.features)


@dataclass(slots=True)
class HoldState:
    """Credits set aside: slices fixed when placed, `overdraft` the part that no bucket backs."""

    number: int
    credits: int
    slices: tuple[tuple[int, int], ...]
    overdraft: int
    feature: str | None
    placed_at: datetime
    lapses_at: datetime
    metadata: dict[str, Any] | None = None
    ended_at: datetime | None = None
    status: str = "open"
    captured: int | None = None
    recorded_at: datetime | None = None
    outcome: int | None = None
    """Number of the first entry of the capture, when there was one."""


@dataclass(frozen=True, slots=True)
class Cause:
    """What a verb was asked to do, as it stands on the entries it causes; `key` and `request` on the first only."""

    name: str
    key: str | None = None
    request: str | None = None
    member: str | None = None
    feature: str | None = None
    description: str | None = None
    details: dict[str, Any] | None = None


@dataclass(slots=True)
class Movement:
    """One entry to be: credits and cents from a source to a destination, and how the wallet stands after it."""

    number: int
    kind: str
    source: str
    destination: str
    credits: int
    cents: int
    currency: str | None
    cause: Cause
    first: bool
    undoes: int | None
    via: int | None
    available_after: int
    owed_after: int
    effective_at: datetime


@dataclass(slots=True)
class PastMovement:
    """An entry already written, and how much of it has been taken back so far."""

    number: int
    kind: str
    source: str
    destination: str
    credits: int
    cents: int
    reversed_credits: int = 0
    reversed_cents: int = 0


@dataclass(frozen=True, slots=True)
class Past:
    """What a reversal must know of a wallet's history: the spend's slices, and what became of its overdraft part.

    `repayments` are the repay movements that may be undone, last first; `forgiven` the first forgive movement after
    the spend, if any.
    """

    slices: tuple[PastMovement, ...] = field(default=())
    repayments: tuple[PastMovement, ...] = field(default=())
    forgiven: PastMovement | None = None
