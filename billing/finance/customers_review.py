"""Finding a customer, by whatever somebody has in hand: our id, a name, an e-mail, Stripe's id."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import func, or_, select

from billing.base.db import Tx
from billing.credits.tables import customers
from billing.sales.tables import stripe_customers

SHOWN = 50


@dataclass(frozen=True, slots=True)
class Found:
    """A customer among others."""

    id: str
    name: str | None
    email: str | None
    stripe_customer: str | None


def search(tx: Tx, text: str, after: str | None = None) -> list[Found]:
    """Up to `SHOWN` of them in the order of their ids, beginning behind `after`; all there are for no text."""
    latest = (
        select(func.max(stripe_customers.c.stripe_id))
        .where(stripe_customers.c.customer_id == customers.c.id, stripe_customers.c.gone_at.is_(None))
        .scalar_subquery()
    )
    query = select(customers.c.id, customers.c.name, customers.c.email, latest.label("stripe_customer"))
    if text:
        within = [func.lower(column).contains(text.lower(), autoescape=True) for column in
                  (customers.c.id, customers.c.name, customers.c.email)]  # fmt: skip
        linked = select(stripe_customers.c.customer_id).where(stripe_customers.c.stripe_id == text)
        query = query.where(or_(*within, customers.c.id.in_(linked)))
    if after is not None:
        query = query.where(customers.c.id > after)
    rows = tx.connection.execute(query.order_by(customers.c.id).limit(SHOWN))
    return [Found(row.id, row.name, row.email, row.stripe_customer) for row in rows]
