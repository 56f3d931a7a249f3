"""The dry run: what a setting would have charged lately, by what was used then."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from billing.base.db import Tx
from billing.catalog.terms import Catalog
from billing.credits import entries, wallets
from billing.rules.refusals import Refusal
from billing.rules.sale import auto_topup as rule
from billing.rules.sale.auto_topup import Setting
from billing.sales.auto_topups import rows, setting
from billing.sales.packs.topup_rows import Offer
from billing.sales.values import AutoTopupPreview, PreviewedCharge

LOOKS_BACK = timedelta(days=30)
_AT_ONCE = 20
"""Purchases that one fall of the balance calls for at most: more would be a threshold that is never left."""


def preview(tx: Tx, catalog: Catalog, customer: str, unit: str, given: Any) -> AutoTopupPreview | Refusal:
    """The wallet's balance of the last 30 days is followed with the purchases that it would have called for in it, and
    without those that were made by themselves. Whether a card would have paid nobody knows.
    """
    refused = wallets.exists(tx, catalog, customer, unit)
    wanted = refused or setting.judge(tx, catalog, customer, unit, given)
    if isinstance(wanted, Refusal):
        return wanted
    since = tx.now - LOOKS_BACK
    known = entries.balances(tx, customer, unit, since)
    bought = rows.page(tx, customer, unit, 1000)
    real = {f"topup:{row.id}" for row in bought if row.status != "refunded"}  # whose credits have gone again anyway
    play = _Play(catalog, unit, wanted)
    begins, available, owed = known.before
    play.stands(max(begins, since), available - owed)
    for at, available, owed, cause, granted in known.after:
        if cause in real:
            play.extra -= granted
        play.stands(at, available - owed)
    return AutoTopupPreview(customer, unit, max(begins, since), tx.now, wanted.currency, tuple(play.charges),
                            tuple(play.held_back))  # fmt: skip


class _Play:
    """`extra`: credits that would be there more than there were."""

    def __init__(self, catalog: Catalog, unit: str, wanted: Setting) -> None:
        self.catalog, self.unit, self.wanted = catalog, unit, wanted
        self.extra = 0
        self.charges: list[PreviewedCharge] = []
        self.held_back: list[tuple[datetime, str]] = []

    def stands(self, at: datetime, balance: int) -> None:
        """The balance is this from then on: as many as it calls for are bought, within the caps of that month."""
        for _ in range(_AT_ONCE):
            there = balance + self.extra
            available, owed = max(there, 0), max(-there, 0)
            if available > self.wanted.threshold:
                return
            offer = setting.offer_of(self.catalog, self.unit, self.wanted, available, owed)
            if not isinstance(offer, Offer):
                return
            start, _end = rule.month_of(at)
            of_month = [one for one in self.charges if one.at >= start]
            spent = sum(one.cents for one in of_month)
            cap = rule.over_cap(self.wanted, len(of_month), spent, offer.cents)
            if cap is not None:
                if not any(when >= start for when, _ in self.held_back):
                    self.held_back.append((at, cap))
                return
            self.charges.append(PreviewedCharge(at, available, offer.pack.credits, offer.cents))
            self.extra += offer.pack.credits
