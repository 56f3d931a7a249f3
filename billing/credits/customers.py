"""Customers: who is billed. The id is the SaaS's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Row, select

from billing.base import sets
from billing.base.addresses import refuse_address
from billing.base.db import Tx
from billing.catalog.terms import Catalog
from billing.credits.opening import make_wallets
from billing.credits.tables import customers
from billing.credits.values import Customer
from billing.rules import asking
from billing.rules.refusals import Refusal, UnknownCustomer


@dataclass(frozen=True, slots=True)
class Given:
    """What is said of a customer; what is None is left as it is."""

    name: str | None = None
    email: str | None = None
    locale: str | None = None
    timezone: str | None = None
    metadata: Mapping[str, Any] | None = None


def put(tx: Tx, catalog: Catalog, id: str, given: Given) -> tuple[Customer, bool] | Refusal:
    """Makes the customer with a wallet per unit, or changes what is given. And: was it made now?"""
    wrong = asking.refuse(
        customer=asking.name(id),
        name=asking.maybe(asking.text, given.name),
        email=asking.maybe(refuse_address, given.email),
        locale=asking.maybe(asking.text, given.locale),
        timezone=asking.maybe(asking.text, given.timezone),
        metadata=asking.maybe(asking.metadata, given.metadata),
    )
    if wrong is not None:
        return wrong
    said = {field: getattr(given, field) for field in Given.__slots__}
    changes = {field: value for field, value in said.items() if value is not None}
    if given.metadata is not None:
        changes["metadata"] = dict(given.metadata)
    before = _row(tx, id)
    made = False
    if before is None:
        row = {"id": id, **dict.fromkeys(said), "metadata": {}, **changes, "created_at": tx.now}
        made = bool(sets.insert(tx, customers, [row], unless_there=True))
        make_wallets(tx, [(id, unit) for unit in catalog.units])
    if changes:
        tx.connection.execute(sa.update(customers).where(customers.c.id == id).values(**changes))
    after = _row(tx, id)
    assert after is not None
    return _value(after), made


def find(tx: Tx, id: str) -> Customer | Refusal:
    """The customer, or `UnknownCustomer`."""
    row = _row(tx, id) if asking.name(id) is None else None
    return UnknownCustomer(id) if row is None else _value(row)


def some(tx: Tx, ids: Sequence[str]) -> dict[str, Customer]:
    """Those of these customers that there are, by their ids."""
    rows = tx.connection.execute(select(customers).where(customers.c.id.in_(list(ids))))
    return {row.id: _value(row) for row in rows}


def lock(tx: Tx, id: str) -> Customer | Refusal:
    """The customer, whose row nobody else locks or changes until this transaction ends; wallets stay free.

    Who takes it takes it first.
    """
    if asking.name(id) is not None:
        return UnknownCustomer(id)
    query = select(customers).where(customers.c.id == id).with_for_update(key_share=True)
    row = tx.connection.execute(query).one_or_none()
    return UnknownCustomer(id) if row is None else _value(row)


def page(tx: Tx, after: str | None, limit: int) -> list[Customer] | Refusal:
    """Customers in the order of their ids, beginning behind `after`."""
    wrong = asking.refuse(after=asking.maybe(asking.text, after), limit=asking.count(limit))
    if wrong is not None:
        return wrong
    query = select(customers).order_by(customers.c.id).limit(limit)
    if after is not None:
        query = query.where(customers.c.id > after)
    return [_value(row) for row in tx.connection.execute(query)]


def _row(tx: Tx, id: str) -> Row[Any] | None:
    return tx.connection.execute(select(customers).where(customers.c.id == id)).one_or_none()


def _value(row: Row[Any]) -> Customer:
    return Customer(row.id, row.name, row.email, row.locale, row.timezone, row.metadata, row.created_at)
