"""Refunds as they are shown: those asked for here, and those that Stripe told of."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy import Row, func, or_, select

from billing.base.db import Tx
from billing.rules.sale.returns import dispute_stands, refund_stands
from billing.sales import payments
from billing.sales.payments import Purchase
from billing.sales.tables import payments as payment_rows
from billing.sales.tables import refund_orders, refunds, sales
from billing.sales.values import Refund

_SHOWN = {"succeeded": "succeeded", "failed": "failed", "canceled": "failed"}


def read(tx: Tx, id: str) -> Row[Any] | None:
    return tx.connection.execute(select(refund_orders).where(refund_orders.c.id == id)).one_or_none()


def by_key(tx: Tx, customer: str, key: str) -> Row[Any] | None:
    its = (refund_orders.c.customer_id == customer) & (refund_orders.c.key == key)
    return tx.connection.execute(select(refund_orders).where(its)).one_or_none()


def ordered(tx: Tx, customer: str, purchase: str) -> int:
    """Cents that were asked for and that no refund of Stripe's has told of yet."""
    its = (refund_orders.c.customer_id == customer) & (refund_orders.c.purchase == purchase)
    total = select(func.coalesce(func.sum(refund_orders.c.cents), 0)).where(its, refund_orders.c.status == "open")
    return int(tx.connection.execute(total).scalar_one())


def money_back(tx: Tx, purchase: Purchase) -> tuple[int, int, int]:
    """Cents of a purchase that went back, that are on their way, and that disputes are about."""
    told = [(row.cents, refund_stands(row.status)) for row in payments.refunds_of(tx, purchase)]
    stands = [dispute_stands(row.status, row.cents, row.withdrawn_cents) for row in payments.disputes_of(tx, purchase)]
    return (
        sum(cents for cents, where in told if where == "gone"),
        sum(cents for cents, where in told if where == "may_go"),
        sum(cents for cents, where in stands if where != "stays"),
    )


def richest(tx: Tx, purchase: Purchase, total_cents: int) -> tuple[str | None, int]:
    """The payment of which most can still be given back, and how much."""
    back: dict[str, int] = {}
    for row in payments.refunds_of(tx, purchase):
        if row.payment is not None and refund_stands(row.status) != "stays":
            back[row.payment] = back.get(row.payment, 0) + row.cents
    found: tuple[str | None, int] = (None, 0)
    for row in tx.connection.execute(
        select(payment_rows).where(purchase.paid(payment_rows)).order_by(payment_rows.c.id)
    ):
        left = (total_cents if row.cents is None else row.cents) - back.get(row.id, 0)
        if found[0] is None or left > found[1]:
            found = (row.id, left)
    return found


def shown(tx: Tx, id: str, *, replayed: bool = False) -> Refund:
    """One that was asked for here, with what became of it."""
    its = refund_orders.outerjoin(refunds, refunds.c.id == refund_orders.c.refund_id)
    query = select(refund_orders, refunds.c.status.label("stands")).select_from(its).where(refund_orders.c.id == id)
    return _ordered(tx.connection.execute(query).one(), replayed)


def page(tx: Tx, customer: str, limit: int) -> list[Refund]:
    """The customer's refunds, wherever they were asked for; the newest first."""
    its = refund_orders.outerjoin(refunds, refunds.c.id == refund_orders.c.refund_id)
    query = select(refund_orders, refunds.c.status.label("stands")).select_from(its)
    asked = query.where(refund_orders.c.customer_id == customer).order_by(refund_orders.c.created_at.desc())
    here = [_ordered(row, replayed=False) for row in tx.connection.execute(asked.limit(limit))]
    ours = select(refund_orders.c.refund_id).where(refund_orders.c.refund_id.is_not(None))
    bought = sa.exists().where(
        sales.c.customer_id == customer,
        or_(sales.c.invoice_id == refunds.c.invoice_id, sales.c.session_id == refunds.c.session_id),
    )
    told = select(refunds).where(bought, refunds.c.id.not_in(ours)).order_by(refunds.c.created_at.desc()).limit(limit)
    there = [
        Refund(
            row.id, customer, row.invoice_id or row.session_id, row.cents, row.currency,
            _SHOWN.get(row.status, "pending"), None, row.id, row.created_at,
        )
        for row in tx.connection.execute(told)
    ]  # fmt: skip
    return sorted([*here, *there], key=lambda one: (one.created_at, one.id), reverse=True)[:limit]


def _ordered(row: Row[Any], replayed: bool) -> Refund:
    status = "failed" if row.status == "failed" else "open" if row.stands is None else _SHOWN.get(row.stands, "pending")
    return Refund(
        row.id, row.customer_id, row.purchase, row.cents, row.currency, status, row.reason, row.refund_id,
        row.created_at, replayed,
    )  # fmt: skip
