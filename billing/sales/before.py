"""What was paid before our time (`STRIPE_START`): claimed as that, so that it never grants anything, whatever the
setting becomes.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import select

from billing.base import sets
from billing.base.db import Tx
from billing.sales.tables import before_start, sales


def claim(tx: Tx, kind: str, stripe_id: str, happened_at: datetime, start: datetime | None) -> bool:
    """Is this from before our time, by the setting or because it was claimed so? Claims it, once."""
    if known(tx, [stripe_id]):
        return True
    if start is None or happened_at >= start or _has_sold(tx, stripe_id):
        return False
    row = {"stripe_id": stripe_id, "kind": kind, "happened_at": happened_at, "claimed_at": tx.now}
    sets.insert(tx, before_start, [row], unless_there=True)
    return True


def _has_sold(tx: Tx, stripe_id: str) -> bool:
    """What has brought credits was of our time when it did, wherever the setting has moved since."""
    its = (sales.c.invoice_id == stripe_id) | (sales.c.session_id == stripe_id)
    return tx.connection.execute(select(sales.c.origin).where(its).limit(1)).first() is not None


def known(tx: Tx, stripe_ids: Collection[str]) -> set[str]:
    """Those of them that were claimed as from before our time."""
    wanted = select(before_start.c.stripe_id).where(before_start.c.stripe_id.in_(list(stripe_ids)))
    return set(tx.connection.execute(wanted).scalars())


def words(what: str, start: datetime | None) -> str:
    """Why it brings nothing, for people."""
    since = "" if start is None else f", which begins at {start.isoformat()}"
    return f"before our time: {what} before STRIPE_START{since}"
