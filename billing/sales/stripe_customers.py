"""Which Stripe customer is which of ours. One of ours may have had several; one of Stripe's belongs to one of ours.

Before the first purchase one is made, and passed to every Checkout: the conversation `MAKING`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Row, select

from billing.base import sets
from billing.base.db import Tx
from billing.credits import customers as known_customers
from billing.credits.tables import customers
from billing.credits.values import Customer
from billing.rules import asking
from billing.rules.refusals import Refusal, StripeCustomerTaken
from billing.sales import conversations
from billing.sales.conversations import Kind
from billing.sales.tables import stripe_customers
from billing.stripe.calling import Params
from billing.stripe.gateway import Gateway

REFERENCE = "billing_customer"
"""The metadata of a subscription, an invoice, a session or a Stripe customer that names our customer."""

_LONGEST_NAME = 256
"""Stripe's limit."""

_SKEW = timedelta(seconds=10)
"""By how much Stripe's clock may be behind ours."""


@dataclass(frozen=True, slots=True)
class Payer:
    """Who paid: a customer of ours. `linked`: Stripe's customer, if it was linked to it just now."""

    customer: str
    linked: str | None = None


@dataclass(frozen=True, slots=True)
class Nobody:
    """It can't be told who paid, and why."""

    reason: str


def customer_of(tx: Tx, stripe_id: str) -> str | None:
    """Our customer, if this Stripe customer is linked to one."""
    link = select(stripe_customers.c.customer_id).where(stripe_customers.c.stripe_id == stripe_id)
    return tx.connection.execute(link).scalar_one_or_none()


def stripe_id_of(tx: Tx, customer: str) -> str | None:
    """The customer's Stripe customer: the one linked last of those that Stripe still has."""
    return _latest(tx, [customer]).get(customer)


def currency_of(tx: Tx, customer: str) -> str | None:
    """In which currency the customer's Stripe customer buys, as far as was heard."""
    id = stripe_id_of(tx, customer)
    if id is None:
        return None
    known = select(stripe_customers.c.currency).where(stripe_customers.c.stripe_id == id)
    return tx.connection.execute(known).scalar_one_or_none()


def note_currency(tx: Tx, stripe_id: str, currency: str) -> bool:
    """Stripe has fixed it with the first invoice or subscription. Says whether that is news of a customer of ours."""
    its = (stripe_customers.c.stripe_id == stripe_id) & stripe_customers.c.currency.is_distinct_from(currency)
    return bool(tx.connection.execute(sa.update(stripe_customers).where(its).values(currency=currency)).rowcount)


def shown(tx: Tx, found: Sequence[Customer]) -> list[Customer]:
    """The same customers with their Stripe customers' ids."""
    latest = _latest(tx, [customer.id for customer in found])
    return [replace(customer, stripe_customer_id=latest.get(customer.id)) for customer in found]


def refuse(tx: Tx, customer: str, stripe_id: object) -> Refusal | None:
    """Why this Stripe customer can't be linked to the customer, or None."""
    wrong = asking.refuse(stripe_customer_id=asking.text(stripe_id))
    if wrong is not None:
        return wrong
    owner = customer_of(tx, str(stripe_id))
    return StripeCustomerTaken(str(stripe_id), owner) if owner not in (None, customer) else None


def link(tx: Tx, customer: str, stripe_id: str) -> bool | StripeCustomerTaken:
    """Links them, once: says whether that is new. The customer must be there. It becomes the one linked last."""
    latest = _latest_at(tx, customer)
    at = tx.now if latest is None else max(tx.now, latest + timedelta(microseconds=1))
    known = customer_of(tx, stripe_id)
    if known is None:
        row = {"stripe_id": stripe_id, "customer_id": customer, "linked_at": at}
        sets.insert(tx, stripe_customers, [row], unless_there=True)
        owner = customer_of(tx, stripe_id)
        assert owner is not None
        return True if owner == customer else StripeCustomerTaken(stripe_id, owner)
    if known != customer:
        return StripeCustomerTaken(stripe_id, known)
    if stripe_id_of(tx, customer) != stripe_id:
        row_of = stripe_customers.c.stripe_id == stripe_id
        tx.connection.execute(sa.update(stripe_customers).where(row_of).values(linked_at=at, gone_at=None))
    return False


