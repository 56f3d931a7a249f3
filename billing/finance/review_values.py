"""What the month's review answers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from billing.sales.plans.priced import UNMAPPED

Status = Literal["granted", "missing", "mismatched", "held", "unmapped"]
STATUSES: tuple[Status, ...] = ("missing", "mismatched", "held", "unmapped", "granted")
"""What needs somebody first."""


@dataclass(frozen=True, slots=True)
class Reviewed:
    """Lines of a paid invoice that belong together (one item, price and period, or one sale).

    `customer` None: nobody of ours, `payer` is Stripe's. `paid_cents`: what was paid by these lines, before tax; None
    where it was paid by others, or they are not at hand. `cents`: the credit part of it, None where nobody knows whose
    price it is. `expected` None: it depends on time, or on what is not known. `granted`: less than nothing where a
    change of plan took more than it brought. `bucket`: what it brought.
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
    paid_cents: int | None
    cents: int | None
    currency: str
    expected: int | None
    granted: int
    granted_cents: int
    status: Status
    reason: str | None
    bucket: str | None
    lines: tuple[str, ...]

    @property
    def is_open(self) -> bool:
        """Is there something to look at, or to wait for? Not for an add-on beside what brings credits."""
        if self.status == "unmapped":
            return not (self.reason or "").startswith(UNMAPPED)
        return self.status != "granted"


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
    """What lines of one plan or pack and currency come to: the sums of what each line shows, where it shows a figure.

    `expected` counts the lines of which it can be said; what the others brought is `unreckoned`. So expected and
    unreckoned together are what was granted, unless something is wrong.
    """

    product: str | None
    name: str
    currency: str
    unit: str
    lines: int
    paid_cents: int
    cents: int
    expected: int
    unreckoned: int
    granted: int
    open: int
    """How many of the lines somebody should look at, or wait for."""


def totals(found: Iterable[Reviewed]) -> list[Total]:
    """By plan or pack and currency, in that order."""
    groups: dict[tuple[str, str, str], list[Reviewed]] = defaultdict(list)
    for one in found:
        groups[one.name, one.currency, one.unit].append(one)
    return [
        Total(
            product=group[0].product,
            name=name,
            currency=currency,
            unit=unit,
            lines=len(group),
            paid_cents=sum(one.paid_cents or 0 for one in group),
            cents=sum(one.cents or 0 for one in group),
            expected=sum(one.expected or 0 for one in group),
            unreckoned=sum(one.granted for one in group if one.expected is None),
            granted=sum(one.granted for one in group),
            open=sum(one.is_open for one in group),
        )
        for (name, currency, unit), group in sorted(groups.items())
    ]
