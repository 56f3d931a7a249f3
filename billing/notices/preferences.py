"""Preferences: which letters a customer does without."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy import select

from billing.base import sets
from billing.base.db import Tx
from billing.credits import customers
from billing.notices.kinds import KINDS
from billing.notices.tables import unsubscribed
from billing.notices.values import Preferences
from billing.rules.refusals import Invalid, Refusal, UnknownCustomer

ALL = "all"
"""All letters that can be done without."""


def of(tx: Tx, customer: str) -> Preferences | Refusal:
    """What the customer gets, and where."""
    found = customers.find(tx, customer)
    if isinstance(found, Refusal):
        return found
    without = unwanted(tx, [customer])
    wanted = {name: (customer, name) not in without for name in KINDS}
    return Preferences(found.id, found.email, wanted)


def change(tx: Tx, customer: str, wanted: Mapping[str, bool]) -> Preferences | Refusal:
    """Each kind of letter that is named is wanted from now on, or not; others stay as they are."""
    wrong = _refuse(wanted)
    if wrong is not None:
        return wrong
    found = customers.lock(tx, customer)
    if isinstance(found, Refusal):
        return found
    again = [name for name, yes in wanted.items() if yes]
    tx.connection.execute(
        sa.delete(unsubscribed).where(unsubscribed.c.customer_id == customer, unsubscribed.c.kind.in_(again))
    )
    rows = [{"customer_id": customer, "kind": name, "since": tx.now} for name, yes in wanted.items() if not yes]
    sets.insert(tx, unsubscribed, rows, unless_there=True)
    return of(tx, customer)


def unsubscribe(tx: Tx, customer: str, kind: str) -> Preferences | Refusal:
    """No letters of this kind any more, or of no kind that can be done without (`all`). Twice is once."""
    names = [name for name, one in KINDS.items() if one.optional and kind in (name, ALL)]
    return change(tx, customer, dict.fromkeys(names, False)) if names else UnknownCustomer(customer)


def unwanted(tx: Tx, of_customers: Collection[str]) -> set[tuple[str, str]]:
    """(customer, kind) for all that these customers do without."""
    query = select(unsubscribed.c.customer_id, unsubscribed.c.kind)
    its = query.where(unsubscribed.c.customer_id.in_(list(of_customers)))
    return {(row.customer_id, row.kind) for row in tx.connection.execute(its)}


def _refuse(wanted: Mapping[str, Any]) -> Invalid | None:
    wrong = {}
    for name, yes in wanted.items():
        kind = KINDS.get(name)
        if kind is None:
            wrong[name] = [f"There is no such letter: there are {', '.join(KINDS)}."]
        elif not isinstance(yes, bool):
            wrong[name] = ["Must be true or false."]
        elif not yes and not kind.optional:
            wrong[name] = ["This letter is about the customer's money and can't be done without."]
    return Invalid(wrong) if wrong else None
