"""What the reconciliation answers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

Kind = Literal["never_arrived", "waiting", "failed", "not_granted", "amount", "not_at_stripe", "not_booked", "unpriced"]


@dataclass(frozen=True, slots=True)
class Difference:
    """What one payment shows differently on the three sides. Cents are those for credits; None: that side has none, or
    nobody can say.
    """

    kind: Kind
    since: datetime
    where: str
    customer: str | None
    currency: str
    paid_cents: int | None
    granted_cents: int | None
    booked_cents: int | None
    cause: str
    next_step: str


@dataclass(frozen=True, slots=True)
class Tie:
    """A currency's sums on the three sides. `outside`: what was paid for grants outside Stripe, in none of them.

    `returned`: refunds that succeeded and disputes that were lost then; `taken`: what was taken back in the books
    because of any. They need not be the same: tax, and what is not for credits, is returned, too.
    """

    currency: str
    paid_cents: int
    granted_cents: int
    booked_cents: int
    outside_cents: int
    returned_cents: int
    taken_cents: int

    @property
    def ties(self) -> bool:
        return self.paid_cents == self.granted_cents == self.booked_cents


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """`asked`: Stripe itself was asked, and not only its events read."""

    differences: tuple[Difference, ...]
    ties: tuple[Tie, ...]
    asked: bool

    @property
    def agrees(self) -> bool:
        """Nothing is listed, and the sums tie, too."""
        return not self.differences and all(tie.ties for tie in self.ties)
