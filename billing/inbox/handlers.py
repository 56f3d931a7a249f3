"""Handlers: the type of a Stripe event → the one verb it calls. Types without one are kept and passed over."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from billing.base.db import Tx
from billing.catalog import offered
from billing.catalog.terms import Catalog
from billing.sales import allocations, settling, stripe_customers, stripe_prices, subscriptions
from billing.sales.values import Applied
from billing.stripe import answers, payloads
from billing.stripe.values import Event

Handler = Callable[[Tx, Catalog, Event], Applied]


def handle_invoice_paid(tx: Tx, catalog: Catalog, event: Event) -> Applied:
    """An invoice was paid: through Stripe, out of band, or because nothing was due."""
    invoice = payloads.invoice(event.object)
    return allocations.apply(tx, catalog, invoice, invoice.paid_at or event.created)


def handle_session(tx: Tx, catalog: Catalog, event: Event) -> Applied:
    """A Checkout session was completed, the money of a completed one arrived, or nobody paid in time."""
    return settling.apply(tx, catalog, payloads.session(event.object), event.created)


def handle_session_failed(tx: Tx, catalog: Catalog, event: Event) -> Applied:
    """The money of a completed session does not come."""
    return settling.apply(tx, catalog, payloads.session(event.object), event.created, failed=True)


def handle_subscription_created(tx: Tx, catalog: Catalog, event: Event) -> Applied:
    """A subscription was made. What it brings comes with its invoices."""
    return subscriptions.mirror(tx, catalog, answers.subscription(event.object), event.created, first=True)


def handle_subscription(tx: Tx, catalog: Catalog, event: Event) -> Applied:
    """A subscription changed, paused, went on or ended."""
    return subscriptions.mirror(tx, catalog, answers.subscription(event.object), event.created)


def handle_price(tx: Tx, catalog: Catalog, event: Event) -> Applied:
    """A price was made or changed: a catalog may know it by its lookup key, which invoices don't tell."""
    price = answers.price(event.object)
    stripe_prices.note(tx, [(price.id, price.lookup_key)])
    wrong = offered.differs(catalog, price)
    if wrong is not None:
        tx.told.append(("review.needed", {"type": event.type, "object": price.id, "reason": wrong}))
        return Applied(note=wrong)
    return Applied(note=None if price.lookup_key else "it has no lookup key")


def handle_customer(tx: Tx, _: Catalog, event: Event) -> Applied:
    """A Stripe customer was made or changed: the first invoice fixes the currency in which it buys."""
    customer = answers.customer(event.object)
    if customer.currency is None:
        return Applied(note="it buys in no currency yet")
    news = stripe_customers.note_currency(tx, customer.id, customer.currency)
    return Applied(note=f"it buys in {customer.currency}" if news else "linked to nobody, or known before")


def handle_customer_deleted(tx: Tx, _: Catalog, event: Event) -> Applied:
    """A Stripe customer is no more: the next purchase makes another. Its subscriptions end with events of their own."""
    known = event.object_id is not None and stripe_customers.gone(tx, event.object_id)
    return Applied(note="the next purchase makes another" if known else "linked to nobody")


HANDLERS: Mapping[str, Handler] = MappingProxyType(
    {
        "invoice.paid": handle_invoice_paid,
        "checkout.session.completed": handle_session,
        "checkout.session.async_payment_succeeded": handle_session,
        "checkout.session.async_payment_failed": handle_session_failed,
        "checkout.session.expired": handle_session,
        "customer.created": handle_customer,
        "customer.updated": handle_customer,
        "customer.deleted": handle_customer_deleted,
        "customer.subscription.created": handle_subscription_created,
        "customer.subscription.updated": handle_subscription,
        "customer.subscription.deleted": handle_subscription,
        "customer.subscription.paused": handle_subscription,
        "customer.subscription.resumed": handle_subscription,
        "price.created": handle_price,
        "price.updated": handle_price,
    }
)

IGNORED: Mapping[str, str] = MappingProxyType(
    {"invoice.payment_succeeded": "invoice.paid says the same, and also when the invoice was paid outside Stripe"}
)
"""Types that are passed over on purpose, and why."""


def handler_of(event: Event) -> Handler | str:
    """The event's handler, or why there is nothing to do."""
    if event.account is not None:
        return f"of the connected account {event.account}, not of ours"
    return HANDLERS.get(event.type) or IGNORED.get(event.type) or "nothing is done for events of this type"
