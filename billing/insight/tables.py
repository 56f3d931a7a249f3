"""All tables of what was counted and noticed. None of them is a part of the books: each can be made anew from them.

So they refer to wallets and buckets, which never go, without a foreign key: to check it took most of the time of
counting, and locked the wallets' rows beside whoever spends.
"""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, Date, Index, Table

from billing.base.db import metadata
from billing.base.types import UTCDateTime, Whole

usage_days = Table(
    "billing_usage_days",
    metadata,
    Column("wallet_id", Whole, primary_key=True, autoincrement=False),
    Column("day", Date, primary_key=True),
    Column("used", Whole, nullable=False),
    Column("given_back", Whole, nullable=False),
    CheckConstraint("used >= 0 AND given_back >= 0 AND used + given_back > 0", name="counted"),
)
"""What a wallet used in a UTC day, and what was given back in it, of whichever day's use: net is the one less the
other, and may be below zero. By `effective_at`; days without use have no row.
"""

usage_counts = Table(
    "billing_usage_counts",
    metadata,
    Column("wallet_id", Whole, primary_key=True, autoincrement=False),
    Column("counted", Whole, nullable=False),  # the number of the last entry that is in `usage_days`
    Column("first_day", Date),
    Column("last_day", Date),
    CheckConstraint("counted > 0", name="counted"),
)
"""How far each wallet's entries are counted, and on which days it used anything first and last. No index but the key:
who looks for those that were used lately walks over it in the order of the wallets, a batch at a time.
"""

expiry_warnings = Table(
    "billing_expiry_warnings",
    metadata,
    Column("wallet_id", Whole, primary_key=True, autoincrement=False),
    Column("bucket", Whole, primary_key=True, autoincrement=False),
    Column("ends_at", UTCDateTime, nullable=False),
    Column("lead_seconds", Whole, nullable=False),
    Index("billing_expiry_warnings_ends_at_idx", "ends_at"),
)
"""Ends that were looked at, and the shortest lead under which: warned of, or found not worth it. Gone with the end."""
