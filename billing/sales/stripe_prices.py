"""Which lookup key a Stripe price has: an invoice's lines name their prices by id alone, a catalog may name the key."""

from __future__ import annotations

from collections.abc import Collection, Iterable

import sqlalchemy as sa
from sqlalchemy import select

from billing.base import sets
from billing.base.db import Tx
from billing.sales.tables import stripe_prices


def note(tx: Tx, seen: Iterable[tuple[str | None, str | None]]) -> None:
    """Keeps (price, lookup key) as they were seen. A key that moves on to another price stays this one's, too: who
    subscribes at the old price still pays for the same plan.
    """
    found = {price: key for price, key in seen if price is not None and key is not None}
    known = keys(tx, found)
    for price, key in sorted(found.items()):
        if known.get(price) == key:
            continue
        row = {"id": price, "lookup_key": key, "seen_at": tx.now}
        if not sets.insert(tx, stripe_prices, [row], unless_there=True):
            tx.connection.execute(sa.update(stripe_prices).where(stripe_prices.c.id == price).values(**row))


def keys(tx: Tx, prices: Collection[str | None]) -> dict[str, str]:
    """The lookup keys of these prices, of those that are known to have one."""
    wanted = [price for price in prices if price is not None]
    if not wanted:
        return {}
    query = select(stripe_prices.c.id, stripe_prices.c.lookup_key).where(stripe_prices.c.id.in_(wanted))
    return {row.id: row.lookup_key for row in tx.connection.execute(query)}
