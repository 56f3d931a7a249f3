"""The table of what Stripe told us."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy import Boolean, CheckConstraint, Column, Index, Integer, Table, Text

from billing.base.db import metadata
from billing.base.types import UTCDateTime

stripe_events = Table(
    "billing_stripe_events",
    metadata,
    Column("id", Text, primary_key=True),
    Column("type", Text, nullable=False),
    Column("object_id", Text),
    Column("stripe_customer", Text),  # whose it is by Stripe: what waits for a link is tried again when it is made
    Column("reference", Text, index=True),  # the customer of ours that it names itself
    Column("api_version", Text),
    Column("livemode", Boolean, nullable=False),
    Column("payload", Text, nullable=False),  # the verified body, as it came
    Column("created_at", UTCDateTime, nullable=False),  # by Stripe
    Column("received_at", UTCDateTime, nullable=False),
    Column("status", Text, nullable=False),
    Column("reason", Text),  # why it waits, failed or was passed over, in words for people
    Column("attempts", Integer, nullable=False),
    Column("next_attempt_at", UTCDateTime),
    Column("handled_at", UTCDateTime),
    CheckConstraint("status IN ('received', 'done', 'ignored', 'waiting', 'failed')", name="status"),
    Index("billing_stripe_events_open_idx", "next_attempt_at",
          postgresql_where=sa.text("status IN ('received', 'waiting', 'failed')"),
          sqlite_where=sa.text("status IN ('received', 'waiting', 'failed')")),
    Index("billing_stripe_events_customer_idx", "stripe_customer",
          postgresql_where=sa.text("status IN ('received', 'waiting', 'failed')"),
          sqlite_where=sa.text("status IN ('received', 'waiting', 'failed')")),
    Index("billing_stripe_events_received_at_idx", "received_at", "id"),
    Index("billing_stripe_events_object_id_idx", "object_id"),
)  # fmt: skip

stripe_sync = Table(
    "billing_stripe_sync",
    metadata,
    Column("name", Text, primary_key=True),  # which part of what Stripe has is looked through
    Column("since", UTCDateTime, nullable=False),  # all from before was looked at
    Column("until", UTCDateTime),  # how far the round that is under way looks
    Column("after", Text),  # where that round stands
    Column("finished_at", UTCDateTime),
)
"""How far Stripe was looked through for what never arrived."""
