"""The months that were sold before and begin now: a year that was paid in one, a plan that costs nothing."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import and_, func, select

from billing.base import ids
from billing.base.db import Tx
from billing.catalog.terms import Catalog
from billing.credits.tables import buckets, months, wallets
from billing.finance.review_values import Reviewed, Status
from billing.sales.tables import sales


def scheduled(tx: Tx, catalog: Catalog, since: datetime, until: datetime) -> list[Reviewed]:
    """Those that begin in `[since, until)`, of sales of several months. `cents` is what moves out of prepaid with each;
    it was paid when the whole was.
    """
    return [_of_month(catalog, row, tx.now) for row in tx.connection.execute(_query(since, until))]


def _query(since: datetime, until: datetime) -> Any:
    several = months.alias()
    of_several = (
        select(func.count())
        .where(several.c.wallet_id == months.c.wallet_id, several.c.sale == months.c.sale)
        .scalar_subquery()
    )
    sale = and_(sales.c.wallet_id == months.c.wallet_id, sales.c.origin == months.c.sale)
    bucket = and_(buckets.c.wallet_id == months.c.wallet_id, buckets.c.number == months.c.bucket)
    return (
        select(
            months, of_several.label("of"), wallets.c.customer_id, wallets.c.unit, sales.c.invoice_id, sales.c.product,
            sales.c.quantity, sales.c.credits.label("sold"), buckets.c.disputed,
        )
        .join(wallets, wallets.c.id == months.c.wallet_id)
        .outerjoin(sales, sale)
        .outerjoin(buckets, bucket)
        .where(months.c.starts_at >= since, months.c.starts_at < until, of_several > 1)
    )  # fmt: skip


def _of_month(catalog: Catalog, row: Any, now: datetime) -> Reviewed:
    plan = catalog.plans.get(row.product)
    name = plan.name if plan is not None else row.product or row.terms.get("description") or row.sale
    wanted = 0 if row.cancelled_at is not None else row.credits - row.taken
    status, reason = _stands(row, wanted, now)
    return Reviewed(
        paid_at=row.starts_at,
        invoice=row.invoice_id or row.sale,
        event=None,
        customer=row.customer_id,
        payer=None,
        product=row.product,
        name=f"{name}, scheduled",
        unit=row.unit,
        quantity=row.quantity or 1,
        starts=row.starts_at,
        ends=row.ends_at,
        paid_cents=None,
        cents=row.cents,
        currency=row.currency or "",
        expected=wanted,
        granted=row.allotted,
        granted_cents=row.cents if row.bucket is not None else 0,
        status=status,
        reason=f"month {row.place} of {row.of}" + (f": {reason}" if reason else ""),
        bucket=None if row.bucket is None else ids.of("bkt", row.wallet_id, row.bucket),
        lines=(),
    )


def _stands(row: Any, wanted: int, now: datetime) -> tuple[Status, str | None]:
    if row.bucket is None and row.cancelled_at is not None:
        return "granted", "cancelled, nothing is due"
    if row.bucket is None and not wanted:
        return "granted", "taken back before it began"
    if row.bucket is None and row.starts_at > now:
        return "held", "not due yet"
    if row.bucket is None:
        return "missing", "due, and not allotted: see whether billing jobs is running"
    if row.disputed or row.to_hold:
        return "held", "a dispute, or a refund that is pending, holds credits of it"
    if row.allotted != wanted:
        return "mismatched", f"allotted {row.allotted:,} credits where {wanted:,} were due"
    return "granted", None
