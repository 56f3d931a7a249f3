"""Subscriptions as Stripe told of them last: mirrored, to be shown and to refuse a second. They never grant."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Row, select

from billing.base import outbox, sets
from billing.base.db import Tx
from billing.catalog.prices import owner_of
from billing.catalog.terms import Catalog, Plan
from billing.credits.tables import wallets
from billing.rules.refusals import Invalid, Refusal
from billing.rules.sale.unchanged import NoSubscription, SubscriptionEnded
from billing.sales import auto_state, stripe_customers, stripe_prices
from billing.sales.plans import endings, free_plans, subscription_changes
from billing.sales.stripe_customers import Nobody
from billing.sales.tables import sales, subscriptions
from billing.sales.values import ENDED, Applied, Subscription
from billing.stripe.values import SubscribedItem
from billing.stripe.values import Subscription as Told

_Priced = tuple[str | None, str | None]
"""A price's id, and its lookup key."""

LIVE = ("active", "trialing", "past_due", "unpaid", "paused")
"""Statuses in which a subscription is paid for, or will be again. An incomplete one never was."""


def mirror(tx: Tx, catalog: Catalog, told: Told, at: datetime, *, first: bool = False) -> Applied:
    """Keeps what Stripe said of a subscription at that instant; what is older than what is known changes nothing.

    `first`: it was just made, so whatever is known of it is newer. One that ended stays ended.
    """
    stripe_prices.note(tx, [(item.price, item.lookup_key) for item in told.items])
    payer = stripe_customers.payer(tx, told.customer, told.metadata.get(stripe_customers.REFERENCE))
    if isinstance(payer, Nobody):
        return Applied(waits=payer.reason)
    item = item_of(catalog, told)
    values = {
        "customer_id": payer.customer,
        "price": item and item.price,
        "lookup_key": item and item.lookup_key,
        "quantity": item.quantity if item else 0,
        "status": told.status,
        "current_period_end": item and item.period_end,
        "cancels": told.cancels,
        "cancel_at": told.cancel_at,
        "created_at": told.created,
        "ended_at": told.ended_at,
        "seen_at": at,
        "subscribed_items": [_written(one) for one in told.items],
        "trial_end": told.trial_end,
        "collection_paused": told.collection_paused,
        "billing_mode": told.billing_mode,
    }
    if told.status in ENDED:
        endings.end(tx, catalog, payer.customer, told.id, told.ended_at or at)
    if sets.insert(tx, subscriptions, [{"id": told.id, **values}], unless_there=True):
        _tell(tx, catalog, payer.customer, told, item)
        _follow(tx, catalog, payer.customer, told, ())
        return Applied(note=f"the subscription is {told.status}", linked=payer.linked)
    known = tx.connection.execute(select(subscriptions).where(subscriptions.c.id == told.id).with_for_update()).one()
    stale = first or at < known.seen_at
    if known.status in ENDED or (stale and told.status not in ENDED):
        return Applied(note="older than what is known of it", linked=payer.linked)
    tx.connection.execute(sa.update(subscriptions).where(subscriptions.c.id == told.id).values(**values))
    _tell(tx, catalog, payer.customer, told, item)
    _follow(tx, catalog, payer.customer, told, _items(known))
    return Applied(note=f"the subscription is {told.status}", linked=payer.linked)


def item_of(catalog: Catalog, told: Told, unit: str | None = None) -> SubscribedItem | None:
    """The item that is a plan's (of this unit), else the first."""
    for item in told.items:
        plan = _plan(catalog, item.price, item.lookup_key)
        if plan is not None and unit in (None, plan.unit):
            return item
    return told.items[0] if told.items else None


def which(tx: Tx, catalog: Catalog, customer: str, unit: str | None, id: str | None) -> str | Refusal:
    """The id of the subscription under way to a plan (of this unit), or `id` if it is that. A refusal where there is
    none, or more than one.
    """
    its = select(subscriptions).where(subscriptions.c.customer_id == customer).order_by(subscriptions.c.created_at)
    fitting = [
        row for row in tx.connection.execute(its) if id in (None, row.id) and _has_plan(catalog, row, unit)
    ]  # fmt: skip
    found = [row.id for row in fitting if row.status in LIVE]
    if not found:
        known = {row.id for row in fitting}
        bought = _allocated(tx, customer, known)
        plan = catalog.plans.get(bought.plan or "") if bought is not None else None
        if bought is not None and bought.id is not None and plan is not None and unit in (None, plan.unit):
            found = [bought.id] if id in (None, bought.id) else []
    if len(found) > 1:
        return Invalid.field("subscription", f"There is more than one: name {' or '.join(found)}.")
    if found:
        return str(found[0])
    return SubscriptionEnded(fitting[-1].id) if fitting else NoSubscription(customer)


def _has_plan(catalog: Catalog, row: Row[Any], unit: str | None) -> bool:
    """Is one of its items a plan's (of this unit)?"""
    plans = [_plan(catalog, *priced) for priced in _items(row)]
    return any(plan is not None and unit in (None, plan.unit) for plan in plans)


def _items(row: Row[Any]) -> list[_Priced]:
    items = row.subscribed_items or [{"price": row.price, "lookup_key": row.lookup_key}]
    return [(item["price"], item["lookup_key"]) for item in items]


def set_free(tx: Tx, catalog: Catalog, customer: str, plan: str | None) -> None:
    """Sets or drops (None) the customer's free plan; while a paid one lives, it waits."""
    paid = None if plan is None else living(tx, catalog, customer, catalog.plans[plan].unit)
    free_plans.put(tx, catalog, customer, plan, subscribed=paid is not None)


