"""The table of what customers ask of their subscriptions."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy import CheckConstraint, Column, ForeignKeyConstraint, Index, Table, Text

from billing.base.db import metadata
from billing.base.types import Json, UTCDateTime, Whole

_OPEN = sa.text("status = 'open'")

subscription_changes = Table(
    "billing_subscription_changes",
    metadata,
    Column("id", Text, primary_key=True),
    Column("customer_id", Text, nullable=False),
    Column("subscription_id", Text, nullable=False),
    Column("number", Whole, nullable=False),  # of this subscription, in the order they were asked for
    Column("act", Text, nullable=False),
    Column("was", Json, nullable=False),  # plan, price, its figures and how many: what was in force
    Column("will", Json, nullable=False),  # the same of what shall be; empty where the plan stays
    Column("takes_effect_at", UTCDateTime),  # with the next period; NULL: at once
    Column("status", Text, nullable=False),
    Column("reason", Text),
    Column("seen_at", UTCDateTime),  # how new what we knew of the subscription was
    Column("key", Text, nullable=False),
    Column("request", Text, nullable=False),
    Column("created_at", UTCDateTime, nullable=False),
    Column("ended_at", UTCDateTime),
    ForeignKeyConstraint(["customer_id"], ["billing_customers.id"]),
    sa.UniqueConstraint("customer_id", "key"),
    sa.UniqueConstraint("subscription_id", "number"),
    CheckConstraint("act IN ('change', 'cancel', 'resume')", name="act"),
    CheckConstraint("status IN ('open', 'done', 'failed')", name="status"),
    Index("billing_subscription_changes_one_open_idx", "subscription_id", unique=True,
          postgresql_where=_OPEN, sqlite_where=_OPEN),
)  # fmt: skip
"""What was asked of subscriptions here: another plan, another number, an end, or that all of that is undone. One is
open at a time; what became of it at Stripe `billing_subscriptions` says.
"""
