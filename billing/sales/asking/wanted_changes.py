"""What a customer wants of a subscription, how it stands, and what Stripe is to be asked for so that it becomes so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Row

from billing.base.db import Tx
from billing.catalog.prices import owner_of
from billing.catalog.terms import Catalog, Plan
from billing.credits import recall
from billing.rules import asking
from billing.rules.refusals import Invalid, UnknownPlan
from billing.rules.sale.switching import Having, When, when
from billing.rules.sale.unchanged import (
    ChangeNeedsNow,
    ChangeScheduled,
    NothingScheduled,
    SubscriptionCancels,
    SubscriptionEnded,
    SubscriptionPastDue,
    SubscriptionPaused,
)
from billing.sales.plans import subscription_changes, subscriptions
from billing.stripe.calling import Params
from billing.stripe.gateway import Gateway
from billing.stripe.values import SubscribedItem, Subscription

MOST_SEATS = 999_999
"""Stripe's limit."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a caller asks for, under a key of theirs. `act`: change, cancel or resume. `subscription`: which, where the
    customer has several.
    """

    act: str
    customer: str
    key: str
    plan: str | None = None
    price: str | None = None
    quantity: int | None = None
    now: bool = False
    subscription: str | None = None

    def checked(self) -> str:
        """The request's fingerprint, if it is well formed."""
        nothing = self.act == "change" and self.plan is None and self.price is None and self.quantity is None
        wrong = asking.refuse(
            customer=asking.name(self.customer),
            key=asking.key(self.key),
            plan="Say what is to change: the plan, its price or how many." if nothing else _maybe_text(self.plan),
            price=_maybe_text(self.price),
            quantity=asking.maybe(_seats, self.quantity),
            subscription=_maybe_text(self.subscription),
        )
        if wrong is not None:
            raise wrong
        return recall.fingerprint(
            f"subscription {self.act}", self.plan, self.price, self.quantity, self.now, self.subscription
        )


@dataclass(frozen=True, slots=True)
class Standing:
    """A subscription as Stripe has it: the item that is a plan's, what is in force, and whether a change of it waits.
    `undone`: every item of which one waits, as it stood before.
    """

    told: Subscription
    item: SubscribedItem
    was: Having
    waiting: bool
    undone: tuple[Params, ...] = ()


@dataclass(frozen=True, slots=True)
class Asked:
    """What Stripe is asked for, and what it comes to."""

    params: Params
    was: Having
    will: Having | None = None
    how: When = "at_once"


def standing(tx: Tx, catalog: Catalog, told: Subscription, unit: str | None) -> Standing:
    """How a subscription stands. Where a change waits for the next period, what is in force is what was before it."""
    item = subscriptions.item_of(catalog, told, unit)
    if item is None or item.price is None:
        raise SubscriptionEnded(told.id)
    waits = {one.id: row for one in told.items if (row := _scheduled(tx, told, one)) is not None}
    row = waits.get(item.id)
    plan = owner_of(catalog, item.price, item.lookup_key)
    credits = plan.credits if isinstance(plan, Plan) else 0
    name = plan.id if isinstance(plan, Plan) else None
    was = Having(name, item.price, item.quantity, item.cents, item.every, credits)
    undone = tuple(_set(id, Having.read(one.was)) for id, one in waits.items())
    return Standing(told, item, was if row is None else Having.read(row.was), row is not None, undone)


def _scheduled(tx: Tx, told: Subscription, item: SubscribedItem) -> Row[Any] | None:
    return subscription_changes.scheduled(tx, told.id, item.id, item.price, item.quantity, item.period_end)


def decide(stands: Standing, catalog: Catalog, wanted: Wanted, prices: Mapping[str, Having]) -> Asked:
    """What Stripe is to be asked for. Raises the refusal where that can't be."""
    told = stands.told
    if wanted.act == "cancel":
        return Asked({"end": True} if wanted.now else {"update": {"cancel_at_period_end": True}}, stands.was)
    if wanted.act == "resume":
        return Asked({"update": _undone(stands)}, stands.was, stands.was, "unpaid")
    if told.status in ("past_due", "unpaid", "incomplete"):
        raise SubscriptionPastDue(told.id)
    if told.status == "paused" or told.collection_paused is not None:
        raise SubscriptionPaused(told.id)
    if told.cancels or told.cancel_at is not None:
        raise SubscriptionCancels(told.id)
    will = _wanted(stands, catalog, wanted, prices)
    if will.same(stands.was):
        if not stands.waiting:
            raise Invalid.field("plan", "That is what the customer has.")
        return Asked({"update": _items(stands, will, "none")}, stands.was, will, "unpaid")
    plan = catalog.plans.get(will.plan or "")
    waits = plan is not None and plan.on_upgrade == "next_period"
    how = when(stands.was, will, trying=told.status == "trialing", waits=waits, now=wanted.now)
    if how == "never":
        raise ChangeNeedsNow(told.id)
    billed = how in ("at_once", "anew")
    there = (will.price, will.quantity) == (stands.item.price, stands.item.quantity)
    if billed and stands.waiting and (there or told.billing_mode != "flexible"):
        # Stripe would credit the price that waits, which nobody has paid; or nothing, as it has that price already.
        raise ChangeScheduled(told.id)
    update = _items(stands, will, "always_invoice" if billed else "none")
    if billed:
        update["payment_behavior"] = "error_if_incomplete"
    if how == "anew":
        update["billing_cycle_anchor"] = {"type": "now"}
    return Asked({"update": update}, stands.was, will, how)


