"""Changing: what a plan change moves in an open wallet. It is decided by the rules of a sale; the caller writes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from billing.base.db import Tx
from billing.credits import ends, grants, lineage, series
from billing.credits.opening import OpenWallet
from billing.rules.sale.planchange import Take
from billing.rules.sale.values import Allocation, PlanChange
from billing.rules.wallet import billed, rollover, walk
from billing.rules.wallet.values import Cause, MonthState


def take(tx: Tx, wallet: OpenWallet, change: PlanChange) -> list[Take]:
    """Takes credits and cents of the period's earlier sales, each in its month. Says which.

    What refunds took of them is given back first, and taken again by whoever catches up with them: a change takes
    before refunds do, whichever was heard of first.
    """
    cause, position = Cause(change.origin), wallet.position
    sales = {origin: lineage.read(tx, wallet, origin) for origin in dict.fromkeys(one.origin for one in change.takes)}
    reopened = [
        bucket for sale in sales.values() if sale is not None for bucket in rollover.reopen(position, sale.sale)
    ]
    for sale in sales.values():
        if sale is not None:
            _give_back(tx, wallet, sale)
    for one in change.takes:
        first = sales[one.origin]
        its = (month for month in position.months.values() if month.sale == one.origin)
        among = {month.number for month in its if month.ends_at == one.ends_at}
        if first is not None:
            walk.take(
                position, first, one.credits, one.cents, cause, among=among, change=True, currency=change.currency
            )
        else:  # what was earned at once has no months
            assert not one.credits, one
            billed.give_back(position, one.cents, change.currency, cause)
    rollover.close(position, reopened)
    if change.takes:
        position.settle_debt(cause)  # what was spent of it is owed, as after a refund
    return list(change.takes)


def reopen(tx: Tx, wallet: OpenWallet, sale: Allocation | PlanChange, paid_at: datetime) -> list[str]:
    """A period, or a change of one, is heard of: of what may roll over because of it, or otherwise than it did, all
    that nobody used is put back to where it was before the end, and what refunds took is given back. The caller takes
    that again for the sales that are named, and then closes.
    """
    position, name = wallet.position, f"plan:{sale.item}"
    if isinstance(sale, Allocation):
        series.read(tx, wallet.id, position, {name: sale.period_start})
        reopened = rollover.reopen_period(position, name, sale.period_start, paid_at=paid_at)
    else:
        series.read(tx, wallet.id, position, {name: sale.at})
        its = {one.period_end for one in position.buckets.values() if one.series == name and one.period_end is not None}
        ends_at = sorted(end for end in its if sale.at < end <= sale.period_end)
        reopened = [one for end in ends_at for one in rollover.reopen_period(position, name, end)]
    sales = sorted({bucket.sale for bucket in reopened if bucket.sale is not None})
    for origin in sales:
        first = lineage.read(tx, wallet, origin)
        if first is not None:
            _give_back(tx, wallet, first)
    return sales  # also where nothing was taken yet: what is revived may have to be held


def _give_back(tx: Tx, wallet: OpenWallet, first: MonthState) -> None:
    so_far = lineage.taken(tx, wallet, first)
    if so_far.credits or so_far.cents:
        cause = Cause(f"returns:{first.sale}")
        walk.give_back(wallet.position, first, so_far.past, so_far.credits, so_far.cents, cause)
        rollover.call_back(wallet.position)


def grant(wallet: OpenWallet, change: PlanChange, lots: Sequence[grants.Lot], ended_at: datetime | None) -> None:
    """Grants what it brings more, and earns what brings nothing."""
    if lots:
        grants.sell(wallet, change.origin, lots, until=ended_at)
    if change.earned_cents:
        billed.earn(wallet.position, change.earned_cents, change.currency, Cause(change.origin))


def end(tx: Tx, wallet: OpenWallet, change: PlanChange, origins: Sequence[str]) -> list[ends.Cut]:
    """Another period of the item began: what is left of this one, all its sales, ends."""
    return [one for origin in origins for one in ends.cut(tx, wallet, origin, change.at, change.origin)]
