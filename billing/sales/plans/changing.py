"""Changing: what a plan change moves in an open wallet. It is decided by the rules of a sale; the caller writes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from billing.base.db import Tx
from billing.credits import ends, grants, lineage
from billing.credits.opening import OpenWallet
from billing.rules.sale.planchange import Take
from billing.rules.sale.values import PlanChange
from billing.rules.wallet import billed, rollover, walk
from billing.rules.wallet.endterms import terms_of
from billing.rules.wallet.values import BucketState, Cause, MonthState


def take(tx: Tx, wallet: OpenWallet, change: PlanChange) -> list[Take]:
    """Takes credits and cents of the period's earlier sales, each in its month. Says which.

    What refunds took of them is given back first, and taken again by whoever catches up with them: a change takes
    before refunds do, whichever was heard of first.
    """
    cause, found = Cause(change.origin), []
    sales = {origin: lineage.read(tx, wallet, origin) for origin in dict.fromkeys(one.origin for one in change.takes)}
    for sale in sales.values():
        if sale is not None:
            _give_back(tx, wallet, sale)
    for one in change.takes:
        first = sales[one.origin]
        its = (month for month in wallet.position.months.values() if month.sale == one.origin)
        among = {month.number for month in its if month.ends_at == one.ends_at}
        if first is not None:
            reopened = _reopen(wallet, first)
            walk.take(
                wallet.position,
                first,
                one.credits,
                one.cents,
                cause,
                among=among,
                change=True,
                currency=change.currency,
            )
            rollover.close(wallet.position, reopened)
        else:  # what was earned at once has no months
            assert not one.credits, one
            billed.give_back(wallet.position, one.cents, change.currency, cause)
        found.append(one)
    if found:
        wallet.position.settle_debt(cause)  # what was spent of it is owed, as after a refund
    return found


def _reopen(wallet: OpenWallet, first: MonthState) -> list[BucketState]:
    """Where something of the sale may have rolled over before the change was heard of, it takes what it would have
    taken in time.
    """
    if not rollover.may_have_rolled(wallet.position, first.sale):
        return []
    return rollover.reopen(wallet.position, first.sale)


def before_rolling(tx: Tx, wallet: OpenWallet, item: str, start: datetime) -> list[str]:
    """A period that begins then is heard of: what refunds took of those that roll over into it is given back first, and
    taken again by whoever catches up with these sales.
    """
    position, series = wallet.position, f"plan:{item}"
    ending = (one for one in position.buckets.values() if one.series == series and one.period_end == start)
    its = {one.sale for one in ending if terms_of(one) is not None}
    found = []
    for sale in sorted(sale for sale in its if sale is not None):
        first = lineage.read(tx, wallet, sale)
        if first is not None and rollover.could_roll(position, sale):
            _give_back(tx, wallet, first)
            found.append(sale)  # also where nothing was taken yet: what is revived may have to be held
    return found


def _give_back(tx: Tx, wallet: OpenWallet, first: MonthState) -> None:
    so_far = lineage.taken(tx, wallet, first)
    if so_far.credits or so_far.cents:
        cause = Cause(f"returns:{first.sale}")
        walk.give_back(wallet.position, first, so_far.past, so_far.credits, so_far.cents, cause)


def grant(wallet: OpenWallet, change: PlanChange, lots: Sequence[grants.Lot], ended_at: datetime | None) -> None:
    """Grants what it brings more, and earns what brings nothing."""
    if lots:
        grants.sell(wallet, change.origin, lots, until=ended_at)
    if change.earned_cents:
        billed.earn(wallet.position, change.earned_cents, change.currency, Cause(change.origin))


def end(tx: Tx, wallet: OpenWallet, change: PlanChange, origins: Sequence[str]) -> list[ends.Cut]:
    """Another period of the item began: what is left of this one, all its sales, ends."""
    return [one for origin in origins for one in ends.cut(tx, wallet, origin, change.at, change.origin)]
