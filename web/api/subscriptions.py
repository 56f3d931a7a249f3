"""Subscriptions: plans, bought through Stripe's Checkout."""

from __future__ import annotations

from typing import Any

import marshmallow as ma

from billing.rules import asking
from web.api.addresses import ReturnAddress
from web.api.fields import Text, Time
from web.api.resource import Resource, replayed
from web.links import checkout_page, fresh_link, signed
from web.state import engine, turn_to_ask

subscriptions = Resource("subscriptions", "/v1/customers/<name:customer>", "Plans, bought through Stripe's Checkout.")


class SubscriptionBody(ma.Schema):
    """A plan to subscribe to."""

    plan = Text(required=True)
    price = Text(allow_none=True, metadata={"description": "One of the plan's `prices`; by default the first."})
    currency = Text(rule=asking.currency, shortest=3, longest=3, allow_none=True)
    success_url = ReturnAddress(
        "Where the buyer comes back to, having paid; `{checkout}` in it becomes the checkout's id. "
        "By default the customer's own page."
    )
    cancel_url = ReturnAddress("The same, not having paid.")


class CheckoutAnswer(ma.Schema):
    """A checkout of a plan. `checkout_url` is where it is paid, while it can be."""

    id = ma.fields.String(required=True)
    customer = ma.fields.String(required=True)
    plan = ma.fields.String(required=True)
    price = ma.fields.String(required=True, metadata={"description": "Stripe's id of it."})
    status = ma.fields.String(required=True, validate=ma.validate.OneOf(["open", "complete", "failed", "expired"]))
    checkout_url = ma.fields.String(required=True, allow_none=True, attribute="url")
    reason = ma.fields.String(required=True, allow_none=True)
    created_at = Time(required=True)
    expires_at = Time(required=True, allow_none=True)


class SubscriptionAnswer(ma.Schema):
    """What the customer subscribes to. `status` is Stripe's, or `none`; `cancel_at` says when it ends, or ended."""

    id = ma.fields.String(required=True, allow_none=True)
    customer = ma.fields.String(required=True)
    plan = ma.fields.String(required=True, allow_none=True)
    status = ma.fields.String(required=True)
    current_period_end = Time(required=True, allow_none=True)
    cancel_at = Time(required=True, allow_none=True)


@subscriptions.operation(
    "POST", "/subscriptions", scope="topup", body=SubscriptionBody, answer=CheckoutAnswer, status=201, key="required",
    refusals=("unknown_customer", "unknown_plan", "subscription_exists", "stripe_refused", "stripe_not_configured",
              "stripe_unavailable"),
)  # fmt: skip
def open_subscription(customer: str, body: dict[str, Any], key: str) -> Any:
    """Subscribe to a plan: answers with where it is paid. An earlier checkout that was not paid is closed by it."""
    with turn_to_ask():
        home = checkout_page(signed(fresh_link(customer, "plans")))
        opened = engine().subscribe(customer, **body, key=key, home=home)
    return opened, 201, replayed(opened)


@subscriptions.operation(
    "GET", "/subscription", scope="read", answer=SubscriptionAnswer, refusals=("unknown_customer",)
)
def get_subscription(customer: str) -> Any:
    """What the customer subscribes to, or did last."""
    found = engine().subscription(customer)
    nothing = {"id": None, "plan": None, "status": "none", "current_period_end": None, "cancel_at": None}
    return found if found is not None else {**nothing, "customer": customer}
