"""The table of what stands in the way of wallets that are topped up by themselves."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, ForeignKeyConstraint, Integer, Table, Text

from billing.base.db import metadata
from billing.base.types import UTCDateTime

auto_topups = Table(
    "billing_auto_topups",
    metadata,
    Column("customer_id", Text, primary_key=True),
    Column("unit", Text, primary_key=True),
    Column("failures", Integer, nullable=False),  # declines in a row
    Column("reason", Text),  # why none is tried before `next_attempt_at`, or at all, for programs
    Column("message", Text),  # the same for people
    Column("held_at", UTCDateTime),  # since when that is so
    Column("next_attempt_at", UTCDateTime),
    Column("paused_at", UTCDateTime),  # none is tried until somebody says so
    Column("payment_method", Text),  # the one that was declined last
    Column("agreed_at", UTCDateTime),  # when the customer agreed to it, on a page of ours
    Column("changed_at", UTCDateTime, nullable=False),
    ForeignKeyConstraint(["customer_id"], ["billing_customers.id"]),
    CheckConstraint("failures >= 0", name="failures"),
)
"""One row for a wallet that is, or was, topped up by itself; what is to be bought stands with the wallet."""
