"""A customer's objects at Stripe, as the facts that events would have told."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from billing.stripe import payloads, reading
from billing.stripe.listing import Lists
from billing.stripe.values import PayloadInvalid

_CLOSED = ("won", "lost", "warning_closed", "prevented")
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


def of_customer(look: Lists, customer: str, since: datetime) -> Iterator[Fact]:
    """What the Stripe customer subscribed to and paid, made since then, the oldest first of each; and what of it came
    back.
    """
    for one in reversed(look.of_customer("subscription", customer, since)):
        ended = one.get("ended_at")
        yield Fact("customer.subscription.deleted" if ended else "customer.subscription.updated",
                   _time(ended or one.get("created")), one)  # fmt: skip
    for one in reversed(look.of_customer("checkout.session", customer, since)):
        if one.get("payment_status") != "unpaid":
            yield Fact("checkout.session.completed", _time(one.get("created")), one)
    for one in reversed(look.of_customer("invoice", customer, since)):
        yield Fact("invoice.paid", _paid(one), one)
    for one in reversed(look.of_customer("charge", customer, since)):
        if one.get("amount_refunded"):
            for refund in reversed(look.refunds_of(str(one.get("id")))):
                yield Fact("refund.updated", _time(refund.get("created")), refund)
        if one.get("disputed"):
            for dispute in reversed(look.disputes_of(str(one.get("id")))):
                over = dispute.get("status") in _CLOSED
                yield Fact("charge.dispute.closed" if over else "charge.dispute.updated",
                           _time(dispute.get("created")), dispute)  # fmt: skip


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
