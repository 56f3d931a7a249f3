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
    belong to both together. `basis_cents` for `basis_credits` is what recognition counts from.

    `sale` and `month` say what it was sold by, in whichever bucket it was rolled (`rolled_from`). `disputed` is the
    part of the held pocket that disputes and pending refunds hold. `expired` and `voided` are credits that left it
    unused, `counted` how many of them takings counted; `expired_cents` and `voided_cents` what is still there of the
    cents that went along.
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
    sale: str | None = None
    month: int | None = None
    rolled_from: int | None = None
    at_end: dict[str, Any] | None = None
    """What becomes of it at its end; None: it expires."""
    disputed: int = 0
    voided: int = 0
    counted: int = 0
    expired_cents: int = 0
    voided_cents: int = 0
    paid_at: datetime | None = None
    rolled_back: int = 0
    """All that it had got, if all of that went back because newer ones took its place."""
    live: bool = False

    @property
    def left(self) -> int:
        """Credits that have not left it, free and held."""
        return self.free + self.held

    @property
    def unused(self) -> int:
        """Credits that left it unused and that no taking has counted."""
        return self.expired + self.voided - self.counted

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


@dataclass(frozen=True, slots=True)
class GrantTerms:
    """The whole terms of a grant to come, so that nobody has to be asked when it comes.

    `expires_at` and `period_end` are those of the bucket, `at_end` what becomes of it then.
    """

    description: str | None = None
    series: str | None = None
    priority: int = 50
    features: tuple[str, ...] = ()
    expires_at: datetime | None = None
    period_end: datetime | None = None
    at_end: dict[str, Any] | None = None
    metadata: dict[str, Any] | None = None
    paid_at: datetime | None = None


@dataclass(slots=True)
class MonthState:
    """One month of a sale: to come, allotted (`bucket`) or cancelled.

    `number` counts in the wallet, `place` in the sale.

    `credits` and `cents` are what was sold, `allotted` the credits that went into its bucket, `taken` those taken back
    while it was to come or cancelled; `left_cents` lie in prepaid for it, `broken_cents` are what is still broken of
    those of a cancelled one. `to_hold`: credits that disputes and pending refunds hold as soon as they are there.

    On the first month of a sale: `owed` and `unearned_cents` are what takings of it made the wallet owe and un-earn,
    and what of that could still be undone by what comes back.
    """

    number: int
    sale: str
    place: int
    starts_at: datetime
    ends_at: datetime | None
    credits: int
    cents: int
    currency: str | None
    terms: GrantTerms
    made_at: datetime
    bucket: int | None = None
    cancelled_at: datetime | None = None
    allotted: int = 0
    taken: int = 0
    left_cents: int = 0
    broken_cents: int = 0
    to_hold: int = 0
    owed: int = 0
    unearned_cents: int = 0

    @property
    def remaining(self) -> int:
        """Credits that were neither allotted nor taken back: they come, or were cancelled."""
        return self.credits - self.allotted - self.taken

    @property
    def to_come(self) -> bool:
        """Is there something left that its time will bring?"""
        return self.cancelled_at is None and (self.remaining > 0 or self.left_cents > 0)

    @property
    def is_open(self) -> bool:
        """Must whoever opens the wallet know of it?"""
        return self.to_come or bool(self.to_hold or self.owed or self.unearned_cents)


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
class Act:
    """What was done to a wallet as one thing, and how it stands after it: all that was due at one instant, or what a
    verb did. `moved` are the places of its movements among all, `started` the buckets that began in it.

    Who is to be warned is asked of an act's end: in its midst credits may be on their way from one bucket to another.
    """

    at: datetime
    available: int
    owed: int
    cause: str
    moved: slice
    started: tuple[BucketState, ...] = ()


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
