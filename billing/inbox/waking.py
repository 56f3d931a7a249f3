"""Waking: whom an event waits for, and what is due when that customer is made or linked."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import select

from billing.base.db import Tx
from billing.inbox.tables import stripe_events
from billing.inbox.values import StripeEvent
from billing.sales.plans.priced import UNMAPPED
from billing.sales.stripe_customers import REFERENCE
from billing.stripe import answers, payloads
from billing.stripe.values import Event, PayloadInvalid

OPEN = ("received", "waiting", "failed")
"""An event of one of these is still to be handled."""


def is_open() -> sa.ColumnElement[bool]:
    """Written out in the statement: SQLite takes a partial index only where it reads the index's own condition."""
    return stripe_events.c.status.in_(sa.bindparam("open", OPEN, expanding=True, literal_execute=True))


def has_unmapped() -> sa.ColumnElement[bool]:
    """It was done, but for lines whose price the catalog did not know."""
    return (stripe_events.c.status == "done") & stripe_events.c.reason.startswith(UNMAPPED)


def may_bring_more(row: sa.Row[Any] | StripeEvent) -> bool:
    """Is it worth another attempt, though it is closed?"""
    return row.status == "ignored" or (row.status == "done" and (row.reason or "").startswith(UNMAPPED))


def wake(tx: Tx, *, stripe_customer: str | None = None, customer: str | None = None) -> None:
    """A Stripe customer is about to be linked, or a customer of ours was made: what waits for it is due now.

    One that is being handled is waited for, because it may have looked already; so call it before linking: handlers,
    too, lock their event first and link then.
    """
    by_stripe = stripe_events.c.stripe_customer == stripe_customer
    waiting = _open(by_stripe if customer is None else stripe_events.c.reference == customer).with_for_update()
    ids = list(tx.connection.execute(waiting).scalars())
    if ids:
        tx.connection.execute(
            sa.update(stripe_events).where(stripe_events.c.id.in_(ids)).values(next_attempt_at=tx.now)
        )


def of_customer(tx: Tx, stripe_customer: str, live: bool | None, but: str) -> list[str]:
    """Events of a Stripe customer that are still to be handled, `but` for one, the oldest first. Those of the other
    mode than `live` wait for another key, not for anything that happens here.
    """
    return list(tx.connection.execute(_others(stripe_customer, live, but)).scalars())


def soon(tx: Tx, stripe_customer: str, live: bool | None, handled: Collection[str], at: datetime) -> None:
    """The others of these are due at that time, if not before. In the order of `wake`, so that none waits for another
    that waits for it.
    """
    rest = [id for id in tx.connection.execute(_others(stripe_customer, live, None).with_for_update()).scalars()
            if id not in handled]  # fmt: skip
    its = stripe_events.c.id.in_(rest)
    later = stripe_events.c.next_attempt_at.is_(None) | (stripe_events.c.next_attempt_at > at)
    tx.connection.execute(sa.update(stripe_events).where(its, later).values(next_attempt_at=at))


def _others(stripe_customer: str, live: bool | None, but: str | None) -> sa.Select[str]:
    its = stripe_events.c.stripe_customer == stripe_customer
    if live is not None:
        its &= stripe_events.c.livemode.is_(live)
    if but is not None:
        its &= stripe_events.c.id != but
    return _open(its)


def _open(its: sa.ColumnElement[bool]) -> sa.Select[str]:
    query = select(stripe_events.c.id).where(its, is_open())
    return query.order_by(stripe_events.c.created_at, stripe_events.c.id)


def customer_of(event: Event) -> str | None:
    customer = event.object.get("customer")
    return _name(customer.get("id") if isinstance(customer, dict) else customer)


def reference_of(event: Event) -> str | None:
    """The customer of ours that an invoice, a subscription or a session names itself; None where that can't be read."""
    try:
        if event.fact.startswith("invoice."):
            return _name(payloads.invoice(event.object).metadata.get(REFERENCE))
        if event.fact.startswith("customer.subscription."):
            return _name(answers.subscription(event.object).metadata.get(REFERENCE))
        return _name(event.object.get("client_reference_id"))
    except PayloadInvalid:
        return None


def _name(found: object) -> str | None:
    return found if isinstance(found, str) and len(found) <= 255 and found.isprintable() else None
