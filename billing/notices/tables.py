"""Tables of the notices: what is to be sent to whom, whom programs named, who does not want what."""

from __future__ import annotations

from sqlalchemy import (
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from billing.base.db import metadata
from billing.base.types import Json, UTCDateTime

notices = Table(
    "billing_notices",
    metadata,
    Column("id", Text, primary_key=True),  # ntc_…
    Column("event_id", Text, nullable=False),  # stays the same however often it is sent
    Column("channel", Text, nullable=False),
    Column("target", Text, nullable=False),  # the customer, the endpoint, the digest of one of staff's addresses
    Column("lane", Text, nullable=False),  # what is slow or down together: the mail server, an endpoint
    Column("customer_id", Text, index=True),
    Column("kind", Text),  # of letter
    Column("cause", Text),  # what a customer gets one letter for
    Column("status", Text, nullable=False),
    Column("reason", Text),  # what went wrong last, or why it is not sent
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("created_at", UTCDateTime, nullable=False, index=True),
    Column("next_attempt_at", UTCDateTime),  # while it is leased: when the lease is over
    Column("lease", Text),  # of the process that is sending it
    Column("ended_at", UTCDateTime),
    ForeignKeyConstraint(["event_id"], ["billing_outbox.id"], ondelete="CASCADE"),
    UniqueConstraint("event_id", "channel", "target"),
    UniqueConstraint("target", "cause"),
    CheckConstraint("channel IN ('mail', 'webhook', 'staff')", name="channel"),
    CheckConstraint("status IN ('waiting', 'sent', 'dropped', 'given_up')", name="status"),
    Index("billing_notices_waiting_idx", "lane", "next_attempt_at", postgresql_where=text("status = 'waiting'"),
          sqlite_where=text("status = 'waiting'")),
    Index("billing_notices_given_up_idx", "id", postgresql_where=text("status = 'given_up'"),
          sqlite_where=text("status = 'given_up'")),
)  # fmt: skip
"""One event for one receiver by one channel."""

lanes = Table(
    "billing_notice_lanes",
    metadata,
    Column("lane", Text, primary_key=True),
    Column("failures", Integer, nullable=False),  # in a row, whatever was sent
    Column("failing_since", UTCDateTime),
    Column("rest_until", UTCDateTime),  # nothing is tried before
    Column("reason", Text),
)
"""How receivers are doing: one that does not answer is left alone for a while. No row: nothing has ever failed."""

endpoints = Table(
    "billing_webhook_endpoints",
    metadata,
    Column("id", Text, primary_key=True),  # whe_…
    Column("url", Text, nullable=False),
    Column("events", Json, nullable=False),  # names, or ["*"]
    Column("description", Text),
    Column("secret", Text, nullable=False),
    Column("old_secret", Text),
    Column("old_secret_until", UTCDateTime),
    Column("created_at", UTCDateTime, nullable=False),
    Column("disabled_at", UTCDateTime),
    Column("disabled_reason", Text),
)
"""Where programs want to be told. Secrets stand here as they are: what signs has to be known."""

unsubscribed = Table(
    "billing_unsubscribed",
    metadata,
    Column("customer_id", Text, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("since", UTCDateTime, nullable=False),
    ForeignKeyConstraint(["customer_id"], ["billing_customers.id"], ondelete="CASCADE"),
)
"""Which letters a customer does not want."""
