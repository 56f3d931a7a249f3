"""Grants and buckets: lots of credits, made, looked at, ended and extended."""

from __future__ import annotations

from typing import Any

import marshmallow as ma

from billing.rules import asking
from billing.rules.wallet.values import LARGEST_CENTS
from web.api.fields import Metadata, Text, Time, Whole, credits_field
from web.api.paging import PageQuery, page, page_of
from web.api.resource import Resource, replayed
from web.state import engine

buckets = Resource("buckets", "/v1/customers/<name:customer>", "Lots of credits, each with its own origin and end.")

STATUSES = ("upcoming", "live", "used", "expired", "voided")


class BucketAnswer(ma.Schema):
    """One lot of credits, valid in [effective_at, expires_at). `held` is the part of `remaining` that is set aside."""

    id = ma.fields.String(required=True)
    customer = ma.fields.String(required=True)
    origin = ma.fields.String(required=True)
    description = ma.fields.String(required=True, allow_none=True)
    unit = ma.fields.String(required=True)
    granted = ma.fields.Integer(required=True)
    remaining = ma.fields.Integer(required=True)
    held = ma.fields.Integer(required=True)
    priority = ma.fields.Integer(required=True)
    features = ma.fields.List(ma.fields.String(), required=True)
    effective_at = Time(required=True)
    expires_at = Time(required=True, allow_none=True)
    paid_cents = ma.fields.Integer(required=True)
    currency = ma.fields.String(required=True, allow_none=True)
    metadata = ma.fields.Dict(required=True, allow_none=True)
    status = ma.fields.String(required=True, validate=ma.validate.OneOf(STATUSES))


class GrantBody(ma.Schema):
    """Credits to give, and their terms."""

    credits = credits_field(required=True)
    reason = Text(required=True, metadata={"description": "What the customer reads as the name of these credits."})
    unit = Text(load_default="credits")
    effective_at = Time(metadata={"description": "From when on they can be spent; now by default."})
    expires_at = Time(allow_none=True, metadata={"description": "Until when, exclusive; never by default."})
    priority = Whole(
        load_default=50,
        validate=ma.validate.Range(0, 1_000_000),
        metadata={"description": "Small ones are used first."},
    )
    features = ma.fields.List(
        Text(), load_default=[], validate=ma.validate.Length(max=100), metadata={"uniqueItems": True}
    )
    paid_cents = Whole(
        load_default=0,
        validate=ma.validate.Range(0, LARGEST_CENTS),
        metadata={"description": "Paid for them elsewhere."},
    )
    currency = Text(rule=asking.currency, shortest=3, longest=3, allow_none=True, metadata={"pattern": "^[a-z]{3}$"})
    metadata = Metadata(allow_none=True)


class VoidBody(ma.Schema):
    """Why the bucket ends."""

    reason = Text(required=True)


class ExtendBody(ma.Schema):
    """The later end."""

    expires_at = Time(required=True)


class BucketQuery(PageQuery):
    """Which buckets."""

    status = ma.fields.String(validate=ma.validate.OneOf(STATUSES))
    unit = Text()


Buckets = page_of(BucketAnswer, "Buckets")


@buckets.operation(
    "POST", "/grants", scope="grant", body=GrantBody, answer=BucketAnswer, status=201, key="required",
    refusals=("unknown_customer", "unknown_unit"),
)  # fmt: skip
def grant(customer: str, body: dict[str, Any], key: str) -> Any:
    """Grant credits: make a bucket."""
    made = engine().grant(customer, key=key, **body)
    return made, 201, replayed(made)


@buckets.operation(
    "GET", "/grants", scope="read", query=BucketQuery, answer=Buckets, refusals=("unknown_customer", "unknown_unit")
)  # fmt: skip
def list_grants(customer: str, query: dict[str, Any]) -> Any:
    """All that was ever granted, newest first in each unit: the customer's buckets."""
    return list_buckets(customer, query)


@buckets.operation(
    "GET", "/buckets", scope="read", query=BucketQuery, answer=Buckets, refusals=("unknown_customer", "unknown_unit")
)  # fmt: skip
def list_buckets(customer: str, query: dict[str, Any]) -> Any:
    """Buckets, newest first in each unit. Those that can be spent stand in the wallet, in burn-down order."""
    status, unit = query.get("status"), query.get("unit")
    return page(
        query,
        lambda after, limit: engine().buckets(customer, unit=unit, status=status, after=after, limit=limit),
        lambda item: item.id,
        str,
    )


@buckets.operation(
    "POST", "/buckets/<name:bucket>/void", scope="grant", body=VoidBody, answer=BucketAnswer, key="required",
    refusals=("unknown_customer", "unknown_bucket", "bucket_ended"),
)  # fmt: skip
def void(customer: str, bucket: str, body: dict[str, Any], key: str) -> Any:
    """End a bucket now and take back what is left in it. What holds set aside stays until they end."""
    ended = engine().void(customer, bucket, key=key, **body)
    return ended, 200, replayed(ended)


@buckets.operation(
    "POST", "/buckets/<name:bucket>/extend", scope="grant", body=ExtendBody, answer=BucketAnswer, key="required",
    refusals=("unknown_customer", "unknown_bucket", "bucket_ended"),
)  # fmt: skip
def extend(customer: str, bucket: str, body: dict[str, Any], key: str) -> Any:
    """Move a bucket's end to a later instant."""
    extended = engine().extend(customer, bucket, body["expires_at"], key=key)
    return extended, 200, replayed(extended)
