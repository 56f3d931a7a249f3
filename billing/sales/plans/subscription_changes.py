"""What was asked of subscriptions here, row by row: begun, ended, shown; and what waits for the next period."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Row, func, select

from billing.base import ids, sets
from billing.base.db import Tx
from billing.rules.sale.switching import Having
from billing.sales import conversations
from billing.sales.change_tables import subscription_changes as changes
from billing.sales.values import SubscriptionChange
from billing.stripe.calling import Params


def begin(tx: Tx, customer: str, subscription: str, params: Params, **values: Any) -> Row[Any]:
    """Writes down what is asked, and that Stripe is to be asked for it. Under the customer's lock."""
    id = ids.new("chg")
    last = select(func.coalesce(func.max(changes.c.number), 0)).where(changes.c.subscription_id == subscription)
    number = int(tx.connection.execute(last).scalar_one()) + 1
    row = {"id": id, "customer_id": customer, "subscription_id": subscription, "number": number, "status": "open"}
    sets.insert(tx, changes, [{**row, **values, "created_at": tx.now}])
    conversations.intend(tx, "change", id, customer, lambda _: params)
    made = read(tx, id)
    assert made is not None
    return made


def read(tx: Tx, id: str) -> Row[Any] | None:
    return tx.connection.execute(select(changes).where(changes.c.id == id)).one_or_none()


def by_key(tx: Tx, customer: str, key: str) -> Row[Any] | None:
    its = (changes.c.customer_id == customer) & (changes.c.key == key)
    return tx.connection.execute(select(changes).where(its)).one_or_none()


def latest(tx: Tx, subscription: str) -> Row[Any] | None:
    """What was asked of it last."""
    its = select(changes).where(changes.c.subscription_id == subscription)
    return tx.connection.execute(its.order_by(changes.c.number.desc()).limit(1)).one_or_none()


def scheduled(
    tx: Tx, subscription: str, item: str | None, price: str | None, quantity: int, period_end: datetime | None
) -> Row[Any] | None:
    """The change of this item that waits for the next period, if one does: as long as Stripe has it as it was asked,
    and the period in which it was asked runs. Whoever changed it elsewhere since then, or undid it here, has the last
    word.
    """
    its = (changes.c.subscription_id == subscription) & (changes.c.status == "done") & (changes.c.act != "cancel")
    rows = tx.connection.execute(select(changes).where(its).order_by(changes.c.number.desc()))
    row = next((row for row in rows if item is None or item in row.was.get("items", (item,))), None)
    if row is None or row.takes_effect_at is None or row.takes_effect_at != period_end or period_end <= tx.now:
        return None
    return row if (row.will["price"], row.will["quantity"]) == (price, quantity) else None


def answered(tx: Tx, subscription: str) -> tuple[int, datetime | None]:
    """How much Stripe has done of what was asked of it here, and when last, by our clock."""
    its = (changes.c.subscription_id == subscription) & (changes.c.status == "done")
    counted = select(func.count(), func.max(changes.c.ended_at)).where(its)
    number, at = tx.connection.execute(counted).one()
    return int(number), at


def done(tx: Tx, id: str, takes_effect_at: datetime | None) -> None:
    end(tx, id, "done", takes_effect_at=takes_effect_at)


def end(tx: Tx, id: str, status: str, **values: Any) -> None:
    """Ends what is open."""
    its = (changes.c.id == id) & (changes.c.status == "open")
    tx.connection.execute(sa.update(changes).where(its).values(status=status, ended_at=tx.now, **values))


def shown(row: Row[Any], *, replayed: bool = False) -> SubscriptionChange:
    """A row as it is shown."""
    stands = Having.read(row.will or row.was)
    return SubscriptionChange(
        id=row.id,
        customer=row.customer_id,
        subscription=row.subscription_id,
        act=row.act,
        plan=stands.plan,
        price=stands.price,
        quantity=stands.quantity,
        takes_effect_at=row.takes_effect_at,
        status=row.status,
        reason=row.reason,
        created_at=row.created_at,
        replayed=replayed,
    )
