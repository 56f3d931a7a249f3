"""Reopening: the ends of periods that a paid invoice bears on are open while it is applied, and decided anew."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from billing.base.db import Tx
from billing.credits import series
from billing.credits.opening import OpenWallet
from billing.rules.sale.values import Allocation, Outcome, PlanChange
from billing.rules.wallet import rollover
from billing.sales import claims
from billing.sales.back import payments, returned
from billing.sales.back.payments import Purchase
from billing.sales.claims import Sold
from billing.sales.plans import changing


def reopen(
    tx: Tx, wallets: Mapping[str, OpenWallet], outcomes: Sequence[Outcome], paid_at: datetime
) -> set[tuple[int, str]]:
    """Ends that are decided anew with what is sold now are open. Sales of which refunds have to be caught up with."""
    plans = [one for one in outcomes if isinstance(one, Allocation | PlanChange)]
    for unit, wallet in wallets.items():  # all at once: an invoice may have very many items
        since: dict[str, datetime] = {}
        for one in plans:
            start, name = one.period_start if isinstance(one, Allocation) else one.at, f"plan:{one.item}"
            if one.unit == unit:
                since[name] = min(start, since.get(name, start))
        series.read(tx, wallet.id, wallet.position, since)
    return {
        (wallets[one.unit].id, sale) for one in plans for sale in changing.reopen(tx, wallets[one.unit], one, paid_at)
    }


def close(
    tx: Tx, wallets: Mapping[str, OpenWallet], invoice: str, sold: Sequence[Sold], again: set[tuple[int, str]]
) -> list[Purchase]:
    """What has just been sold may have been refunded before we learnt of it; and of what changes took from, refunds
    want so much less. Then the ends that were open are decided. Those purchases that lie in other wallets, too, wait
    until this is written.
    """
    opened = {wallet.id: wallet for wallet in wallets.values()}
    taken = again | {(one.wallet.id, take.origin) for one in sold for take in one.taken}
    paid_by = [Purchase(invoice=id) for id in sorted({invoice, *claims.invoices_of(tx, taken)})]
    bought = [(one, payments.sales_of(tx, one)) for one in paid_by if returned.in_question(tx, one)]
    here = [(one, its) for one, its in bought if all(row.wallet_id in opened for row in its)]
    for purchase, its in here:
        returned.settle_in(tx, purchase, opened, its)
    closed = [wallet for wallet in wallets.values() if rollover.close_all(wallet.position)]
    if closed:  # what is under way is held in what has rolled over
        for purchase, its in here:
            returned.settle_in(tx, purchase, opened, its)
    done = [purchase for purchase, _ in here]
    return [purchase for purchase, _ in bought if purchase not in done]
