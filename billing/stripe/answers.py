"""What the API answers, and a few events hold, besides invoices and sessions' lines → our values.

As in `payloads`: read where it stands today, then where it stood before; what can't be read raises `PayloadInvalid`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from billing.stripe import payloads
from billing.stripe import reading as read
from billing.stripe.values import (
    OpenedSession,
    PayloadInvalid,
    Price,
    SeenSession,
    SubscribedItem,
    Subscription,
)

_LONGEST_ADDRESS = 5_000
_PRICE = ("price", "plan")
_DEAD = ("requires_payment_method", "canceled")
"""Statuses of a payment intent from which a completed session's money does not come any more."""


def opened(document: object) -> OpenedSession:
    """A session that was made: one without an address could not be paid."""
    found = read.mapping(document, "session")
    url = found.get("url")
    if not isinstance(url, str) or not url.startswith(("https://", "http://")) or len(url) > _LONGEST_ADDRESS:
        raise PayloadInvalid("session.url: an address is wanted.")
    return OpenedSession(
        read.text(found.get("id"), "session.id"), url, read.time(found.get("expires_at"), "session.expires_at")
    )


def seen(document: object) -> SeenSession:
    """A session retrieved with its invoice, subscription and payment expanded."""
    found = read.mapping(document, "session")
    made, bill = found.get("subscription"), found.get("invoice")
    intent = found.get("payment_intent")
    intent = intent if isinstance(intent, dict) else {}
    complete = found.get("status") == "complete" and found.get("payment_status") == "unpaid"
    return SeenSession(
        session=payloads.session(found),
        invoice=payloads.invoice(bill) if isinstance(bill, dict) else None,
        subscription=subscription(made) if isinstance(made, dict) else None,
        paid_at=_paid_at(intent),
        failed=complete and intent.get("status") in _DEAD,
    )


def subscription(document: object) -> Subscription:
    """A subscription, as it stands in an event or as the API answers."""
    found = read.mapping(document, "subscription")
    if found.get("object") != "subscription":
        raise PayloadInvalid('subscription: its "object" is not "subscription".')
    listed = read.maybe_mapping(found.get("items"), "subscription.items")
    cancels = found.get("cancel_at_period_end")
    return Subscription(
        id=read.text(found.get("id"), "subscription.id"),
        customer=read.reference(found.get("customer"), "subscription.customer"),
        metadata=read.metadata(found.get("metadata"), "subscription.metadata"),
        status=read.text(found.get("status"), "subscription.status"),
        created=read.time(found.get("created"), "subscription.created"),
        items=tuple(
            _item(one, found.get("current_period_end"), f"subscription.items.data[{at}]")
            for at, one in enumerate(read.items(listed.get("data"), "subscription.items.data"))
        ),
        cancels=False if cancels is None else read.flag(cancels, "subscription.cancel_at_period_end"),
        cancel_at=read.maybe_time(found.get("cancel_at"), "subscription.cancel_at"),
        ended_at=read.maybe_time(found.get("ended_at"), "subscription.ended_at"),
    )


def price(document: object) -> Price:
    """A price."""
    found = read.mapping(document, "price")
    recurring = read.maybe_mapping(found.get("recurring"), "price.recurring")
    every = None
    if recurring:
        count = read.maybe_whole(recurring.get("interval_count"), "price.recurring.interval_count")
        every = (read.text(recurring.get("interval"), "price.recurring.interval"), count or 1)
    return Price(
        id=read.text(found.get("id"), "price.id"),
        lookup_key=read.maybe_text(found.get("lookup_key"), "price.lookup_key"),
        active=read.flag(found.get("active"), "price.active"),
        currency=read.currency(found.get("currency"), "price.currency"),
        cents=read.maybe_whole(found.get("unit_amount"), "price.unit_amount"),
        every=every,
    )


def _item(document: object, of_all: object, where: str) -> SubscribedItem:
    found = read.mapping(document, where)
    value, at = read.either(found, _PRICE, where)
    lookup_key = read.maybe_text(value.get("lookup_key"), f"{at}.lookup_key") if isinstance(value, dict) else None
    quantity = read.quantity(found, where)
    end = found.get("current_period_end")
    return SubscribedItem(
        id=read.text(found.get("id"), f"{where}.id"),
        price=read.reference(value, at),
        lookup_key=lookup_key,
        quantity=1 if quantity is None else quantity,
        period_end=read.maybe_time(of_all if end is None else end, f"{where}.current_period_end"),
    )


def _paid_at(intent: Mapping[str, Any]) -> datetime | None:
    """When the money of a payment intent was taken: its latest charge's time, where that was expanded."""
    charge = intent.get("latest_charge")
    if intent.get("status") != "succeeded" or not isinstance(charge, dict):
        return None
    return read.maybe_time(charge.get("created"), "charge.created")
