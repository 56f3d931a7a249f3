"""A customer's objects at Stripe, as the facts that events would have told."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from billing.sales.packs.topup_rows import MARK
from billing.stripe import payloads, reading, returns
from billing.stripe.listing import Lists
from billing.stripe.values import PayloadInvalid

_QUESTIONED = timedelta(days=365)
"""For so long what was paid is refunded, or disputed."""

_TELLING = ("status", "payment_status", "cancel_at", "cancel_at_period_end", "amount_refunded", "quantity")


@dataclass(frozen=True, slots=True)
class Fact:
    """One object as it stands, the type of the event that tells of it, and when that happened."""

    type: str
    happened_at: datetime
    object: dict[str, Any]

    @property
    def id(self) -> str:
        return str(self.object.get("id"))

    @property
    def came_back(self) -> bool:
        """Does it tell of money that goes back? Whatever was paid when, that may turn out now."""
        return self.object.get("object") in ("refund", "dispute", "credit_note")


def of_customer(look: Lists, customer: str, since: datetime, now: datetime) -> Iterator[Fact]:
    """What the Stripe customer subscribed to and paid, made since then, the oldest first of each; and what of it came
    back, which says of itself how it stands `now`.
    """
    for one in reversed(look.of_customer("subscription", customer, None)):  # it may end years after it was made
        ended = one.get("ended_at")
        yield Fact("customer.subscription.deleted" if ended else "customer.subscription.updated",
                   _time(ended) if ended else now, one)  # fmt: skip
    yield from _bought(look, customer, since)
    for one in reversed(look.of_customer("invoice", customer, since)):
        yield Fact("invoice.paid", _paid(one), one)
    for one in reversed(look.of_customer("charge", customer, since - _QUESTIONED)):
        if one.get("amount_refunded"):
            for refund in reversed(look.refunds_of(str(one.get("id")))):
                yield Fact("refund.updated", now, refund)
        if one.get("disputed"):
            for dispute in reversed(look.disputes_of(str(one.get("id")))):
                yield _disputed(dispute, now)
    for one in reversed(look.of_customer("credit_note", customer, since)):
        yield Fact("credit_note.voided" if one.get("status") == "void" else "credit_note.created", now, one)


def _bought(look: Lists, customer: str, since: datetime) -> Iterator[Fact]:
    """What was paid once: through Checkout, and in the customer's absence, for a top-up of ours."""
    for one in reversed(look.of_customer("checkout.session", customer, since)):
        if one.get("payment_status") != "unpaid":
            yield Fact("checkout.session.completed", _time(one.get("created")), one)
    for one in reversed(look.of_customer("payment_intent", customer, since)):
        if one.get("status") == "succeeded" and MARK in (one.get("metadata") or {}):
            yield Fact("payment_intent.succeeded", _time(one.get("created")), one)


def _disputed(dispute: dict[str, Any], now: datetime) -> Fact:
    """No dispute says when it was closed. When one was won the money came back, and that has a time."""
    try:
        back_at = returns.dispute(dispute).back_at
    except PayloadInvalid:  # the handler will say so
        back_at = None
    if dispute.get("status") == "won" and back_at is not None:
        return Fact("charge.dispute.closed", back_at, dispute)
    return Fact("charge.dispute.updated", now, dispute)


def stands(found: dict[str, Any]) -> list[Any]:
    """What of an object changes what is done about it."""
    listed = found.get("items")
    items = listed.get("data") if isinstance(listed, dict) else None
    parts = [(one.get("id"), one.get("quantity"), _price(one)) for one in items or () if isinstance(one, dict)]
    return [found.get("object"), *(found.get(name) for name in _TELLING), parts]


def _price(item: dict[str, Any]) -> Any:
    price = item.get("price")
    return price.get("id") if isinstance(price, dict) else price


def _paid(invoice: dict[str, Any]) -> datetime:
    try:
        found = payloads.invoice(invoice)
    except PayloadInvalid:  # the handler will say so
        return _time(invoice.get("created"))
    return found.paid_at or found.created


def _time(value: Any) -> datetime:
    try:
        return reading.time(value, "created")
    except PayloadInvalid:
        return datetime(1970, 1, 1, tzinfo=UTC)
