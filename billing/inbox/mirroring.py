"""Handlers of what is only kept as Stripe tells it: subscriptions, prices, customers."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from billing.base import outbox
from billing.base.db import Tx
from billing.catalog import offered
from billing.catalog.terms import Catalog
from billing.sales import payers, stripe_customers, stripe_prices
from billing.sales.plans import subscription_changes, subscriptions
from billing.sales.stripe_customers import REFERENCE, Nobody
from billing.sales.values import Applied
from billing.stripe import answers
from billing.stripe.questions import Known, SubscriptionById
from billing.stripe.values import Event

_SKEW = timedelta(seconds=10)
"""By how much Stripe's clock may be ahead of ours."""


def handle_subscription_created(tx: Tx, catalog: Catalog, event: Event, known: Known) -> Applied:
    """A subscription was made. What it brings comes with its invoices."""
    return _mirror(tx, catalog, event, known, first=True)


def handle_subscription(tx: Tx, catalog: Catalog, event: Event, known: Known) -> Applied:
    """A subscription changed, paused, went on or ended; a change that waited for its payment came or lapsed."""
    return _mirror(tx, catalog, event, known, first=False)


def handle_trial_ends(tx: Tx, catalog: Catalog, event: Event, known: Known) -> Applied:  # noqa: ARG001
    """A trial ends in three days, or now. Nothing changes by that."""
    told = answers.subscription(event.object)
    when = "" if told.trial_end is None else f" at {told.trial_end.isoformat()}"
    return Applied(note=f"the trial ends{when}")


def handle_price(tx: Tx, catalog: Catalog, event: Event, known: Known) -> Applied:  # noqa: ARG001
    """A price was made or changed: a catalog may know it by its lookup key, which invoices don't tell. What is not as
    the catalog says is told.
    """
    price = answers.price(event.object)
    stripe_prices.note(tx, [(price.id, price.lookup_key)])
    wrong = offered.differs(catalog, price)
    if wrong is not None:
        outbox.tell(tx, ("review.needed", {"type": event.type, "object": price.id, "reason": wrong}))
        return Applied(note=wrong)
    return Applied(note=None if price.lookup_key else "it has no lookup key")


def handle_customer(tx: Tx, _: Catalog, event: Event, known: Known) -> Applied:  # noqa: ARG001
    """A Stripe customer was made or changed. One that now names a customer of ours is that one's; its first invoice
    fixes the currency in which it buys.
    """
    told = answers.customer(event.object)
    named = told.metadata.get(REFERENCE)
    if stripe_customers.customer_of(tx, told.id) is not None:
        news = told.currency is not None and stripe_customers.note_currency(tx, told.id, told.currency)
        return Applied(note=f"it buys in {told.currency}" if news else "linked before")
    if told.deleted or not stripe_customers.is_ours(tx, named):
        return Applied(note="it names no customer of ours")
    payer = stripe_customers.payer(tx, told.id, named)
    if isinstance(payer, Nobody):
        return Applied(waits=payer.reason)
    if told.currency is not None:
        stripe_customers.note_currency(tx, told.id, told.currency)
    return Applied(note="linked", linked=payer.linked)


def handle_customer_deleted(tx: Tx, _: Catalog, event: Event, known: Known) -> Applied:  # noqa: ARG001
    """A Stripe customer is no more: the next purchase makes another. Its subscriptions end with events of their own."""
    gone = event.object_id is not None and stripe_customers.gone(tx, event.object_id)
    return Applied(note="the next purchase makes another" if gone else "linked to nobody")


def _mirror(tx: Tx, catalog: Catalog, event: Event, known: Known, *, first: bool) -> Applied:
    told = answers.subscription(event.object)
    number, answered = subscription_changes.answered(tx, told.id)
    asked = SubscriptionById(told.id, number)
    # Stripe alone can say whether it is the newest: of two within one second, and of one that may be from before our
    # own last act on it, whose answer is known already.
    doubtful = answered is not None and event.created <= answered + _SKEW
    tied = not first and (doubtful or subscriptions.seen_at(tx, told.id) == event.created)
    if tied and known.get(asked) is not None:
        told = known[asked]
    sought = payers.seek(tx, told.customer, None, told.metadata, known)
    told = replace(told, metadata=sought.metadata)
    answer = subscriptions.mirror(tx, catalog, told, event.created, first=first)
    needs = sought.needs if answer.waits is not None else (asked,) if tied else ()
    return replace(answer, needs=(*answer.needs, *needs)) if needs else answer
