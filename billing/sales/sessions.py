"""Checkout sessions that we open, for top-ups and subscriptions alike: what is asked, recorded, and looked at again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Row, select

from billing.base.db import Tx
from billing.catalog.terms import CheckoutTerms
from billing.sales import stripe_customers
from billing.stripe.calling import Params
from billing.stripe.values import OpenedSession

LONGEST_REFERENCE = 200
"""Stripe's limit for a `client_reference_id`."""

FIRST_LOOK, _LONGEST_WAIT = timedelta(minutes=5), timedelta(hours=24)
MOST_LOOKS = 30
GRACE = timedelta(minutes=1)
LOST = "Stripe knows no session of it: it was opened with the key of another account or mode."
"""Why a purchase is over of which nothing can be heard."""


@dataclass(frozen=True, slots=True)
class Return:
    """Where the buyer comes back to: having paid, or not. `{topup}` and `{checkout}` in them become the row's id."""

    success_url: str
    cancel_url: str | None

    def of(self, kind: str, id: str) -> dict[str, str | None]:
        """The two addresses for the row of that id."""
        cancel = self.cancel_url and self.cancel_url.replace(f"{{{kind}}}", id)
        return {"success_url": self.success_url.replace(f"{{{kind}}}", id), "cancel_url": cancel}


def due(
    tx: Tx, table: sa.Table, limit: int, only: sa.ColumnElement[bool] | None = None, *,
    then_every: timedelta | None = None,
) -> list[str]:  # fmt: skip
    """Sessions (`only` these) that it is time to look at, the longest waiting first. Their next look is put off, and
    after thirty there is none, or one every so often.
    """
    its_time = (table.c.next_look_at <= tx.now) & (sa.true() if only is None else only)
    query = select(table).where(its_time).order_by(table.c.next_look_at).limit(limit)
    rows = tx.connection.execute(query.with_for_update(skip_locked=True)).all()
    for row in rows:
        _put_off(tx, table, row, then_every)
    return [row.session_id for row in rows]


def _put_off(tx: Tx, table: sa.Table, row: Row[Any], then_every: timedelta | None) -> None:
    """When to look again: ever more seldom, at the end of the session's time, and after thirty looks `then_every`."""
    again: datetime | None = tx.now + min(FIRST_LOOK * 2 ** min(row.looks, 20), _LONGEST_WAIT)
    if row.expires_at is not None and tx.now < row.expires_at and again is not None:
        again = min(again, row.expires_at + GRACE)
    if row.looks + 1 >= MOST_LOOKS:
        again = None if then_every is None else tx.now + then_every
    values = {"looks": row.looks + 1, "next_look_at": again}
    tx.connection.execute(sa.update(table).where(table.c.id == row.id).values(**values))


def address(row: Row[Any], now: datetime) -> str | None:
    """Where a top-up or a checkout is paid, while it can be."""
    payable = row.status == "open" and row.expires_at is not None and now < row.expires_at
    return row.checkout_url if payable else None


def params(row: Row[Any], mark: dict[str, str], terms: CheckoutTerms) -> dict[str, Any]:
    """What every session of ours is opened with."""
    found: dict[str, Any] = {
        "success_url": row.success_url,
        "metadata": {**mark, stripe_customers.REFERENCE: row.customer_id},
    }
    if terms.promotion_codes:
        found["allow_promotion_codes"] = True
    if terms.automatic_tax:
        found["automatic_tax"] = {"enabled": True}
    if terms.tax_ids:
        found["tax_id_collection"] = {"enabled": True}
    if terms.automatic_tax or terms.tax_ids:  # what the buyer says is kept with the customer that we pass
        found["customer_update"] = {"address": "auto", "name": "auto"}
    if row.cancel_url is not None:
        found["cancel_url"] = row.cancel_url
    if len(row.customer_id) <= LONGEST_REFERENCE:
        found["client_reference_id"] = row.customer_id
    return found


def with_customer(tx: Tx, row: Row[Any]) -> Params | str:
    """The parameters with the Stripe customer in them, or the conversation that makes it first."""
    known = stripe_customers.stripe_id_of(tx, row.customer_id)
    return stripe_customers.needed(tx, row.customer_id) if known is None else {**row.params, "customer": known}


def missing(tx: Tx, row: Row[Any], param: str) -> None:
    """Stripe does not know what this parameter names: a customer who is gone there is made anew for the next one."""
    if param == "customer":
        stripe_customers.gone(tx, row.params["customer"])


def record(tx: Tx, table: sa.Table, id: str, made: OpenedSession) -> None:
    """Where and until when it can be paid, and when to look whether it was."""
    its = (table.c.id == id) & (table.c.session_id.is_(None) | (table.c.session_id == made.id))
    soon = sa.literal(tx.now + FIRST_LOOK, table.c.next_look_at.type)
    first_look = sa.case((table.c.status == "open", soon), else_=table.c.next_look_at)
    tx.connection.execute(
        sa.update(table).where(its).values(
            session_id=made.id, checkout_url=made.url, expires_at=made.expires_at, next_look_at=first_look
        )
    )  # fmt: skip
