"""Changing: what a plan change moves in an open wallet. It is decided by the rules of a sale; the caller writes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from billing.base.db import Tx
from billing.credits import ends, grants, lineage
from billing.credits.opening import OpenWallet
from billing.rules.sale.planchange import Take
from billing.rules.sale.values import PlanChange
from billing.rules.wallet import billed, walk
from billing.rules.wallet.values import Cause


def take(tx: Tx, wallet: OpenWallet, change: PlanChange) -> list[Take]:
    """Takes credits and cents of the period's earlier sales, each in its month. Says which."""
    cause, found = Cause(change.origin), []
    for one in change.takes:
        first = lineage.read(tx, wallet, one.origin)
        its = (month for month in wallet.position.months.values() if month.sale == one.origin)
        among = {month.number for month in its if month.ends_at == one.ends_at}
        if first is not None:
            walk.take(wallet.position, first, one.credits, one.cents, cause, among=among, change=True)
        else:  # what was earned at once has no months
            assert not one.credits, one
            billed.give_back(wallet.position, one.cents, change.currency, cause)
        found.append(one)
    return found


def grant(wallet: OpenWallet, change: PlanChange, lots: Sequence[grants.Lot], ended_at: datetime | None) -> None:
    """Grants what it brings more, and earns what brings nothing."""
    if lots:
        grants.sell(wallet, change.origin, lots, until=ended_at)
    if change.earned_cents:
        billed.earn(wallet.position, change.earned_cents, change.currency, Cause(change.origin))


def end(tx: Tx, wallet: OpenWallet, change: PlanChange, origins: Sequence[str]) -> list[ends.Cut]:
    """Another period of the item began: what is left of this one, all its sales, ends."""
    return [one for origin in origins for one in ends.cut(tx, wallet, origin, change.at, change.origin)]
