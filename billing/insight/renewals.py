"""Renewals: whether more credits come to a wallet by themselves, and when, by what is known of subscriptions."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import func, select

from billing.base.db import Tx
from billing.catalog.terms import Catalog
from billing.credits import free
from billing.credits.tables import months
from billing.sales.tables import subscriptions

_FREE = "plan:free"


@dataclass(slots=True)
class Renewals:
    """`items`: does the period of this subscription item follow another? `customers`: has this customer any that
    goes on? Of what nobody spoke of, we take it that it does.
    """

    items: dict[str, bool] = field(default_factory=dict)
    customers: dict[str, bool] = field(default_factory=dict)

    def of_series(self, series: str, row: Mapping[str, Any]) -> bool:
        """Will there be a next period for the bucket's series? `row` is its wallet's."""
        if series == _FREE:
            return row["free"] is not None and row["free"]["plan"] is not None
        return self.items.get(series.removeprefix("plan:"), True)


def read(tx: Tx, customers: Collection[str]) -> Renewals:
    """Of these customers."""
    found = Renewals()
    query = select(subscriptions).where(subscriptions.c.customer_id.in_(sorted(customers)))
    for row in tx.connection.execute(query) if customers else ():
        goes_on = row.ended_at is None and not row.cancels and row.cancel_at is None
        found.customers[row.customer_id] = found.customers.get(row.customer_id, False) or goes_on
        for item in row.subscribed_items or ():
            found.items[item["id"]] = goes_on
    return found


def next_months(tx: Tx, wallets: Collection[int]) -> dict[int, datetime]:
    """When the next month that was paid for comes, by wallet."""
    if not wallets:
        return {}
    query = select(months.c.wallet_id, func.min(months.c.starts_at)).where(
        months.c.is_open,
        months.c.wallet_id.in_(sorted(wallets)),
        months.c.bucket.is_(None),
        months.c.cancelled_at.is_(None),
        months.c.starts_at > tx.now,
    )
    return dict(map(tuple, tx.connection.execute(query.group_by(months.c.wallet_id))))


def next_allocation(
    catalog: Catalog, row: Mapping[str, Any], month: datetime | None, renewals: Renewals, at: datetime
) -> datetime | None:
    """When the wallet's next credits come by themselves: a month that was paid for, its free plan's next period, or
    the renewal of its subscription, which may be on its way since the last period's end. None: nothing is known to.
    """
    found = [month] if month is not None else []
    its = free.of_row(catalog, row)
    if its is not None and its.next_at is not None:
        found.append(its.next_at)
    holds = row["plan_until"] is not None and row["plan_until"] > at
    if holds and row["period_end"] is not None and renewals.customers.get(row["customer_id"], True):
        found.append(row["period_end"])
    return min(found, default=None)
