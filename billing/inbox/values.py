"""What is shown of a Stripe event, and what the inbox works with."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from billing.base.db import Database
from billing.catalog.terms import Catalog
from billing.stripe.gateway import Gateway

Tell = Callable[[Iterable[tuple[str, dict[str, Any]]]], None]
"""Tells facts once they are committed."""


@dataclass(frozen=True, slots=True)
class Desk:
    """Where events are handled: the books, what is sold, and Stripe, if it can be asked. What was paid before `start`
    brings nothing.
    """

    db: Database
    catalog: Catalog
    gateway: Gateway | None
    tell: Tell
    start: datetime | None = None

    @property
    def live(self) -> bool | None:
        """The mode that events must be of, None for either."""
        return None if self.gateway is None else self.gateway.livemode


@dataclass(frozen=True, slots=True)
class StripeEvent:
    """One thing that Stripe told us. `created_at` is Stripe's time, `received_at` ours.

    `status`: received (stored, not handled yet), done, ignored (nothing to do for that type), waiting (something of it
    brings nothing yet, `reason` says why; it is tried again) or failed (it could not be handled, and will be tried
    again). After the last attempt it stays as it is until it is replayed.
    """

    id: str
    type: str
    created_at: datetime
    received_at: datetime
    status: str
    reason: str | None
    attempts: int
    object_id: str | None
