"""The audit of what was paid before our time: nothing of it has brought anything."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import or_, select

from billing.base.db import Tx
from billing.finance.breach import Breach
from billing.sales.tables import before_start, sales


def breaches(tx: Tx) -> Iterator[Breach]:
    """Sales of invoices and sessions that are claimed as from before our time."""
    its = or_(sales.c.invoice_id == before_start.c.stripe_id, sales.c.session_id == before_start.c.stripe_id)
    query = select(before_start.c.stripe_id, sales.c.wallet_id, sales.c.origin).join(sales, its)
    for id, wallet, origin in tx.connection.execute(query.order_by(sales.c.wallet_id, sales.c.origin)):
        yield Breach("4 claims", f"wallet {wallet}, {origin}", f"sold by {id}, which is claimed as before our time")
