"""Automatic top-ups: how they stand, what they would have charged, and the way out of a pause. They are set with the
wallet.
"""

from __future__ import annotations

from typing import Any

import marshmallow as ma

from billing.rules import asking
from billing.rules.sale.auto_topup import MOST_A_MONTH
from billing.rules.wallet.values import LARGEST_CENTS, LARGEST_CREDITS
from web.api.fields import Text, Time, Whole
from web.api.resource import Resource
from web.state import engine, turn_to_ask

auto_topups = Resource(
    "automatic top-ups", "/v1/customers/<name:customer>", "Credits that are bought by themselves, within hard caps."
)

STATUSES = ("off", "on", "pending", "held_back", "paused", "frozen")


class UnitQuery(ma.Schema):
    """Which wallet."""

    unit = Text(load_default="credits")


class AutoTopupBody(ma.Schema):
    """When to buy, and what: a pack, or any number of credits up to a target. Both caps are needed."""

    threshold = Whole(
        required=True, validate=ma.validate.Range(min=0, max=LARGEST_CREDITS),
        metadata={"description": "Bought when so many credits, or fewer, are available."},
    )  # fmt: skip
    pack = Text(allow_none=True, metadata={"description": "The pack that is bought; it needs `prices` of ours."})
    target = Whole(
        allow_none=True, validate=ma.validate.Range(min=1, max=LARGEST_CREDITS),
        metadata={"description": "In place of a pack: buy up to so many, in the steps of `GET /v1/topups`."},
    )  # fmt: skip
    max_cents_per_month = Whole(required=True, validate=ma.validate.Range(min=1, max=LARGEST_CENTS))
    max_count_per_month = Whole(required=True, validate=ma.validate.Range(min=1, max=MOST_A_MONTH))
    currency = Text(
        rule=asking.currency, shortest=3, longest=3, allow_none=True,
        metadata={"description": "By default the customer's usual one, as it is when this is set."},
    )  # fmt: skip


class AutoTopupAnswer(ma.Schema):
    """What is set (`threshold` and so on are null where nothing is) and how it stands. `pending`: the top-up that is
    under way; while there is one, no other is begun. `reason` and `message` say why it is `held_back` (until
    `next_attempt_at`) or `paused` (until it is resumed). What counts against the caps is of the running month of UTC.
    """

    threshold = ma.fields.Integer(required=True, allow_none=True)
    pack = ma.fields.String(required=True, allow_none=True)
    target = ma.fields.Integer(required=True, allow_none=True)
    max_cents_per_month = ma.fields.Integer(required=True, allow_none=True)
    max_count_per_month = ma.fields.Integer(required=True, allow_none=True)
    currency = ma.fields.String(required=True, allow_none=True)
    status = ma.fields.String(required=True, validate=ma.validate.OneOf(STATUSES))
    reason = ma.fields.String(required=True, allow_none=True)
    message = ma.fields.String(required=True, allow_none=True)
    failures = ma.fields.Integer(required=True, metadata={"description": "Declines in a row."})
    next_attempt_at = Time(required=True, allow_none=True)
    pending = ma.fields.String(required=True, allow_none=True)
    count_this_month = ma.fields.Integer(required=True)
    cents_this_month = ma.fields.Integer(required=True)
    agreed_at = Time(required=True, allow_none=True)


class ChargeAnswer(ma.Schema):
    """One purchase that would have been made."""

    at = Time(required=True)
    available = ma.fields.Integer(required=True)
    credits = ma.fields.Integer(required=True)
    cents = ma.fields.Integer(required=True)


class HeldAnswer(ma.Schema):
    """The first time in a month that a cap would have stood in the way."""

    at = Time(required=True)
    reason = ma.fields.String(required=True, validate=ma.validate.OneOf(["cap", "count"]))


class AutoTopupPreviewAnswer(ma.Schema):
    """What it would have charged, by what was used in that time. Whether a card would have paid nobody knows."""

    since = Time(required=True)
    until = Time(required=True)
    currency = ma.fields.String(required=True)
    cents = ma.fields.Integer(required=True, metadata={"description": "All of it together."})
    charges = ma.fields.List(ma.fields.Nested(ChargeAnswer), required=True)
    held_back = ma.fields.List(ma.fields.Nested(HeldAnswer), required=True)


@auto_topups.operation(
    "POST", "/auto-topup-preview", scope="read", query=UnitQuery, body=AutoTopupBody, answer=AutoTopupPreviewAnswer,
    refusals=("unknown_customer", "unknown_unit"),
)  # fmt: skip
def preview_auto_topup(customer: str, query: dict[str, Any], body: dict[str, Any]) -> Any:
    """What such a setting would have charged in the last 30 days. Nothing is set."""
    found = engine().preview_auto_topup(customer, given(body), query["unit"])
    held = [{"at": at, "reason": reason} for at, reason in found.held_back]
    names = ("since", "until", "currency", "cents", "charges")
    return {name: getattr(found, name) for name in names} | {"held_back": held}


@auto_topups.operation(
    "POST", "/auto-topup-resume", scope="admin", query=UnitQuery, answer=AutoTopupAnswer,
    refusals=("unknown_customer", "unknown_unit", "stripe_not_configured", "stripe_unavailable", "stripe_refused"),
)  # fmt: skip
def resume_auto_topup(customer: str, query: dict[str, Any]) -> Any:
    """End a pause, once the customer has seen to their card. The card that was declined last is left alone until its
    time all the same; what was paused because its price has changed goes on at the price of now.
    """
    with turn_to_ask():
        engine().resume_auto_topup(customer, query["unit"])
    return shown(customer, query["unit"])


def given(body: dict[str, Any] | None) -> dict[str, Any] | None:
    """The setting as the engine takes it."""
    return None if body is None else {name: value for name, value in body.items() if value is not None}


def shown(customer: str, unit: str) -> dict[str, Any]:
    """How it stands now."""
    found = engine().auto_topup(customer, unit)
    setting = found.setting or {}
    names = AutoTopupAnswer().fields
    return {name: setting.get(name) if name in AutoTopupBody().fields else getattr(found, name) for name in names}