def _wanted(stands: Standing, catalog: Catalog, wanted: Wanted, prices: Mapping[str, Having]) -> Having:
    """What shall be: of what is not said, what is in force."""
    quantity = stands.was.quantity if wanted.quantity is None else wanted.quantity
    if not prices:
        if sum(_is_plans(catalog, item) for item in stands.told.items) > 1:
            raise Invalid.field("plan", "Say which plan: the subscription has several.")
        return replace(stands.was, quantity=quantity)
    every = stands.was.every
    chosen = next((one for one in prices.values() if one.price == stands.was.price), None)
    chosen = chosen or next((one for one in prices.values() if one.every == every), None) or next(iter(prices.values()))
    return replace(chosen, quantity=quantity)


def prices(gateway: Gateway, catalog: Catalog, wanted: Wanted, told: Subscription) -> dict[str, Having]:
    """The prices at which it may be had, in the subscription's currency; none are needed for another number alone."""
    if wanted.act != "change" or (wanted.plan is None and wanted.price is None):
        return {}
    if wanted.plan is not None:
        plan = catalog.plans_on_sale.get(wanted.plan)
    else:
        plan = plan_of(catalog, wanted.price)
        plan = plan if plan is not None and not plan.retired else None
    if plan is None:
        raise UnknownPlan(wanted.plan) if wanted.plan is not None else Invalid.field("price", "No plan has this price.")
    if not plan.prices:
        raise Invalid.field("plan", f"{plan.id} has no price: cancel the subscription, and set the plan.")
    if wanted.price is not None and wanted.price not in plan.prices:
        raise Invalid.field("price", f"{plan.id} is sold at {', '.join(plan.prices)}.")
    found = gateway.prices(plan.prices if wanted.price is None else (wanted.price,))
    item = subscriptions.item_of(catalog, told, plan.unit)
    currency = None if item is None else item.currency
    fitting = {
        name: Having(plan.id, one.id, 1, one.cents, one.every, plan.credits)
        for name, one in found.items()
        if one.every is not None and currency in (None, one.currency)
    }
    if not fitting:
        where = f" in {currency}, in which it is paid" if currency else ""
        raise Invalid.field("plan", f"Stripe has no active recurring price of {plan.id}{where}.")
    return fitting


def plan_of(catalog: Catalog, price: str | None) -> Plan | None:
    """Whose price it is, by Stripe's id of it or by its lookup key."""
    owner = owner_of(catalog, price) or owner_of(catalog, None, price)
    return owner if isinstance(owner, Plan) else None


def _is_plans(catalog: Catalog, item: SubscribedItem) -> bool:
    return isinstance(owner_of(catalog, item.price, item.lookup_key), Plan)


def _items(stands: Standing, will: Having, prorations: str) -> dict[str, Any]:
    """Its plan's own item as it shall be; what else the subscription has stays."""
    return {"items": [_set(stands.item.id, will)], "proration_behavior": prorations}


def _set(item: str, to: Having) -> Params:
    return {"id": item, "price": to.price, "quantity": to.quantity}


def _undone(stands: Standing) -> dict[str, Any]:
    told = stands.told
    undone: dict[str, Any] = {"items": list(stands.undone), "proration_behavior": "none"} if stands.undone else {}
    if told.cancels_with_period:
        undone["cancel_at_period_end"] = False
    elif told.cancel_at is not None:  # as the customer portal sets it, alone
        undone["cancel_at"] = ""
    if not undone:
        raise NothingScheduled(told.id)
    return undone


def _seats(value: object) -> str | None:
    if isinstance(value, int) and not isinstance(value, bool) and 0 < value <= MOST_SEATS:
        return None
    return f"Must be a whole number from 1 to {MOST_SEATS:,}."


def _maybe_text(value: object) -> str | None:
    return asking.maybe(asking.text, value)
