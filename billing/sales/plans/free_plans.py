"""Free plans: set without Stripe. While a paid subscription to a plan of the same unit lives, they bring nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import select

from billing.base.db import Tx
from billing.catalog.terms import Catalog
from billing.credits import free
from billing.credits.opening import OpenWallet, open_wallet, open_wallets
from billing.credits.tables import wallets
from billing.credits.values import Customer
from billing.credits.writing import write
from billing.rules import asking
from billing.rules.refusals import Refusal, UnknownPlan
from billing.rules.wallet import freeplan
from billing.rules.wallet.freeplan import PlanNeedsCheckout
from billing.rules.wallet.freeterms import FreePlan


def refuse(tx: Tx, catalog: Catalog, customer: str, plan: str | None) -> Refusal | None:
    """Why the plan can't be set, if so: only plans without a price can; a retired one only by who has it."""
    wrong = asking.refuse(customer=asking.name(customer), plan=asking.maybe(asking.text, plan))
    if wrong is not None:
        return wrong
    known = catalog.plans.get(plan) if plan is not None else None
    if plan is None or (known is not None and not known.prices and not known.retired):
        return None
    if known is not None and known.prices:
        return PlanNeedsCheckout(known.id)
    return None if known is not None and plan in _set(tx, [customer]).values() else UnknownPlan(plan)


def put(tx: Tx, catalog: Catalog, customer: str, plan: str | None, subscribed: bool) -> None:
    """The customer's free plan is this one from now on; None: none. `subscribed`: a paid one of its unit lives."""
    unit = catalog.plans[plan].unit if plan is not None else None
    its = select(wallets.c.unit).where(wallets.c.customer_id == customer, wallets.c.free.is_not(None))
    units = sorted({*tx.connection.execute(its).scalars(), *([unit] if unit is not None else [])})
    opened = open_wallets(tx, catalog, [(customer, one) for one in units if one in catalog.units])
    changed = []
    for (_, one), wallet in opened.items():
        if isinstance(wallet, Refusal):
            raise wallet
        wanted = plan if one == unit else None
        position = wallet.position
        if subscribed and one == unit and position.free is None:
            position.free = FreePlan(None, wallet.at, "month", paused=True)
        freeplan.put(position, wanted, free.versions_of(catalog, wanted))
        changed.append(wallet)
    write(tx, changed)


def follow(tx: Tx, catalog: Catalog, customer: str, unit: str, lives_since: datetime | None, ended: datetime) -> None:
    """A paid subscription of that unit lives since then; or (None) the last one `ended`."""
    row = tx.connection.execute(
        select(wallets.c.free).where(
            wallets.c.customer_id == customer, wallets.c.unit == unit, wallets.c.free.is_not(None)
        )
    ).one_or_none()
    if row is None or row.free["paused"] == (lives_since is not None):
        return
    wallet = open_wallet(tx, catalog, customer, unit)
    assert isinstance(wallet, OpenWallet), wallet
    if lives_since is not None:
        freeplan.pause(wallet.position, min(lives_since, wallet.at))
    else:
        freeplan.resume(wallet.position, min(ended, wallet.at))
    write(tx, [wallet])


def shown(tx: Tx, found: Sequence[Customer]) -> list[Customer]:
    """The customers with the free plan that each has."""
    plans = _set(tx, [customer.id for customer in found])
    return [replace(customer, plan=plans.get(customer.id)) for customer in found]


def _set(tx: Tx, customers: Sequence[str]) -> dict[str, str]:
    query = select(wallets.c.customer_id, wallets.c.free)
    query = query.where(wallets.c.customer_id.in_(list(customers)), wallets.c.free.is_not(None))
    return {row.customer_id: row.free["plan"] for row in tx.connection.execute(query) if row.free["plan"] is not None}
