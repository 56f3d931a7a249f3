"""Top-ups that were bought by themselves: rows of `billing_topups` like any other, with `automatic` set."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Row, func, select

from billing.base import ids, sets
from billing.base.db import Tx
from billing.base.wording import span_text
from billing.rules.sale import auto_topup as rule
from billing.sales.auto_state import GOING_ON
from billing.sales.packs.topup_rows import Offer, read
from billing.sales.tables import topups

_TAKEN = (*GOING_ON, "paid", "refunded")
"""Statuses of a top-up whose money was taken, or may still be."""


def _its(customer: str, unit: str) -> sa.ColumnElement[bool]:
    return (topups.c.customer_id == customer) & (topups.c.unit == unit) & topups.c.automatic.is_not(None)


def going_on(tx: Tx, customer: str, unit: str) -> Row[Any] | None:
    """The one whose fate is not known yet; there is one at most."""
    its = _its(customer, unit) & topups.c.status.in_(GOING_ON)
    return tx.connection.execute(select(topups).where(its)).one_or_none()


def month(tx: Tx, customer: str, unit: str, currency: str) -> tuple[int, int]:
    """How many count in the running month, and for how many cents of the currency: what was begun or paid in it, and
    what is still going on, whenever it was begun.
    """
    t = topups.c
    cents = func.coalesce(func.sum(sa.case((t.currency == currency, t.cents), else_=0)), 0)
    count, total = tx.connection.execute(select(func.count(), cents).where(_counts(tx, customer, unit))).one()
    return int(count), int(total)


def currencies(tx: Tx, customer: str, unit: str) -> set[str]:
    """In which currencies those are that count in the running month."""
    return set(tx.connection.execute(select(topups.c.currency).where(_counts(tx, customer, unit))).scalars())


def _counts(tx: Tx, customer: str, unit: str) -> sa.ColumnElement[bool]:
    start, end = rule.month_of(tx.now)
    t = topups.c
    then = sa.or_(
        (t.created_at >= start) & (t.created_at < end), (t.paid_at >= start) & (t.paid_at < end),
        t.status.in_(GOING_ON),
    )  # fmt: skip
    return _its(customer, unit) & t.status.in_(_TAKEN) & then


def by_hand_since(tx: Tx, customer: str, unit: str, since: datetime) -> bool:
    """Has the customer paid for a top-up of this unit themselves since then?"""
    t = topups.c
    its = (t.customer_id == customer) & (t.unit == unit) & t.automatic.is_(None) & (t.paid_at > since)
    return tx.connection.execute(select(t.id).where(its).limit(1)).first() is not None


def begin(tx: Tx, customer: str, offer: Offer) -> Row[Any]:
    """Writes one down. Under the wallet's lock, and only where none is going on."""
    unit, id, pack = offer.pack.unit, ids.new("top"), offer.pack
    before = select(func.max(topups.c.automatic)).where(_its(customer, unit), topups.c.status.in_(_TAKEN))
    row: dict[str, Any] = {
        "id": id,
        "customer_id": customer,
        "unit": unit,
        "pack": pack.id,
        "name": pack.name,
        "quantity": 1,
        "credits": pack.credits,
        "cents": offer.cents,
        "currency": offer.currency,
        "valid_for": span_text(pack.valid_for).replace(",", "") if pack.valid_for else None,
        "status": "open",
        "key": f"automatic {id}",
        "request": "",
        "success_url": "",
        "created_at": tx.now,
        "looks": 0,
        "bonus": offer.bonus,
        "opened_as": {},
        "automatic": (tx.connection.execute(before).scalar_one() or 0) + 1,
    }
    sets.insert(tx, topups, [row])
    made = read(tx, id)
    assert made is not None
    return made


def page(tx: Tx, customer: str, unit: str, limit: int) -> Sequence[Row[Any]]:
    """The newest first, whatever became of them."""
    query = select(topups).where(_its(customer, unit))
    return tx.connection.execute(query.order_by(topups.c.created_at.desc(), topups.c.id.desc()).limit(limit)).all()
