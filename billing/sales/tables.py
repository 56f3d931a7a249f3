"""The tables of what is bought."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy import CheckConstraint, Column, ForeignKeyConstraint, Table, Text

from billing.base.db import metadata
from billing.base.types import UTCDateTime, Whole

stripe_customers = Table(
    "billing_stripe_customers",
    metadata,
    Column("stripe_id", Text, primary_key=True),
    Column("customer_id", Text, nullable=False, index=True),
    Column("linked_at", UTCDateTime, nullable=False),
    ForeignKeyConstraint(["customer_id"], ["billing_customers.id"]),
)
"""Which Stripe customer is which of ours. One of ours may have had several."""

sales = Table(
    "billing_sales",
    metadata,
    Column("wallet_id", Whole, primary_key=True, autoincrement=False),
    Column("origin", Text, primary_key=True),
    Column("customer_id", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("product", Text, nullable=False),  # the plan's or the pack's id in the catalog
    Column("bucket", Whole, nullable=False),
    Column("invoice_id", Text, index=True),
    Column("session_id", Text, index=True),
    Column("subscription_id", Text),
    Column("item_id", Text, index=True),
    Column("price", Text),
    Column("quantity", Whole, nullable=False),
    Column("period_start", UTCDateTime),
    Column("period_end", UTCDateTime),
    Column("credits", Whole, nullable=False),
    Column("cents", Whole, nullable=False),
    Column("currency", Text),
    Column("paid_at", UTCDateTime, nullable=False),
    Column("recorded_at", UTCDateTime, nullable=False),
    ForeignKeyConstraint(["wallet_id", "bucket"], ["billing_buckets.wallet_id", "billing_buckets.number"]),
    sa.UniqueConstraint("wallet_id", "bucket"),
    CheckConstraint("kind IN ('allocation', 'pack')", name="kind"),
    info={"append_only": True},
)
"""What one invoice's lines for one item and period, or one purchase of a pack, brought."""

claims = Table(
    "billing_claims",
    metadata,
    Column("stripe_id", Text, primary_key=True),
    Column("wallet_id", Whole, nullable=False),
    Column("origin", Text, nullable=False),
    Column("cents", Whole, nullable=False),
    Column("claimed_at", UTCDateTime, nullable=False),
    ForeignKeyConstraint(["wallet_id", "origin"], ["billing_sales.wallet_id", "billing_sales.origin"]),
    info={"append_only": True},
)
"""One row per Stripe object (invoice line, session) that caused something, so that it causes it once.

`cents` is the credit part the object brought, which may be negative: a line that was netted.
"""
