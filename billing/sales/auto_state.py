"""What stands in the way of a wallet that is topped up by itself: it is held back until a time, or paused until
somebody says so. Each change is made under the lock of the wallet's row here.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Row, select

from billing.base import outbox, sets
from billing.base.db import Tx
from billing.credits.tables import wallets
from billing.sales.auto_tables import auto_topups as states
from billing.sales.tables import topups

GOING_ON = ("open", "pending")
"""Statuses of a top-up whose fate is not known yet."""

STATES = (states, (states.c.customer_id == wallets.c.customer_id) & (states.c.unit == wallets.c.unit))
"""To be joined to the wallets: not each has one."""


def nothing_in_the_way(tx: Tx) -> sa.ColumnElement[bool]:
    """Of wallets joined with `STATES`: neither frozen, nor paused or held back still. Whoever has paid by hand since
    their bank asked for them has shown that they are there.
    """
    w, s, t = wallets.c, states.c, topups.c
    own = (t.customer_id == w.customer_id) & (t.unit == w.unit) & t.automatic.is_(None)
    acted = (s.reason == "authentication_required") & select(t.id).where(own, t.paid_at > s.held_at).exists()
    over = sa.or_(s.next_attempt_at.is_(None), s.next_attempt_at <= tx.now, acted)
    return w.frozen_at.is_(None) & s.paused_at.is_(None) & over


def going_to(tx: Tx, customers: Collection[str]) -> set[tuple[str, str]]:
    """Those customers' wallets that will be topped up by themselves once their balance calls for it, as far as is
    known: customer and unit.
    """
    query = select(wallets.c.customer_id, wallets.c.unit, wallets.c.auto_topup).outerjoin(*STATES)
    rows = tx.connection.execute(query.where(wallets.c.customer_id.in_(list(customers)), nothing_in_the_way(tx)))
    return {(row.customer_id, row.unit) for row in rows if row.auto_topup is not None}


def read(tx: Tx, customer: str, unit: str) -> Row[Any] | None:
    return tx.connection.execute(select(states).where(_its(customer, unit))).one_or_none()


def lock(tx: Tx, customer: str, unit: str) -> Row[Any]:
    """The wallet's row, made where there is none, which nobody else changes until this transaction ends."""
    row = {"customer_id": customer, "unit": unit, "failures": 0, "changed_at": tx.now}
    sets.insert(tx, states, [row], unless_there=True)
    return tx.connection.execute(select(states).where(_its(customer, unit)).with_for_update()).one()


def change(tx: Tx, customer: str, unit: str, **values: Any) -> None:
    """Under its lock."""
    tx.connection.execute(sa.update(states).where(_its(customer, unit)).values(**values, changed_at=tx.now))


def free(tx: Tx, customer: str, unit: str) -> None:
    """Nothing stands in the way any more, and what was declined counts no more."""
    let_go(tx, customer, unit, failures=0, payment_method=None)


def let_go(tx: Tx, customer: str, unit: str, **more: Any) -> None:
    """Nothing stands in the way any more."""
    change(tx, customer, unit, reason=None, message=None, held_at=None, next_attempt_at=None, paused_at=None, **more)


def hold_back(tx: Tx, customer: str, unit: str, reason: str, message: str, until: datetime, **more: Any) -> None:
    """None is tried before then. The caller tells."""
    change(tx, customer, unit, reason=reason, message=message, held_at=tx.now, next_attempt_at=until, **more)


def pause(tx: Tx, customer: str, unit: str, reason: str, message: str, **more: Any) -> None:
    """None is tried until somebody says so; that is told."""
    row = lock(tx, customer, unit)
    values = {"failures": row.failures, "next_attempt_at": row.next_attempt_at, **more}
    change(tx, customer, unit, reason=reason, message=message, held_at=tx.now, paused_at=tx.now, **values)
    fact = {"customer": customer, "unit": unit, "reason": reason, "message": message, "failures": values["failures"]}
    outbox.tell(tx, ("auto_topup.paused", fact))


def plan_ended(tx: Tx, customer: str, unit: str) -> None:
    """The customer's last plan of this unit has ended: its credits will end, which is no wish to buy others."""
    its = (wallets.c.customer_id == customer) & (wallets.c.unit == unit)
    row = tx.connection.execute(select(wallets.c.auto_topup).where(its)).one_or_none()
    if row is None or row.auto_topup is None or lock(tx, customer, unit).paused_at is not None:
        return
    message = "Your plan has ended: nothing is bought by itself any more until you say so."
    pause(tx, customer, unit, "plan_ended", message)


def money_goes_back(tx: Tx, topup: str, why: str, fact: str) -> None:
    """What was bought by itself is given back or disputed: the next is not taken before somebody says so. Once for each
    `fact`, the refund or dispute.
    """
    its = (topups.c.id == topup) & topups.c.automatic.is_not(None)
    row = tx.connection.execute(select(topups).where(its)).one_or_none()
    if row is None:
        return
    state = lock(tx, row.customer_id, row.unit)
    message = {
        "disputed": "A payment that was made automatically is disputed at the bank: no other is made meanwhile.",
        "refunded": "A payment that was made automatically was given back: no other is made until you say so.",
    }[why]
    told = {"customer": row.customer_id, "unit": row.unit, "reason": why, "message": message,
            "failures": state.failures}  # fmt: skip
    if outbox.tell_once(tx, f"auto_topup.paused {fact}", "auto_topup.paused", told):
        change(tx, row.customer_id, row.unit, reason=why, message=message, held_at=tx.now, paused_at=tx.now)


def _its(customer: str, unit: str) -> sa.ColumnElement[bool]:
    return (states.c.customer_id == customer) & (states.c.unit == unit)
