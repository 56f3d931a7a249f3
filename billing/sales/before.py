"""What was paid before our time (`STRIPE_START`, or when a customer was taken over): claimed as that, so that it never
grants anything, whatever the setting becomes.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import select

from billing.base import sets
from billing.base.db import Tx
from billing.sales.tables import before_start, sales, stripe_customers, topups


def begins(tx: Tx, start: datetime | None, stripe_customer: str | None, topup: str | None = None) -> datetime | None:
    """When our time begins for this Stripe customer: with the setting, or when it was taken over if that was later.
    What a `topup` of ours is paid with is in no balance that was brought.
    """
    if topup is not None and tx.connection.execute(select(topups.c.id).where(topups.c.id == topup)).first():
        return start
    its = select(stripe_customers.c.starts_at).where(stripe_customers.c.stripe_id == stripe_customer)
    taken_over = None if stripe_customer is None else tx.connection.execute(its).scalar_one_or_none()
    return max((at for at in (start, taken_over) if at is not None), default=None)


def anyone_taken_over(tx: Tx) -> bool:
    """Is there a customer whose time with us began later than the setting says?"""
    its = select(stripe_customers.c.stripe_id).where(stripe_customers.c.starts_at.is_not(None)).limit(1)
    return tx.connection.execute(its).first() is not None


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
    return f"before our time: {what} before STRIPE_START or the take-over{since}"
