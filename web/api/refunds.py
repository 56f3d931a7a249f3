"""Refunds: money given back of a purchase, and the credits it brought."""

from __future__ import annotations

from typing import Any

import marshmallow as ma

from billing.rules.wallet.values import LARGEST_CENTS
from web.api.fields import Text, Time, Whole
from web.api.paging import PageQuery, page, page_of
from web.api.resource import Resource, replayed
from web.state import engine

refunds = Resource("refunds", "/v1/customers/<name:customer>", "Money given back, and the credits it had brought.")

STATUSES = ("open", "pending", "succeeded", "failed")
PURCHASE = "A top-up, an invoice or a Checkout session of the customer, by its id."


class RefundBody(ma.Schema):
    """What is to be given back."""

    purchase = Text(required=True, metadata={"description": PURCHASE})
    cents = Whole(
        allow_none=True,
        validate=ma.validate.Range(min=1, max=LARGEST_CENTS),
        metadata={"description": "By default all that is left of it."},
    )


class RefundAnswer(ma.Schema):
    """A refund. `open`: Stripe has not made it yet; `refund` is Stripe's id of it."""

    id = ma.fields.String(required=True)
    customer = ma.fields.String(required=True)
    purchase = ma.fields.String(required=True)
    cents = ma.fields.Integer(required=True)
    currency = ma.fields.String(required=True)
    status = ma.fields.String(required=True, validate=ma.validate.OneOf(STATUSES))
    reason = ma.fields.String(required=True, allow_none=True)
    refund = ma.fields.String(required=True, allow_none=True)
    created_at = Time(required=True)


class PreviewQuery(ma.Schema):
    """Of which purchase."""

    purchase = Text(required=True, metadata={"description": PURCHASE})


class PreviewAnswer(ma.Schema):
    """What can be given back. `unused_cents`: what a refund of the credits that nobody has used comes to."""

    purchase = ma.fields.String(required=True)
    currency = ma.fields.String(required=True)
    total_cents = ma.fields.Integer(required=True)
    refunded_cents = ma.fields.Integer(required=True)
    pending_cents = ma.fields.Integer(required=True)
    disputed_cents = ma.fields.Integer(required=True)
    refundable_cents = ma.fields.Integer(required=True)
    unused_credits = ma.fields.Integer(required=True)
    unused_cents = ma.fields.Integer(required=True)


@refunds.operation(
    "POST", "/refunds", scope="admin", body=RefundBody, answer=RefundAnswer, status=201, key="required",
    refusals=("unknown_customer", "unknown_purchase", "stripe_refused", "stripe_not_configured", "stripe_unavailable"),
)  # fmt: skip
def give_back(customer: str, body: dict[str, Any], key: str) -> Any:
    """Give money back; the credits go in the same share. After `stripe_unavailable` it goes on by itself."""
    given = engine().refund(customer, body["purchase"], body.get("cents"), key=key)
    return given, 201, replayed(given)


@refunds.operation("GET", "/refunds", scope="read", query=PageQuery, answer=page_of(RefundAnswer, "Refunds"),
                   refusals=("unknown_customer",))  # fmt: skip
def list_refunds(customer: str, query: dict[str, Any]) -> Any:
    """The customer's refunds, newest first, wherever they were asked for."""
    return page(
        query, lambda after, limit: engine().refunds(customer, after=after, limit=limit), lambda item: item.id, str
    )


@refunds.operation("GET", "/refund-preview", scope="read", query=PreviewQuery, answer=PreviewAnswer,
                   refusals=("unknown_customer", "unknown_purchase"))  # fmt: skip
def preview_refund(customer: str, query: dict[str, Any]) -> Any:
    """What of a purchase is unused and would come back."""
    return engine().refund_preview(customer, query["purchase"])
