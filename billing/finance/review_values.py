"""What the month's review answers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

Status = Literal["granted", "missing", "mismatched", "held"]
STATUSES: tuple[Status, ...] = ("missing", "mismatched", "held", "granted")
"""What needs somebody first."""


@dataclass(frozen=True, slots=True)
class Reviewed:
    """Lines of a paid invoice that belong together (one item, price and period, or one sale).

    `customer` None: nobody of ours, `payer` is Stripe's. `cents`: the credit part that was paid, None where nobody
    knows whose price it is. `expected` None: it depends on time, or on what is not known. `bucket`: what it brought.
    """

    paid_at: datetime
    invoice: str
    event: str | None
    customer: str | None
    payer: str | None
    product: str | None
    name: str
    unit: str
    quantity: int
    starts: datetime | None
    ends: datetime | None
    cents: int | None
    currency: str
    expected: int | None
    granted: int
    granted_cents: int
    status: Status
    reason: str | None
    bucket: str | None
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which of them are wanted; what is None is not asked for."""

    customer: str | None = None
    product: str | None = None
    status: str | None = None

    def holds(self, one: Reviewed) -> bool:
        if self.customer is not None and self.customer not in (one.customer, one.payer):
            return False
        return self.product in (None, one.product) and self.status in (None, one.status)


@dataclass(frozen=True, slots=True)
class Total:
    """What lines of one plan or pack and currency come to. `expected` counts only what can be said."""

    product: str | None
    name: str
    currency: str
    unit: str
    lines: int
    cents: int
    expected: int
    granted: int
    open: int
    """How many of the lines are not simply granted."""
