"""Checkouts of subscriptions that were opened here: a row each, until somebody subscribes or its time is over."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Row, select

from billing.base import ids, sets
from billing.base.db import Tx
from billing.catalog.terms import CheckoutTerms, Plan
from billing.rules.refusals import Refusal, UnknownCheckout
from billing.sales import conversations, sessions, stripe_customers
from billing.sales.conversations import Kind
from billing.sales.sessions import Return
from billing.sales.tables import checkouts, subscriptions
from billing.sales.values import ENDED, Checkout
from billing.stripe.calling import Params
from billing.stripe.gateway import Gateway
from billing.stripe.values import OpenedSession, Session

MARK = "billing_checkout"
"""The metadata of a session of ours that names its checkout."""


def begin(
    tx: Tx, customer: str, plan: Plan, price: str, back: Return, key: str, request: str, terms: CheckoutTerms
) -> Row[Any]:
    """Writes a checkout down, and that its session is to be made. Under the customer's lock."""
    id = ids.new("chk")
    row = {
        "id": id,
        "customer_id": customer,
        "unit": plan.unit,
        "plan": plan.id,
        "price": price,
        "status": "open",
        "key": key,
        "request": request,
        **back.of("checkout", id),
        "created_at": tx.now,
        "looks": 0,
    }
    sets.insert(tx, checkouts, [row])
    made = read(tx, id)
    assert made is not None
    conversations.intend(tx, "subscription", id, customer, lambda _: _params(made, terms))
    return made


def read(tx: Tx, id: str) -> Row[Any] | None:
    return tx.connection.execute(select(checkouts).where(checkouts.c.id == id)).one_or_none()


def find(tx: Tx, customer: str, id: str) -> Checkout | Refusal:
    """The customer's checkout, or `UnknownCheckout`."""
    row = read(tx, id)
    return UnknownCheckout(id) if row is None or row.customer_id != customer else shown(row, tx.now)


def by_key(tx: Tx, customer: str, key: str) -> Row[Any] | None:
    its = (checkouts.c.customer_id == customer) & (checkouts.c.key == key)
    return tx.connection.execute(select(checkouts).where(its)).one_or_none()


def open_ones(tx: Tx, customer: str, unit: str) -> list[Row[Any]]:
    """Checkouts of this unit's plans that can still be paid."""
    its = (checkouts.c.customer_id == customer) & (checkouts.c.unit == unit) & (checkouts.c.status == "open")
    return list(tx.connection.execute(select(checkouts).where(its, checkouts.c.session_id.is_not(None))))


def close_unopened(tx: Tx, customer: str, unit: str, reason: str) -> None:
    """Ends those whose session is still to come: whoever finishes it, nobody is told where it could be paid."""
    its = (checkouts.c.customer_id == customer) & (checkouts.c.unit == unit) & checkouts.c.session_id.is_(None)
    for row in tx.connection.execute(select(checkouts.c.id).where(its, checkouts.c.status == "open")).all():
        move(tx, row.id, "expired", reason=reason)


def settle(tx: Tx, session: Session, customer: str | None) -> Row[Any] | None:
    """A subscription's session was completed, or is over: so is its checkout, if it was opened here for them. The
    checkout, if that made it complete.
    """
    row = tx.connection.execute(select(checkouts).where(checkouts.c.session_id == session.id)).one_or_none()
    if row is None:
        row = read(tx, session.metadata.get(MARK, ""))
    if row is None or row.session_id not in (None, session.id) or customer not in (None, row.customer_id):
        return None
    if session.status == "expired":
        move(tx, row.id, "expired", reason="Nobody paid in time; nothing was charged.")
    if session.status != "complete":
        return None
    done = move(tx, row.id, "complete", session_id=session.id, subscription_id=session.subscription)
    return row if done else None


def beside(tx: Tx, row: Row[Any], subscription: str) -> str | None:
    """Another checkout's subscription to a plan of this unit that has not ended, as far as is known."""
    its = (checkouts.c.customer_id == row.customer_id) & (checkouts.c.unit == row.unit)
    others = checkouts.c.subscription_id.is_not(None) & (checkouts.c.subscription_id != subscription)
    of = subscriptions.c.id == checkouts.c.subscription_id
    lives = subscriptions.c.id.is_(None) | subscriptions.c.status.not_in(ENDED)
    found = select(checkouts.c.subscription_id).outerjoin(subscriptions, of).where(its, others, lives)
    return tx.connection.execute(found.order_by(checkouts.c.created_at).limit(1)).scalar_one_or_none()


def lost(tx: Tx, session: str) -> None:
    """Stripe knows no such session. If its time is over it can't be paid any more, and nobody waits for it."""
    row = tx.connection.execute(select(checkouts).where(checkouts.c.session_id == session)).one_or_none()
    if row is not None and row.expires_at is not None and row.expires_at <= tx.now:
        move(tx, row.id, "expired", reason=sessions.LOST)


def note(tx: Tx, id: str, reason: str) -> None:
    """What is to be known of one that is over."""
    tx.connection.execute(sa.update(checkouts).where(checkouts.c.id == id).values(reason=reason))


def move(tx: Tx, id: str, status: str, **values: Any) -> bool:
    """Ends it, once; one that is complete stays complete, and whatever else it was becomes so. Says whether it did."""
    its = (checkouts.c.id == id) & (checkouts.c.status.in_(("open",) if status != "complete" else _INCOMPLETE))
    over = {"ended_at": tx.now, "next_look_at": None, "reason": None}
    change = sa.update(checkouts).where(its).values(status=status, **(over | values))
    return bool(tx.connection.execute(change).rowcount)


_INCOMPLETE = ("open", "failed", "expired")


def shown(row: Row[Any], now: datetime, *, replayed: bool = False) -> Checkout:
    """A row as it is shown at that instant."""
    return Checkout(
        id=row.id,
        customer=row.customer_id,
        plan=row.plan,
        price=row.price,
        status=row.status,
        url=sessions.address(row, now),
        reason=row.reason,
        created_at=row.created_at,
        expires_at=row.expires_at,
        session=row.session_id,
        subscription=row.subscription_id,
        replayed=replayed,
    )


def _params(row: Row[Any], terms: CheckoutTerms) -> Params:
    mark = {MARK: row.id}
    subscribed = {**mark, stripe_customers.REFERENCE: row.customer_id}
    return sessions.params(row, mark, terms) | {
        "mode": "subscription",
        "line_items": [{"price": row.price, "quantity": 1}],
        "subscription_data": {"metadata": subscribed},
    }


def _prepare(tx: Tx, row: Row[Any]) -> Params | str | None:
    checkout = read(tx, row.subject)
    assert checkout is not None
    open_still = checkout.session_id is None and checkout.status == "open"
    return sessions.with_customer(tx, row) if open_still else None


def _look_up(gateway: Gateway, row: Row[Any]) -> OpenedSession | None:
    customer = row.params.get("customer")
    return (
        None if customer is None else gateway.find_session(customer, row.asked_at - sessions.GRACE, MARK, row.subject)
    )


def _record(tx: Tx, row: Row[Any], made: OpenedSession) -> str:
    sessions.record(tx, checkouts, row.subject, made)
    return made.id


def _end(tx: Tx, row: Row[Any], reason: str) -> None:
    move(tx, row.subject, "failed", reason=reason)


OPENING = Kind(
    prepare=_prepare,
    ask=lambda gateway, params, key: gateway.open_session(params, key),
    look_up=_look_up,
    record=_record,
    end=_end,
    missing=sessions.missing,
)
