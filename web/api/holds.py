"""Holds: credits set aside for work whose cost is known afterwards."""

from __future__ import annotations

from typing import Any

import marshmallow as ma

from billing.rules.wallet.values import LARGEST_CREDITS
from web.api.fields import Metadata, Slices, Text, Time, Whole, credits_field
from web.api.resource import Resource, replayed
from web.api.spends import ReceiptAnswer
from web.state import engine

holds = Resource("holds", "/v1/customers/<name:customer>/holds", "Credits set aside, then used or given back.")

LONGEST_SECONDS = 31 * 86_400


class HoldAnswer(ma.Schema):
    """A hold, valid until `expires_at` (exclusive). `available` is the wallet's right after it was placed or ended."""

    id = ma.fields.String(required=True)
    customer = ma.fields.String(required=True)
    unit = ma.fields.String(required=True)
    credits = ma.fields.Integer(required=True)
    expires_at = Time(required=True)
    slices = Slices(required=True)
    overdraft_credits = ma.fields.Integer(required=True)
    available = ma.fields.Integer(required=True)
    status = ma.fields.String(required=True, validate=ma.validate.OneOf(["open", "captured", "released", "lapsed"]))


class HoldBody(ma.Schema):
    """Credits to set aside."""

    credits = credits_field(required=True)
    unit = Text(load_default="credits")
    feature = Text(allow_none=True)
    expires_in = Whole(
        load_default=900, validate=ma.validate.Range(1, LONGEST_SECONDS), metadata={"description": "Seconds."}
    )
    metadata = Metadata(allow_none=True)


class CaptureBody(ma.Schema):
    """How much was used: the whole hold by default; less frees the rest, more spends the rest."""

    credits = Whole(validate=ma.validate.Range(1, LARGEST_CREDITS), allow_none=True)


class ReleaseBody(ma.Schema):
    """Nothing to say."""


@holds.operation(
    "POST", "", scope="spend", body=HoldBody, answer=HoldAnswer, status=201, key="required",
    refusals=("insufficient_credits", "wallet_frozen", "unknown_customer", "unknown_unit"),
)  # fmt: skip
def place_hold(customer: str, body: dict[str, Any], key: str) -> Any:
    """Set credits aside."""
    hold = engine().hold(customer, key=key, **body)
    return hold, 201, replayed(hold)


@holds.operation(
    "POST", "/<name:hold>/capture", scope="spend", body=CaptureBody, answer=ReceiptAnswer, key="optional",
    refusals=("insufficient_credits", "wallet_frozen", "unknown_customer", "unknown_hold", "hold_ended"),
)  # fmt: skip
def capture_hold(customer: str, hold: str, body: dict[str, Any], key: str | None) -> Any:  # noqa: ARG001 - by the hold
    """Use a hold. Idempotent by the hold: the same amount again gives the same receipt."""
    receipt = engine().capture(customer, hold, body.get("credits"))
    return receipt, 200, replayed(receipt)


@holds.operation(
    "POST", "/<name:hold>/release", scope="spend", body=ReleaseBody, answer=HoldAnswer, key="optional",
    refusals=("unknown_customer", "unknown_hold", "hold_ended"),
)  # fmt: skip
def release_hold(customer: str, hold: str, body: dict[str, Any], key: str | None) -> Any:  # noqa: ARG001 - by the hold
    """Give a hold back. Idempotent by the hold."""
    released = engine().release(customer, hold)
    return released, 200, replayed(released)
