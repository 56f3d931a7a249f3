"""What someone subscribes to at Stripe, as a value of our own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class SubscribedItem:
    """One item of a subscription: a price, how many, and the period that runs. Items may differ in their periods.

    Of the price: `cents` for one (None where that depends), in `currency`, `every` so often, as (`month`, 1).
    """

    id: str
    price: str | None
    lookup_key: str | None
    quantity: int
    period_end: datetime | None
    period_start: datetime | None = None
    cents: int | None = None
    currency: str | None = None
    every: tuple[str, int] | None = None


@dataclass(frozen=True, slots=True)
class Subscription:
    """One subscription, as it stood when Stripe said so. `status` may hold a value we do not know.

    `cancel_at` is when it will end, `ended_at` when it did; `cancels` says that it will end with its period, by
    whichever of Stripe's two fields, `cancels_with_period` that `cancel_at_period_end` is one of them.
    `collection_paused`: `pause_collection`, which leaves the status as it is and goes on making invoices, with what
    becomes of them (void, keep_as_draft, mark_uncollectible). `billing_mode`: classic or flexible, or one we do not
    know.
    """

    id: str
    customer: str | None
    metadata: Mapping[str, str] = field(hash=False)
    status: str
    created: datetime
    items: tuple[SubscribedItem, ...]
    cancels: bool
    cancel_at: datetime | None
    ended_at: datetime | None
    trial_start: datetime | None = None
    trial_end: datetime | None = None
    collection_paused: str | None = None
    billing_mode: str | None = None
    latest_invoice: str | None = None
    cancels_with_period: bool = False
    has_more: bool = False

    @property
    def paused(self) -> bool:
        """Is it really paused: no invoices at all until it is resumed?"""
        return self.status == "paused"

    @property
    def ends_at(self) -> datetime | None:
        """When it ended or will end, None as long as it goes on."""
        if self.ended_at or self.cancel_at:
            return self.ended_at or self.cancel_at
        ends = [item.period_end for item in self.items if item.period_end is not None]
        return max(ends) if self.cancels and ends else None
