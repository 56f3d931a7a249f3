"""What stands in the inbox: how much of what Stripe told us is still to be handled."""

from __future__ import annotations

from sqlalchemy import func, select

from billing.base.db import Tx
from billing.inbox.tables import stripe_events as inbox
from billing.inbox.waking import is_open


def open_events(tx: Tx) -> dict[str, int]:
    """How many events are still to be handled, by status: failed, waiting, received."""
    query = select(inbox.c.status, func.count()).where(is_open()).group_by(inbox.c.status)
    counted = {status: int(count) for status, count in tx.connection.execute(query)}
    return {status: counted.get(status, 0) for status in ("failed", "waiting", "received")}
