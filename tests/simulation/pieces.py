"""What the reference model of a wallet is made of: plain things that may be changed in place.

The model is an independent reading of the rules (the handbook; "The life of a credit"), so it imports nothing
of the product. Credits and cents are integers, times are aware UTC datetimes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime

NEVER = datetime.max.replace(tzinfo=UTC)


class Refused(Exception):
    """The model's way to say no: the code that the engine has to give, and the figures that explain it."""

    def __init__(self, code: str, required: int | None = None, available: int | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.required = required
        self.available = available


def rounded_up(cents: int, part: int, whole: int) -> int:
    """`cents` x part / whole, rounded up, without a float."""
    return -(-cents * part // whole)


def next_month(at: datetime) -> datetime:
    """The first UTC month start strictly after `at`."""
    if at.month == 12:
        return datetime(at.year + 1, 1, 1, tzinfo=UTC)
    return datetime(at.year, at.month + 1, 1, tzinfo=UTC)


@dataclass(eq=False)
class Bucket:
    number: int
    granted: int
    paid_cents: int
    effective_at: datetime
    expires_at: datetime | None
    priority: int
    features: frozenset[str]
    granted_at: datetime
    free: int = 0
    held: int = 0
    cents: int = 0
    expired: int = 0  # credits that time has taken
    ended: bool = False
    voided: bool = False

    def take(self, credits: int, *, from_held: bool = False) -> int:
        """Credits leave for good and take their part of the cents along: returns those cents."""
        if from_held:
            self.held -= credits
        else:
            self.free -= credits
        assert self.free >= 0 and self.held >= 0
        left = self.free + self.held
        stays = min(self.cents, rounded_up(self.paid_cents, left, self.granted))
        leaves, self.cents = self.cents - stays, stays
        return leaves

    def is_live(self, at: datetime) -> bool:
        begun = self.effective_at <= at
        return begun and not self.voided and (self.expires_at is None or at < self.expires_at)

    def status(self, at: datetime) -> str:
        if self.voided:
            return "voided"
        if self.expires_at is not None and self.expires_at <= at:
            return "expired" if self.expired or self.free + self.held else "used"
        if at < self.effective_at:
            return "upcoming"
        return "live" if self.free + self.held else "used"

    def burn_down_key(self) -> tuple[object, ...]:
        """Priority, scoped first, the earliest end (never is last), free first, effective, granted, id."""
        return (
            self.priority,
            not self.features,
            self.expires_at or NEVER,
            self.paid_cents > 0,
            self.effective_at,
            self.granted_at,
            self.number,
        )


@dataclass(eq=False)
class Part:
    """What one bucket paid, of a spend or of a debt, and how much of it has not been undone since."""

    bucket: Bucket
    credits: int
    cents: int
    left: int
    stretch: int = 0  # of a repayment: the stretch between two forgivings in which it was made

    def undo(self, credits: int) -> int:
        """The cents that come back with so many credits; what is left keeps its part, rounded up."""
        kept_before = rounded_up(self.cents, self.left, self.credits)
        self.left -= credits
        assert self.left >= 0
        return kept_before - rounded_up(self.cents, self.left, self.credits)


@dataclass(eq=False)
class Spend:
    parts: list[Part]
    overdraft: int
    overdraft_left: int
    stretch: int  # the stretch between two forgivings in which it was made

    @property
    def credits(self) -> int:
        return sum(part.credits for part in self.parts) + self.overdraft

    @property
    def left(self) -> int:
        return sum(part.left for part in self.parts) + self.overdraft_left


@dataclass(eq=False)
class Hold:
    slices: list[tuple[Bucket, int]]
    overdraft: int
    lapses_at: datetime
    feature: str | None
    status: str = "open"
    captured: int | None = None
    receipt: Receipt | None = None

    @property
    def credits(self) -> int:
        return sum(credits for _, credits in self.slices) + self.overdraft


@dataclass(frozen=True)
class Receipt:
    slices: tuple[tuple[int, int], ...]  # (bucket number, credits)
    overdraft: int
    available: int
    owed: int
    spend: Spend | None = field(default=None, compare=False)
