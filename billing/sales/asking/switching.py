"""What customers do with a subscription here: another plan or number, an end, or that all of that is undone.

A row of ours first, then Stripe is asked, then its answer is kept. Nothing is granted or taken by it: that follows from
the invoices that Stripe makes.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row

from billing.base.db import Database, Tx
from billing.catalog.terms import Catalog
from billing.credits import customers
from billing.rules.refusals import Busy, IdempotencyKeyReused, Refusal, StripeRefused, StripeUnavailable, UnknownPlan
from billing.rules.sale.unchanged import SubscriptionEnded
from billing.sales import conversations, stripe_prices
from billing.sales.asking import offers, wanted_changes
from billing.sales.asking.wanted_changes import Asked, Wanted
from billing.sales.conversations import Kind, Kinds, Tell
from billing.sales.plans import subscription_changes, subscriptions
from billing.sales.values import ENDED, SubscriptionChange
from billing.stripe.calling import Params
from billing.stripe.gateway import Gateway
from billing.stripe.values import Subscription as Told

_ROUNDS = 5
_SKEW = timedelta(seconds=5)


def ask(db: Database, gateway: Gateway | None, catalog: Catalog, tell: Tell, wanted: Wanted) -> SubscriptionChange:
    """Does it, once per key. Another act on the same subscription that is under way is finished first.

    Raises UnknownCustomer, NoSubscription and its kin, UnknownPlan, Invalid, IdempotencyKeyReused, StripeRefused,
    StripeNotConfigured; StripeUnavailable: with its `purchase` it goes on by itself, without it was not begun.
    """
    fingerprint = wanted.checked()
    unit = unit_of(catalog, wanted)
    row, replayed = None, False
    for _ in range(_ROUNDS):
        with db.read() as tx:
            _accepted(customers.find(tx, wanted.customer))
            row = _same(subscription_changes.by_key(tx, wanted.customer, wanted.key), wanted, fingerprint)
            id = None if row is not None else which(tx, catalog, wanted, unit)
            before = None if id is None else subscription_changes.latest(tx, id)
        replayed = row is not None
        if id is None:
            break
        if before is not None and before.status == "open":
            _finish(db, gateway, catalog, tell, before)
            continue
        talking = offers.asked(gateway)
        told = talking.subscribed.now(id)
        if told is None or told.status in ENDED:
            raise SubscriptionEnded(id)
        prices = wanted_changes.prices(talking, catalog, wanted, told)
        with db.write() as tx:
            _accepted(customers.lock(tx, wanted.customer))
            row = _same(subscription_changes.by_key(tx, wanted.customer, wanted.key), wanted, fingerprint)
            replayed = row is not None
            if row is None and _number(subscription_changes.latest(tx, id)) == _number(before):
                named = [(one.price, name) for name, one in prices.items() if name != one.price]
                stripe_prices.note(tx, named)  # its invoices name the price by its id alone
                stands = wanted_changes.standing(tx, catalog, told, unit)
                asked = wanted_changes.decide(stands, catalog, wanted, prices)
                row = _begin(tx, wanted, asked, told, fingerprint)
        if row is not None:
            break
    if row is None:
        raise Busy("Others change this subscription at the same time. Send the same request again.")
    try:
        _carry_on(db, gateway, catalog, tell, row)
    except StripeUnavailable as unavailable:
        unavailable.purchase = row.id  # what was begun goes on by itself
        raise
    with db.read() as tx:
        found = subscription_changes.read(tx, row.id)
        assert found is not None
    if not replayed:
        _look_again(db, gateway, catalog, tell, found)
    if found.status == "failed":
        raise StripeRefused(found.reason or "it gave no reason")
    return subscription_changes.shown(found, replayed=replayed)


def kinds(catalog: Catalog) -> Kinds:
    """The conversation of these acts, with the catalog by which the answer is kept."""

    def record(tx: Tx, row: Row[Any], made: Told) -> str:
        change = subscription_changes.read(tx, row.subject)
        assert change is not None
        at = change.takes_effect_at
        if at is not None:
            at = _period_end(made, change.was.get("items")) or at  # a renewal may have come between
        subscription_changes.done(tx, row.subject, at)
        if made.status in ENDED:
            subscriptions.mirror(tx, catalog, made, made.ended_at or tx.now)
        elif subscriptions.seen_at(tx, made.id) == change.seen_at:
            # Nothing was heard of it since: this is newer, and whatever comes is newer than this.
            subscriptions.mirror(tx, catalog, made, change.seen_at or row.asked_at - _SKEW)
        return made.id

    return {
        "change": Kind(
            prepare=_prepare,
            ask=_ask,
            look_up=_look_up,
            record=record,
            end=lambda tx, row, reason: subscription_changes.end(tx, row.subject, "failed", reason=reason),
        )
    }


def _begin(tx: Tx, wanted: Wanted, asked: Asked, told: Told, fingerprint: str) -> Row[Any]:
    items = [one["id"] for one in asked.params.get("update", {}).get("items", ())]
    at_end = asked.how == "next_period" or (wanted.act == "cancel" and not wanted.now)
    return subscription_changes.begin(
        tx,
        wanted.customer,
        told.id,
        {"subscription": told.id, **asked.params},
        act=wanted.act,
        was={**asked.was.kept, "items": items},
        will={} if asked.will is None else asked.will.kept,
        takes_effect_at=_period_end(told, items) if at_end else None,
        seen_at=subscriptions.seen_at(tx, told.id),
        key=wanted.key,
        request=fingerprint,
    )


def _period_end(told: Told, items: Sequence[str] | None) -> datetime | None:
    """When the period of these items ends, or that of all: they may have different ones."""
    its = [item for item in told.items if not items or item.id in items]
    return max((item.period_end for item in its if item.period_end is not None), default=None)


def unit_of(catalog: Catalog, wanted: Wanted) -> str | None:
    """The unit of the plan that is wanted, or whose price is."""
    if wanted.plan is None:
        plan = wanted_changes.plan_of(catalog, wanted.price)
        return None if plan is None else plan.unit
    if wanted.plan not in catalog.plans:
        raise UnknownPlan(wanted.plan)
    return catalog.plans[wanted.plan].unit


def which(tx: Tx, catalog: Catalog, wanted: Wanted, unit: str | None) -> str:
    """The subscription it is about. Raises where that is none, or not clear."""
    found = subscriptions.which(tx, catalog, wanted.customer, unit, wanted.subscription)
    if isinstance(found, Refusal):
        raise found
    return found


def _finish(db: Database, gateway: Gateway | None, catalog: Catalog, tell: Tell, row: Row[Any]) -> None:
    """What somebody else has begun is done, or refused, before the next."""
    try:
        _carry_on(db, gateway, catalog, tell, row)
    except StripeRefused:
        return


def _carry_on(db: Database, gateway: Gateway | None, catalog: Catalog, tell: Tell, row: Row[Any]) -> None:
    with db.read() as tx:
        conversation = conversations.open_one(tx, "change", row.id)
    if conversation is not None:
        conversations.carry_on(db, offers.asked(gateway), kinds(catalog), tell, conversation)


def _look_again(db: Database, gateway: Gateway | None, catalog: Catalog, tell: Tell, row: Row[Any]) -> None:
    """Something was heard of the subscription while Stripe was asked, and nobody can say which of both is newer: it is
    looked at once more, so that it is shown as it is. Where that can't be, its events will say.
    """
    with db.read() as tx:
        heard = subscriptions.seen_at(tx, row.subscription_id)
    if row.status != "done" or heard in (None, row.seen_at):
        return
    with suppress(Refusal):  # what was asked is done, whatever this comes to
        told = offers.asked(gateway).subscribed.now(row.subscription_id)
        if told is not None:
            with db.write() as tx:
                if subscriptions.seen_at(tx, told.id) == heard:
                    subscriptions.mirror(tx, catalog, told, heard)
            tell(tx.told)


def _prepare(tx: Tx, row: Row[Any]) -> Params | None:
    change = subscription_changes.read(tx, row.subject)
    assert change is not None
    params: Params = row.params
    return params if change.status == "open" else None


def _ask(gateway: Gateway, params: Params, key: str) -> Told:
    if "end" in params:
        return gateway.subscribed.cancel(params["subscription"])
    return gateway.subscribed.change(params["subscription"], params["update"], key)


def _look_up(gateway: Gateway, row: Row[Any]) -> Told | None:
    """A day later: the subscription, if it stands as was asked."""
    told = gateway.subscribed.now(row.params["subscription"])
    if told is None or "end" in row.params:
        return told if told is not None and told.status in ENDED else None
    update = row.params["update"]
    had = {item.id: (item.price, item.quantity) for item in told.items}
    items = all(had.get(one["id"]) == (one["price"], one["quantity"]) for one in update.get("items", ()))
    ends = told.cancels or told.cancel_at is not None
    stays = update.get("cancel_at_period_end", ends if "cancel_at" not in update else False)
    return told if items and ends == stays else None


def _same(row: Row[Any] | None, wanted: Wanted, fingerprint: str) -> Row[Any] | None:
    if row is not None and row.request != fingerprint:
        raise IdempotencyKeyReused(wanted.key)
    return row


def _number(row: Row[Any] | None) -> int:
    return 0 if row is None else int(row.number)


def _accepted(answer: object) -> None:
    if isinstance(answer, Refusal):
        raise answer
