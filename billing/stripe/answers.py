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
    Customer,
    OpenedSession,
    PayloadInvalid,
    Price,
    SeenSession,
    SubscribedItem,
    Subscription,
)

_LONGEST_ADDRESS, _LONGEST_EMAIL = 5_000, 512
_PRICE = ("price", "plan")
_DEAD = ("requires_payment_method", "canceled")
"""Statuses of a payment intent from which a completed session's money does not come any more."""


def id_of(document: object) -> str:
    """The id of what was made."""
    return read.text(read.mapping(document, "answer").get("id"), "answer.id")


def address(document: object) -> str:
    """Where a session, of Checkout or of the customer portal, is to be found."""
    url = read.mapping(document, "session").get("url")
    if not isinstance(url, str) or not url.startswith(("https://", "http://")) or len(url) > _LONGEST_ADDRESS:
        raise PayloadInvalid("session.url: an address is wanted.")
    return url


def opened(document: object) -> OpenedSession:
    """A session that was made: one without an address could not be paid."""
    found = read.mapping(document, "session")
    url = address(found)
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
    found = read.of_kind(document, "subscription")
    listed = read.maybe_mapping(found.get("items"), "subscription.items")
    items = tuple(
        _item(one, found, f"subscription.items.data[{at}]")
        for at, one in enumerate(read.items(listed.get("data"), "subscription.items.data"))
    )
    cancel_at = read.maybe_time(found.get("cancel_at"), "subscription.cancel_at")
    return Subscription(
        id=read.text(found.get("id"), "subscription.id"),
        customer=read.reference(found.get("customer"), "subscription.customer"),
        metadata=read.metadata(found.get("metadata"), "subscription.metadata"),
        status=read.text(found.get("status"), "subscription.status"),
        created=read.time(found.get("created"), "subscription.created"),
        items=items,
        cancels=_cancels(found, cancel_at, items),
        cancel_at=cancel_at,
        ended_at=read.maybe_time(found.get("ended_at"), "subscription.ended_at"),
        trial_start=read.maybe_time(found.get("trial_start"), "subscription.trial_start"),
        trial_end=read.maybe_time(found.get("trial_end"), "subscription.trial_end"),
        collection_paused=_collection_paused(found),
        billing_mode=read.maybe_text(read.dig(found, "billing_mode.type", "subscription"), "subscription.billing_mode"),
        latest_invoice=read.reference(found.get("latest_invoice"), "subscription.latest_invoice"),
        cancels_with_period=found.get("cancel_at_period_end") is True,
        has_more=listed.get("has_more") is True,
    )


def customer(document: object) -> Customer:
    """A Stripe customer. Of one that was deleted the API tells its id alone."""
    found = read.of_kind(document, "customer")
    email, currency = found.get("email"), found.get("currency")
    return Customer(
        id=read.text(found.get("id"), "customer.id"),
        deleted=found.get("deleted") is True,
        email=email if isinstance(email, str) and email.isprintable() and 0 < len(email) <= _LONGEST_EMAIL else None,
        currency=None if currency is None else read.currency(currency, "customer.currency"),
        livemode=found.get("livemode") is True,
        metadata=read.metadata(found.get("metadata"), "customer.metadata"),
    )


def price(document: object) -> Price:
    """A price."""
    found = read.mapping(document, "price")
    recurring = read.maybe_mapping(found.get("recurring"), "price.recurring")
    every = None
    if recurring:
        count = read.maybe_whole(recurring.get("interval_count"), "price.recurring.interval_count")
        every = (read.text(recurring.get("interval"), "price.recurring.interval"), count or 1)
    by_the_dozen = every is not None and found.get("transform_quantity") is not None
    cents = read.maybe_whole(found.get("unit_amount"), "price.unit_amount")
    return Price(
        id=read.text(found.get("id"), "price.id"),
        lookup_key=read.maybe_text(found.get("lookup_key"), "price.lookup_key"),
        active=read.flag(found.get("active"), "price.active"),
        currency=read.currency(found.get("currency"), "price.currency"),
        cents=None if by_the_dozen else cents,
        every=every,
    )


def _item(document: object, of_all: Mapping[str, Any], where: str) -> SubscribedItem:
    """Its period stands on the item since basil, on the subscription before."""
    found = read.mapping(document, where)
    value, at = read.either(found, _PRICE, where)
    lookup_key = read.maybe_text(value.get("lookup_key"), f"{at}.lookup_key") if isinstance(value, dict) else None
    quantity = read.quantity(found, where)
    start, end = (
        of_all.get(name) if found.get(name) is None else found.get(name)
        for name in ("current_period_start", "current_period_end")
    )
    return SubscribedItem(
        id=read.text(found.get("id"), f"{where}.id"),
        price=read.reference(value, at),
        lookup_key=lookup_key,
        quantity=1 if quantity is None else quantity,
        period_end=read.maybe_time(end, f"{where}.current_period_end"),
        period_start=read.maybe_time(start, f"{where}.current_period_start"),
        **_figures(value),
    )


def _figures(price: object) -> dict[str, Any]:
    """What a price costs and how often, as far as it says so. What so many cost together depends on how many there are
    (`transform_quantity`).
    """
    if not isinstance(price, dict):
        return {}
    told = price.get("recurring")
    recurring = told if isinstance(told, dict) else price  # a plan of before has it itself
    every, count, currency = recurring.get("interval"), recurring.get("interval_count"), price.get("currency")
    cents = price.get("unit_amount") if price.get("unit_amount") is not None else price.get("amount")
    if price.get("transform_quantity") is not None or price.get("transform_usage") is not None:
        cents = None
    return {
        "cents": cents if isinstance(cents, int) else None,
        "currency": currency if isinstance(currency, str) else None,
        "every": (every, count if isinstance(count, int) else 1) if isinstance(every, str) else None,
    }


def _cancels(found: Mapping[str, Any], cancel_at: datetime | None, items: tuple[SubscribedItem, ...]) -> bool:
    """Does it end with its period? The API sets both fields, the Customer Portal was seen to set `cancel_at` alone."""
    said = found.get("cancel_at_period_end")
    if said is not None and read.flag(said, "subscription.cancel_at_period_end"):
        return True
    ends = [item.period_end for item in items if item.period_end is not None]
    return cancel_at is not None and bool(ends) and cancel_at <= max(ends)


def _collection_paused(found: Mapping[str, Any]) -> str | None:
    paused = read.maybe_mapping(found.get("pause_collection"), "subscription.pause_collection")
    if not paused:
        return None
    return read.maybe_text(paused.get("behavior"), "subscription.pause_collection.behavior") or "unknown"


def _paid_at(intent: Mapping[str, Any]) -> datetime | None:
    """When the money of a payment intent was taken: its latest charge's time, where that was expanded."""
    charge = intent.get("latest_charge")
    if intent.get("status") != "succeeded" or not isinstance(charge, dict):
        return None
    return read.maybe_time(charge.get("created"), "charge.created")
