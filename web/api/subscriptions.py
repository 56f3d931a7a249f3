"""Subscriptions: plans, bought through Stripe's Checkout, changed and ended here."""

from __future__ import annotations

from typing import Any

import marshmallow as ma

from billing.rules import asking
from billing.sales.asking.wanted_changes import MOST_SEATS
from web.api.addresses import ReturnAddress
from web.api.fields import Flag, Text, Time, Whole
from web.api.resource import Resource, replayed
from web.links import checkout_page, fresh_link, signed
from web.state import engine, turn_to_ask

subscriptions = Resource("subscriptions", "/v1/customers/<name:customer>", "Plans: bought, changed, ended.")


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
    """What the customer subscribes to. `status` is Stripe's, or `none`; `cancel_at` says when it ends, or ended. Where
    a change waits for the next period, `changes_to` is the plan and `changes_quantity` the number from `changes_at` on.
    """

    id = ma.fields.String(required=True, allow_none=True)
    customer = ma.fields.String(required=True)
    plan = ma.fields.String(required=True, allow_none=True)
    status = ma.fields.String(required=True)
    current_period_end = Time(required=True, allow_none=True)
    cancel_at = Time(required=True, allow_none=True)
    quantity = ma.fields.Integer(required=True)
    changes_to = ma.fields.String(required=True, allow_none=True)
    changes_quantity = ma.fields.Integer(required=True, allow_none=True)
    changes_at = Time(required=True, allow_none=True)


WHICH = {"description": "Which, where the customer has several; Stripe's id of it."}
SEATS = ma.validate.Range(min=1, max=MOST_SEATS)


class ChangeBody(ma.Schema):
    """What is to change; what is not said stays."""

    plan = Text(allow_none=True)
    price = Text(allow_none=True, metadata={"description": "One of the plan's `prices`; by default as often as now."})
    quantity = Whole(allow_none=True, validate=SEATS, metadata={"description": "How many seats."})
    now = Flag(metadata={"description": "At once, though it gives money back, which stays at Stripe."})
    subscription = Text(allow_none=True, metadata=WHICH)


class ChangeQuery(ma.Schema):
    """The same of a change that is only looked at."""

    plan = Text()
    price = Text()
    quantity = ma.fields.Integer(validate=SEATS)
    now = ma.fields.Boolean(truthy={"true"}, falsy={"false"})
    subscription = Text(metadata=WHICH)


class CancelBody(ma.Schema):
    """When it is to end."""

    now = Flag(metadata={"description": "At once; by default with its period. Nothing is given back by it."})
    subscription = Text(allow_none=True, metadata=WHICH)


class ResumeBody(ma.Schema):
    """Of which subscription what is scheduled is to be undone."""

    subscription = Text(allow_none=True, metadata=WHICH)


class SubscriptionChangeAnswer(ma.Schema):
    """What was asked of a subscription. `plan`, `price` (Stripe's id) and `quantity` are what it has from
    `takes_effect_at` on, null: from now on.
    """

    id = ma.fields.String(required=True)
    customer = ma.fields.String(required=True)
    subscription = ma.fields.String(required=True)
    act = ma.fields.String(required=True, validate=ma.validate.OneOf(["change", "cancel", "resume"]))
    plan = ma.fields.String(required=True, allow_none=True)
    price = ma.fields.String(required=True)
    quantity = ma.fields.Integer(required=True)
    takes_effect_at = Time(required=True, allow_none=True)
    status = ma.fields.String(required=True, validate=ma.validate.OneOf(["open", "done", "failed"]))
    reason = ma.fields.String(required=True, allow_none=True)
    created_at = Time(required=True)


class ChangePreviewAnswer(ma.Schema):
    """What a change would come to. `due_cents`: charged now, with tax; below 0: what stays at Stripe. `credits`: what
    comes now, below 0 what goes, null where that can't be said. At `next_at` it renews, before discounts and tax.
    """

    subscription = ma.fields.String(required=True)
    plan = ma.fields.String(required=True, allow_none=True)
    price = ma.fields.String(required=True)
    quantity = ma.fields.Integer(required=True)
    unit = ma.fields.String(required=True)
    takes_effect_at = Time(required=True, allow_none=True)
    currency = ma.fields.String(required=True, allow_none=True)
    due_cents = ma.fields.Integer(required=True)
    credits = ma.fields.Integer(required=True, allow_none=True)
    next_at = Time(required=True, allow_none=True)
    next_cents = ma.fields.Integer(required=True, allow_none=True)
    next_credits = ma.fields.Integer(required=True)


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
    nothing = dict.fromkeys(SubscriptionAnswer().fields) | {"status": "none", "quantity": 0}
    return found if found is not None else {**nothing, "customer": customer}


_ALL = ("unknown_customer", "no_subscription", "subscription_ended", "stripe_refused", "stripe_not_configured",
        "stripe_unavailable")  # fmt: skip
_CHANGE = (*_ALL, "unknown_plan", "subscription_past_due", "subscription_paused", "subscription_cancels",
           "change_scheduled", "change_needs_now")  # fmt: skip


@subscriptions.operation("PATCH", "/subscription", scope="topup", body=ChangeBody, answer=SubscriptionChangeAnswer,
                         key="required", refusals=_CHANGE)  # fmt: skip
def change_subscription(customer: str, body: dict[str, Any], key: str) -> Any:
    """Another plan, price or number of seats. What costs more comes at once and is charged now; what costs less comes
    with the next period, and so does a plan whose upgrades wait.
    """
    with turn_to_ask():
        done = engine().change_plan(customer, **body, key=key)
    return done, 200, replayed(done)


@subscriptions.operation("POST", "/subscription/cancel", scope="topup", body=CancelBody,
                         answer=SubscriptionChangeAnswer, key="required", refusals=_ALL)  # fmt: skip
def cancel_subscription(customer: str, body: dict[str, Any], key: str) -> Any:
    """The subscription ends with its period, or `now`. What it brought stays until its own end."""
    with turn_to_ask():
        done = engine().cancel(customer, **body, key=key)
    return done, 200, replayed(done)


@subscriptions.operation("POST", "/subscription/resume", scope="topup", body=ResumeBody,
                         answer=SubscriptionChangeAnswer, key="required",
                         refusals=(*_ALL, "nothing_scheduled"))  # fmt: skip
def resume_subscription(customer: str, body: dict[str, Any], key: str) -> Any:
    """Undoes what is scheduled: the end of the subscription, and a change that waits for the next period."""
    with turn_to_ask():
        done = engine().resume(customer, **body, key=key)
    return done, 200, replayed(done)


@subscriptions.operation("GET", "/subscription-preview", scope="read", query=ChangeQuery, answer=ChangePreviewAnswer,
                         refusals=_CHANGE)  # fmt: skip
def preview_subscription(customer: str, query: dict[str, Any]) -> Any:
    """What a change would cost now, what it would bring, and when."""
    with turn_to_ask():
        return engine().preview_change(customer, **query)
