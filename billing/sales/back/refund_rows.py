"""Refunds as they are shown: those asked for here, and those that Stripe told of."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Row, Select, or_, select

from billing.base.db import Tx
from billing.rules.refusals import Invalid
from billing.rules.sale.returns import refund_stands
from billing.sales.back import shares
from billing.sales.back.payments import Purchase
from billing.sales.tables import payments as payment_rows
from billing.sales.tables import refund_orders, refunds, sales
from billing.sales.values import Refund
from billing.stripe.values import Refund as Told

MARK = "billing_refund"
"""The metadata of a refund of ours that names its row."""

_SHOWN = {"succeeded": "succeeded", "failed": "failed", "canceled": "failed"}


def read(tx: Tx, id: str) -> Row[Any] | None:
    return tx.connection.execute(select(refund_orders).where(refund_orders.c.id == id)).one_or_none()


def by_key(tx: Tx, customer: str, key: str) -> Row[Any] | None:
    its = (refund_orders.c.customer_id == customer) & (refund_orders.c.key == key)
    return tx.connection.execute(select(refund_orders).where(its)).one_or_none()


def meant_for(tx: Tx, refund: Told) -> str | None:
    """The invoice it was asked for here; None: it was asked for elsewhere, or for a session alone."""
    order = read(tx, refund.metadata.get(MARK, ""))
    if order is None or order.payment not in (refund.payment_intent, refund.charge):
        return None
    return None if order.invoice_id is None else str(order.invoice_id)


def ordered(tx: Tx, purchase: Purchase) -> int:
    """Cents that were asked for and that no refund of Stripe's has told of yet, by whatever name of the purchase."""
    return sum(row.cents for row in _ordered_of(tx, purchase))


def _ordered_of(tx: Tx, purchase: Purchase) -> list[Row[Any]]:
    its = refund_orders.c.payment.in_(select(payment_rows.c.id).where(purchase.paid(payment_rows)))
    of = or_(refund_orders.c.invoice_id.is_(None), refund_orders.c.invoice_id == purchase.invoice)
    return list(tx.connection.execute(select(refund_orders).where(its, of, refund_orders.c.status == "open")))


def money_back(tx: Tx, purchase: Purchase, total_cents: int, currency: str) -> tuple[int, int, int]:
    """Cents of a purchase that went back, that are on their way, and that disputes are about."""
    told = [(row.cents, refund_stands(row.status)) for row in shares.refunds_of(tx, purchase)]
    stands = [shares.disputed(row, total_cents, currency) for row in shares.disputes_of(tx, purchase)]
    return (
        sum(cents for cents, where in told if where == "gone"),
        sum(cents for cents, where in told if where == "may_go"),
        sum(cents for cents, where in stands if where != "stays"),
    )


def richest(tx: Tx, purchase: Purchase, total_cents: int, currency: str) -> tuple[str | None, int]:
    """The payment of which most can still be given back, and how much. What is known by its charge, too, is one."""
    its = select(payment_rows).where(purchase.paid(payment_rows)).order_by(payment_rows.c.id)
    rows = list(tx.connection.execute(its))
    payment_of = {row.id: row.intent or row.id for row in rows}
    payment_of |= shares.names_of(tx, set(payment_of.values()))  # by its charge, too, where another part named that
    back = [(row.payment, row.cents) for row in _ordered_of(tx, purchase)]
    back += [(row.payment, row.cents) for row in shares.refunds_of(tx, purchase)
             if refund_stands(row.status) != "stays"]  # fmt: skip
    back += [(row.payment, shares.disputed(row, total_cents, currency)[0])
             for row in shares.disputes_of(tx, purchase)]  # fmt: skip
    paid: dict[str, int | None] = {}
    for row in rows:
        id = payment_of[row.id]
        paid[id] = row.cents if paid.get(id) is None else paid[id]
    found: tuple[str | None, int] = (None, 0)
    for id, cents in paid.items():
        gone = sum(some for payment, some in back if payment is not None and payment_of.get(payment, payment) == id)
        left = (total_cents if cents is None else cents) - gone
        if found[0] is None or left > found[1]:
            found = (id, left)
    return found


def shown(tx: Tx, id: str, *, replayed: bool = False) -> Refund:
    """One that was asked for here, with what became of it."""
    its = refund_orders.outerjoin(refunds, refunds.c.id == refund_orders.c.refund_id)
    query = select(refund_orders, refunds.c.status.label("stands")).select_from(its).where(refund_orders.c.id == id)
    return _ordered(tx.connection.execute(query).one(), replayed)


def page(tx: Tx, customer: str, after: str | None, limit: int) -> list[Refund]:
    """The customer's refunds, wherever they were asked for; the newest first, beginning behind the refund `after`.
    Raises Invalid.
    """
    place = None
    if after is not None:
        place = next(((one.created_at, one.id) for one in _read(tx, customer, 1, id=after)), None)
        if place is None:
            raise Invalid.field("after", "Must be the id of a refund of this customer.")
    return _read(tx, customer, limit, behind=place)


def _read(
    tx: Tx, customer: str, limit: int, *, id: str | None = None, behind: tuple[datetime, str] | None = None
) -> list[Refund]:
    """Those that were asked for here, and those that Stripe alone told of."""

    def wanted(query: Select[Any], table: sa.Table) -> Select[Any]:
        at, its = table.c.created_at, table.c.id
        if id is not None:
            query = query.where(its == id)
        if behind is not None:
            query = query.where(sa.tuple_(at, its) < sa.tuple_(sa.literal(behind[0], at.type), behind[1]))
        return query.order_by(at.desc(), its.desc()).limit(limit)

    its = refund_orders.outerjoin(refunds, refunds.c.id == refund_orders.c.refund_id)
    asked = select(refund_orders, refunds.c.status.label("stands")).select_from(its)
    asked = wanted(asked.where(refund_orders.c.customer_id == customer), refund_orders)
    here = [_ordered(row, replayed=False) for row in tx.connection.execute(asked)]
    ours = select(refund_orders.c.refund_id).where(refund_orders.c.refund_id.is_not(None))
    bought = sa.exists().where(
        sales.c.customer_id == customer,
        or_(sales.c.invoice_id == refunds.c.invoice_id, sales.c.session_id == refunds.c.session_id),
    )
    told = wanted(select(refunds).where(bought, refunds.c.id.not_in(ours)), refunds)
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
