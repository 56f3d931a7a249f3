"""A line of an invoice, as the rules read it: the same whatever API version it was written in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Line:
    """One line. Times are aware UTC, `[start, end)` is the line's own period, never the invoice's.

    `amount_cents` is before discount: its sign says what the line is, so that a coupon of 100 % changes
    nothing. `net_cents` is after discounts and before tax: the money that is ours. Both are in Stripe's
    smallest unit of `currency`. `item` is the subscription's item; `price` is None for a line that was typed
    in by hand. `returns`: it gives back what another line billed, though that may have been nothing. `kind` is
    `subscription`, `invoice_item` or whatever else Stripe came to call it.
    """

    id: str
    amount_cents: int
    net_cents: int
    currency: str
    start: datetime
    end: datetime
    quantity: int | None = None
    price: str | None = None
    lookup_key: str | None = None
    subscription: str | None = None
    item: str | None = None
    invoice_item: str | None = None
    proration: bool = False
    returns: bool = False
    kind: str = "subscription"
    metadata: Mapping[str, str] = field(default_factory=dict, hash=False)

    @property
    def is_negative(self) -> bool:
        """Gives money back, before discount; or nothing, for what cost nothing."""
        return self.amount_cents < 0 or (self.returns and self.amount_cents == 0)

    @property
    def is_free(self) -> bool:
        """Worth nothing before discount: a trial, or a price of 0."""
        return self.amount_cents == 0 and not self.returns

    @property
    def count(self) -> int:
        """How many were bought; a line that doesn't say is one."""
        return 1 if self.quantity is None else self.quantity