def _follow(tx: Tx, catalog: Catalog, customer: str, told: Told, had: Sequence[_Priced]) -> None:
    """A free plan of a unit stands still while a paid one lives, and where the last one has ended nothing is bought by
    itself. `had`: the prices it had before.
    """
    priced = [*had, *((item.price, item.lookup_key) for item in told.items)]
    units = {plan.unit for one in priced if (plan := _plan(catalog, *one)) is not None}
    if not units:
        return
    its = (subscriptions.c.customer_id == customer) & subscriptions.c.status.in_(LIVE)
    rows = list(tx.connection.execute(select(subscriptions).where(its)))
    for unit in sorted(units):
        living = [row.created_at for row in rows if _has_plan(catalog, row, unit)]
        free_plans.follow(tx, catalog, customer, unit, min(living, default=None), told.ended_at or tx.now)
        if told.status == "canceled" and not living:
            auto_state.plan_ended(tx, customer, unit)


def seen_at(tx: Tx, id: str) -> datetime | None:
    """How new what we know of it is; None: nothing, or that it has ended, which stays so."""
    query = select(subscriptions.c.seen_at).where(subscriptions.c.id == id, subscriptions.c.status.not_in(ENDED))
    found: datetime | None = tx.connection.execute(query).scalar_one_or_none()
    return found


def ended_at(tx: Tx, subscription: str | None) -> datetime | None:
    """When the subscription ended; None as long as it goes on, or nobody told."""
    s = subscriptions.c
    row = tx.connection.execute(select(s.status, s.ended_at, s.seen_at).where(s.id == subscription)).first()
    return (row.ended_at or row.seen_at) if row is not None and row.status in ENDED else None


def current(tx: Tx, catalog: Catalog, customer: str) -> Subscription | None:
    """What the customer subscribes to: one that lives before one that ended, a newer one before an older."""
    its = subscriptions.c.customer_id == customer
    in_order = select(subscriptions).where(its).order_by(subscriptions.c.created_at.desc(), subscriptions.c.id)
    rows = list(tx.connection.execute(in_order))
    rows.sort(key=lambda row: row.status not in LIVE)
    if rows and rows[0].status in LIVE:
        return _shown(tx, catalog, rows[0])
    bought = _allocated(tx, customer, {row.id for row in rows})
    if bought is not None:
        return bought
    return _shown(tx, catalog, rows[0]) if rows else None


def living(tx: Tx, catalog: Catalog, customer: str, unit: str, *, beside: str | None = None) -> Subscription | None:
    """A subscription under way to a plan of this unit, if there is one (other than `beside`)."""
    its = (subscriptions.c.customer_id == customer) & subscriptions.c.status.in_(LIVE)
    rows = list(tx.connection.execute(select(subscriptions).where(its).order_by(subscriptions.c.created_at)))
    for row in rows:
        if row.id != beside and _has_plan(catalog, row, unit):
            return _shown(tx, catalog, row)
    known = set(
        tx.connection.execute(select(subscriptions.c.id).where(subscriptions.c.customer_id == customer)).scalars()
    )
    bought = _allocated(tx, customer, known)
    plan = catalog.plans.get(bought.plan or "") if bought is not None and bought.id != beside else None
    return bought if plan is not None and plan.unit == unit else None


def _allocated(tx: Tx, customer: str, known: set[str]) -> Subscription | None:
    """A plan that was paid for and whose period runs, of a subscription that no event spoke of."""
    its = select(wallets.c.id).where(wallets.c.customer_id == customer)
    running = (sales.c.kind == "allocation") & (sales.c.period_end > tx.now)
    query = select(sales).where(sales.c.wallet_id.in_(its), running).order_by(sales.c.period_end.desc())
    for row in tx.connection.execute(query):
        if row.subscription_id not in known:
            return Subscription(row.subscription_id, customer, row.product, "active", row.period_end, None)
    return None


def _shown(tx: Tx, catalog: Catalog, row: Row[Any]) -> Subscription:
    plan = _plan(catalog, row.price, row.lookup_key)
    # The customer portal sets `cancel_at` alone, the API both.
    ends = row.ended_at or row.cancel_at or (row.current_period_end if row.cancels else None)
    name = plan.id if plan is not None else None
    shown = Subscription(row.id, row.customer_id, name, row.status, row.current_period_end, ends, row.quantity)
    its = (row.price, row.quantity)
    item = next((one["id"] for one in row.subscribed_items or () if (one["price"], one["quantity"]) == its), None)
    waits = subscription_changes.scheduled(tx, row.id, item, *its, row.current_period_end)
    if waits is None:
        return shown
    shown = replace(shown, plan=waits.was["plan"], quantity=waits.was["quantity"])
    if ends is not None and ends <= waits.takes_effect_at:
        return shown
    to = waits.will
    return replace(
        shown, changes_to=to["plan"], changes_quantity=to["quantity"], changes_at=waits.takes_effect_at
    )  # fmt: skip


def _plan(catalog: Catalog, price: str | None, lookup_key: str | None) -> Plan | None:
    owner = owner_of(catalog, price, lookup_key)
    return owner if isinstance(owner, Plan) else None


def _written(item: SubscribedItem) -> dict[str, Any]:
    """An item as it is kept."""

    def text(at: datetime | None) -> str | None:
        return None if at is None else at.isoformat()

    return {
        "id": item.id,
        "price": item.price,
        "lookup_key": item.lookup_key,
        "quantity": item.quantity,
        "period_start": text(item.period_start),
        "period_end": text(item.period_end),
    }


def _tell(tx: Tx, catalog: Catalog, customer: str, told: Told, item: SubscribedItem | None) -> None:
    plan = _plan(catalog, item.price, item.lookup_key) if item else None
    fact = {"customer": customer, "subscription": told.id, "plan": plan and plan.id, "status": told.status}
    outbox.tell(tx, ("subscription.changed", fact))
