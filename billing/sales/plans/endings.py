"""Endings: a subscription ended. What it brought already lives on, what was to come does not come."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select

from billing.base.db import Tx
from billing.catalog.terms import Catalog
from billing.credits import ends
from billing.credits.opening import OpenWallet, open_wallets
from billing.credits.tables import wallets
from billing.credits.writing import write
from billing.rules.refusals import Refusal
from billing.sales.plans import planned
from billing.sales.tables import sales


def end(tx: Tx, catalog: Catalog, customer: str, subscription: str, ended_at: datetime) -> None:
    """Months that would begin at or after `ended_at` don't come; what was paid for them is broken. Those that were
    allotted since, because we learnt of it late, end. To be asked again changes nothing.
    """
    s = sales.c
    its = (s.subscription_id == subscription) & (s.customer_id == customer) & (s.period_end > ended_at)
    rows = tx.connection.execute(select(s.wallet_id, s.origin, s.item_id).where(its).order_by(s.wallet_id)).all()
    if not rows:
        return
    names = select(wallets.c.customer_id, wallets.c.unit).where(wallets.c.id.in_({row.wallet_id for row in rows}))
    pairs = [(row.customer_id, row.unit) for row in tx.connection.execute(names)]
    opened: list[OpenWallet] = []
    for wallet in open_wallets(tx, catalog, pairs).values():
        if isinstance(wallet, Refusal):
            raise wallet
        opened.append(wallet)
    cuts = {}
    for wallet in opened:
        mine = [row for row in rows if row.wallet_id == wallet.id]
        cuts[wallet.id] = [
            one
            for row in mine
            for one in ends.cut(tx, wallet, row.origin, ended_at, f"ended:{subscription}", running=False)
        ]
        planned.end_plan(catalog, wallet, [row.item_id for row in mine])
    write(tx, opened)
    for wallet in opened:
        ends.record(tx, wallet, cuts[wallet.id])
