"""The audit of what was paid before our time: nothing of it has brought anything."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from sqlalchemy import Select, or_, select

from billing.base.db import Tx
from billing.finance.auditing.breach import Breach
from billing.sales.tables import before_start, sales


def breaches(tx: Tx) -> Iterator[Breach]:
    """Sales of invoices and sessions that are claimed as from before our time."""
    for id, wallet, origin in tx.connection.execute(_sold_all_the_same()):
        yield Breach("4 claims", f"wallet {wallet}, {origin}", f"sold by {id}, which is claimed as before our time")


@cache
def _sold_all_the_same() -> Select[str, int, str]:
    its = or_(sales.c.invoice_id == before_start.c.stripe_id, sales.c.session_id == before_start.c.stripe_id)
    query = select(before_start.c.stripe_id, sales.c.wallet_id, sales.c.origin).join(sales, its)
    return query.order_by(sales.c.wallet_id, sales.c.origin)