def gone(tx: Tx, stripe_id: str) -> bool:
    """Stripe has deleted it: what is told of it is still its customer's. Says whether that is new."""
    row_of = (stripe_customers.c.stripe_id == stripe_id) & stripe_customers.c.gone_at.is_(None)
    return bool(tx.connection.execute(sa.update(stripe_customers).where(row_of).values(gone_at=tx.now)).rowcount)


def payer(tx: Tx, stripe_id: str | None, reference: str | None) -> Payer | Nobody:
    """Who paid, by the link of Stripe's customer, else by the `reference` that the payment carries and that names a
    customer of ours; then they are linked. A reference that names nobody of ours is somebody else's note.
    """
    linked = customer_of(tx, stripe_id) if stripe_id is not None else None
    named = reference if is_ours(tx, reference) else None
    if linked is not None:
        if named is not None and named != linked:
            return Nobody(f"conflict: {stripe_id} is linked to the customer {linked!r}, the payment names {named!r}")
        return Payer(linked)
    if named is not None:
        if stripe_id is None:
            return Payer(named)
        answer = link(tx, named, stripe_id)
        if isinstance(answer, StripeCustomerTaken):
            return Nobody(f"conflict: {answer}")
        return Payer(named, linked=stripe_id)
    if reference is not None:
        return Nobody(
            f"unknown customer: {stripe_id or 'the payment'} is linked to nobody, and {reference!r} is not there"
        )
    if stripe_id is not None:
        return Nobody(f"unknown customer: {stripe_id} is linked to nobody")
    return Nobody("unknown customer: the payment names none")


def needed(tx: Tx, customer: str) -> str:
    """The customer's Stripe customer is to be made: the id of the conversation that does. Under the customer's lock."""
    ours = known_customers.lock(tx, customer)
    assert not isinstance(ours, Refusal), ours

    def params(conversation: str) -> Params:
        said = {"email": ours.email, "name": ours.name and ours.name[:_LONGEST_NAME]}
        metadata = {REFERENCE: ours.id, "billing_conversation": conversation}
        return {**{name: value for name, value in said.items() if value}, "metadata": metadata}

    return conversations.intend(tx, "customer", customer, customer, params)


def _prepare(tx: Tx, row: Row[Any]) -> Params | None:
    """One that was linked meanwhile serves as well."""
    params: Params = row.params
    return params if stripe_id_of(tx, row.customer_id) is None else None


def _look_up(gateway: Gateway, row: Row[Any]) -> str | None:
    return gateway.find_customer(row.created_at - _SKEW, row.id)


def _record(tx: Tx, row: Row[Any], made: str) -> str:
    """Nothing of Stripe's can wait for the link of a customer that nobody has bought with yet: nothing is woken."""
    linked = link(tx, row.customer_id, made)
    if isinstance(linked, StripeCustomerTaken):
        raise linked
    return made


MAKING = Kind(
    prepare=_prepare,
    ask=lambda gateway, params, key: gateway.make_customer(params, key),
    look_up=_look_up,
    record=_record,
    end=lambda tx, row, reason: None,  # noqa: ARG005 - what waits for it says so itself
)


def is_ours(tx: Tx, customer: str | None) -> bool:
    """Is there such a customer of ours?"""
    if customer is None:
        return False
    return tx.connection.execute(select(customers.c.id).where(customers.c.id == customer)).first() is not None


def _latest(tx: Tx, ids: Sequence[str]) -> dict[str, str]:
    its = stripe_customers.c.customer_id.in_(list(ids)) & stripe_customers.c.gone_at.is_(None)
    links = select(stripe_customers).where(its)
    in_order = links.order_by(stripe_customers.c.linked_at, stripe_customers.c.stripe_id)
    return {row.customer_id: row.stripe_id for row in tx.connection.execute(in_order)}


def _latest_at(tx: Tx, customer: str) -> datetime | None:
    latest = select(sa.func.max(stripe_customers.c.linked_at)).where(stripe_customers.c.customer_id == customer)
    found: datetime | None = tx.connection.execute(latest).scalar_one()
    return found
