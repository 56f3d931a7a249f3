"""What is shown of a Stripe event."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


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
