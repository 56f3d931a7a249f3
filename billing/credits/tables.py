"""All tables of a customer's credits. Every key begins with the wallet, no foreign key crosses wallets.

`billing_entries`, `billing_bucket_ends` and `billing_wallet_terms` are append-only: triggers refuse to change or
delete a row.
"""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy import Boolean, CheckConstraint, Column, ForeignKeyConstraint, Index, Integer, Table, Text

from billing.base.db import metadata
from billing.base.types import Json, UTCDateTime, Whole

LARGEST_CREDITS = 10**15
LARGEST_CENTS = 10**12

customers = Table(
    "billing_customers",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text),
    Column("email", Text),
    Column("locale", Text),
    Column("timezone", Text),
    Column("metadata", Json, nullable=False),
    Column("created_at", UTCDateTime, nullable=False),
)

wallets = Table(
    "billing_wallets",
    metadata,
    Column("id", Whole, primary_key=True, autoincrement=True),
    Column("customer_id", Text, nullable=False),
    Column("unit", Text, nullable=False),
    Column("available", Whole, nullable=False, default=0),
    Column("held", Whole, nullable=False, default=0),
    Column("owed", Whole, nullable=False, default=0),
    Column("last_number", Whole, nullable=False, default=0),
    Column("last_at", UTCDateTime),
    Column("next_due_at", UTCDateTime),
    Column("debt_due_at", UTCDateTime),
    Column("overdraft", Json),
    Column("frozen_at", UTCDateTime),
    Column("plan", Text),
    Column("plan_until", UTCDateTime),
    Column("period_end", UTCDateTime),
    Column("terms_number", Whole, nullable=False, default=0),
    # The purse: credits drawn from the first bucket that may be spent without looking at the buckets.
    Column("purse_bucket", Whole),
    Column("purse_credits", Whole),
    Column("purse_cents", Whole),
    Column("purse_left", Whole),
    Column("purse_basis_cents", Whole),
    Column("purse_basis_credits", Whole),
    Column("purse_from", UTCDateTime),
    Column("purse_until", UTCDateTime),
    Column("purse_policy", Text),
    Column("created_at", UTCDateTime, nullable=False),
    Column("purse_currency", Text),
    Column("last_month", Whole, nullable=False, server_default="0"),
    Column("open_months", Whole, nullable=False, server_default="0"),
    Column("plan_from", UTCDateTime),  # the catalog's version of then says what the plan's terms are
    Column("free", Json),  # its free plan, and how far that has come
    Column("low_balance", Json),  # its own thresholds; NULL: its plan's, or the catalog's
    Column("low_told", Whole),  # the lowest threshold that was told of since the balance was last above it
    Column("low_base", Whole),  # what the plan allots for the period that ends at `low_period`: 20 % is of this
    Column("low_period", UTCDateTime),
    Column("auto_topup", Json),  # when to buy for it, and how much: its threshold is one more balance to stop at
    Column("topup_due_at", UTCDateTime),  # since when its balance has called for that
    Column("low_from", UTCDateTime),  # when the period of `low_base` began
    ForeignKeyConstraint(["customer_id"], ["billing_customers.id"]),
    sa.UniqueConstraint("customer_id", "unit"),
    CheckConstraint("available >= 0 AND held >= 0 AND owed >= 0", name="figures"),
    Index("billing_wallets_next_due_at_idx", "next_due_at", postgresql_where=sa.text("next_due_at IS NOT NULL"),
          sqlite_where=sa.text("next_due_at IS NOT NULL")),
    Index("billing_wallets_topup_due_at_idx", "topup_due_at", postgresql_where=sa.text("topup_due_at IS NOT NULL"),
          sqlite_where=sa.text("topup_due_at IS NOT NULL")),
    postgresql_with={"fillfactor": 70},
)  # fmt: skip

wallet_terms = Table(
    "billing_wallet_terms",
    metadata,
    Column("wallet_id", Whole, primary_key=True, autoincrement=False),
    Column("number", Whole, primary_key=True, autoincrement=False),
    Column("overdraft", Json),
    Column("frozen_at", UTCDateTime),
    Column("plan", Text),
    Column("plan_until", UTCDateTime),
    Column("period_end", UTCDateTime),
    Column("recorded_at", UTCDateTime, nullable=False),
    Column("plan_from", UTCDateTime),
    Column("free", Json),
    ForeignKeyConstraint(["wallet_id"], ["billing_wallets.id"]),
    info={"append_only": True},
)
"""What the wallet's row said of its settings, from each change on."""

buckets = Table(
    "billing_buckets",
    metadata,
    Column("wallet_id", Whole, primary_key=True, autoincrement=False),
    Column("number", Whole, primary_key=True, autoincrement=False),
    Column("origin", Text, nullable=False),
    Column("description", Text),
    Column("granted", Whole, nullable=False),
    Column("paid_cents", Whole, nullable=False),
    Column("currency", Text),
    Column("priority", Integer, nullable=False),
    Column("features", Json),  # NULL: a general one
    Column("metadata", Json),
    Column("effective_at", UTCDateTime, nullable=False),
    Column("granted_at", UTCDateTime, nullable=False),
    Column("expires_at", UTCDateTime),
    Column("series", Text),
    Column("period_end", UTCDateTime),
    Column("voided_at", UTCDateTime),
    Column("free", Whole, nullable=False),
    Column("held", Whole, nullable=False),
    Column("cents", Whole, nullable=False),
    Column("basis_cents", Whole, nullable=False),
    Column("basis_credits", Whole, nullable=False),
    Column("expired", Whole, nullable=False, default=0),
    Column("is_open", Boolean, nullable=False),  # so that a spend changes no indexed column until the last credit
    Column("sale", Text),  # what it was sold by, in whichever bucket it was rolled
    Column("month", Whole),
    Column("rolled_from", Whole),
    Column("at_end", Json),  # what becomes of it at its end; NULL: it expires
    Column("disputed", Whole, nullable=False, server_default="0"),
    Column("voided", Whole, nullable=False, server_default="0"),
    Column("counted", Whole, nullable=False, server_default="0"),
    Column("expired_cents", Whole, nullable=False, server_default="0"),
    Column("voided_cents", Whole, nullable=False, server_default="0"),
    Column("paid_at", UTCDateTime),
    Column("rolled_back", Whole, nullable=False, server_default="0"),
    ForeignKeyConstraint(["wallet_id"], ["billing_wallets.id"]),
    sa.UniqueConstraint("wallet_id", "origin"),
    CheckConstraint("effective_at < expires_at", name="validity"),
    CheckConstraint(f"granted > 0 AND granted <= {LARGEST_CREDITS}", name="granted"),
    CheckConstraint(f"paid_cents >= 0 AND paid_cents <= {LARGEST_CENTS}", name="paid_cents"),
    CheckConstraint("free >= 0 AND held >= 0 AND cents >= 0 AND free + held <= granted", name="left"),
    CheckConstraint("is_open OR free + held = 0", name="is_open"),  # cents may stay where no credit is left
    CheckConstraint("disputed >= 0 AND disputed <= held", name="disputed"),
    CheckConstraint("counted >= 0 AND counted <= expired + voided", name="counted"),
    CheckConstraint("expired_cents >= 0 AND voided_cents >= 0", name="unused"),
    Index("billing_buckets_sale_idx", "wallet_id", "sale", postgresql_where=sa.text("sale IS NOT NULL"),
          sqlite_where=sa.text("sale IS NOT NULL")),
    Index("billing_buckets_open_idx", "wallet_id", postgresql_where=sa.text("is_open"),
          sqlite_where=sa.text("is_open = 1")),
    Index("billing_buckets_ending_idx", "expires_at", "wallet_id",
          postgresql_where=sa.text("is_open AND expires_at IS NOT NULL"),
          sqlite_where=sa.text("is_open = 1 AND expires_at IS NOT NULL")),
    postgresql_with={"fillfactor": 70},
)  # fmt: skip

months = Table(
    "billing_months",
    metadata,
    Column("wallet_id", Whole, primary_key=True, autoincrement=False),
    Column("number", Whole, primary_key=True, autoincrement=False),  # counts in the wallet: it is prepaid:<number>
    Column("sale", Text, nullable=False),
    Column("place", Integer, nullable=False),  # counts in the sale
    Column("starts_at", UTCDateTime, nullable=False),
    Column("ends_at", UTCDateTime),
    Column("credits", Whole, nullable=False),
    Column("cents", Whole, nullable=False),
    Column("currency", Text),
    Column("terms", Json, nullable=False),  # the whole terms of the grant: nobody is asked when it comes
    Column("made_at", UTCDateTime, nullable=False),
    Column("bucket", Whole),
    Column("cancelled_at", UTCDateTime),
    Column("allotted", Whole, nullable=False),
    Column("taken", Whole, nullable=False),
    Column("left_cents", Whole, nullable=False),
    Column("broken_cents", Whole, nullable=False),
    Column("to_hold", Whole, nullable=False),
    Column("owed", Whole, nullable=False),
    Column("unearned_cents", Whole, nullable=False),
    Column("is_open", Boolean, nullable=False),
    ForeignKeyConstraint(["wallet_id"], ["billing_wallets.id"]),
    ForeignKeyConstraint(["wallet_id", "bucket"], ["billing_buckets.wallet_id", "billing_buckets.number"]),
    sa.UniqueConstraint("wallet_id", "sale", "place"),
    sa.UniqueConstraint("wallet_id", "bucket"),
    CheckConstraint("number > 0 AND place > 0 AND starts_at < ends_at", name="places"),
    CheckConstraint("credits >= 0 AND cents >= 0 AND allotted >= 0 AND taken >= 0 AND allotted + taken <= credits",
                    name="credits"),
    CheckConstraint("left_cents >= 0 AND broken_cents >= 0 AND left_cents + broken_cents <= cents", name="cents"),
    CheckConstraint("to_hold >= 0 AND owed >= 0 AND unearned_cents >= 0", name="figures"),
    Index("billing_months_open_idx", "wallet_id", postgresql_where=sa.text("is_open"),
          sqlite_where=sa.text("is_open = 1")),
    Index("billing_months_starts_at_idx", "starts_at"),
)  # fmt: skip
"""The months of each sale: what was sold, and what of it is still to come."""

bucket_ends = Table(
    "billing_bucket_ends",
    metadata,
    Column("wallet_id", Whole, primary_key=True, autoincrement=False),
    Column("number", Whole, primary_key=True, autoincrement=False),
    Column("bucket", Whole, nullable=False),
    Column("was", UTCDateTime),
    Column("becomes", UTCDateTime, nullable=False),
    Column("free", Whole, nullable=False),  # what lay in the bucket then, so that a replay answers as the first time
    Column("held", Whole, nullable=False),
    Column("key", Text),
    Column("request", Text),
    Column("effective_at", UTCDateTime, nullable=False),
    Column("recorded_at", UTCDateTime, nullable=False),
    ForeignKeyConstraint(["wallet_id", "bucket"], ["billing_buckets.wallet_id", "billing_buckets.number"]),
    sa.UniqueConstraint("wallet_id", "key"),
    info={"append_only": True},
)

holds = Table(
    "billing_holds",
    metadata,
    Column("wallet_id", Whole, primary_key=True, autoincrement=False),
    Column("number", Whole, primary_key=True, autoincrement=False),
    Column("credits", Whole, nullable=False),
    Column("slices", Json, nullable=False),
    Column("overdraft", Whole, nullable=False),
    Column("feature", Text),
    Column("metadata", Json),
    Column("placed_at", UTCDateTime, nullable=False),
    Column("lapses_at", UTCDateTime, nullable=False),
    Column("recorded_at", UTCDateTime, nullable=False),
    Column("status", Text, nullable=False),
    Column("ended_at", UTCDateTime),
    Column("ended_recorded_at", UTCDateTime),
    Column("captured", Whole),
    Column("outcome", Whole),
    ForeignKeyConstraint(["wallet_id"], ["billing_wallets.id"]),
    CheckConstraint("status IN ('open', 'captured', 'released', 'lapsed')", name="status"),
    CheckConstraint("placed_at < lapses_at", name="validity"),
    Index("billing_holds_open_idx", "wallet_id", postgresql_where=sa.text("status = 'open'"),
          sqlite_where=sa.text("status = 'open'")),
)  # fmt: skip

entries = Table(
    "billing_entries",
    metadata,
    Column("wallet_id", Whole, primary_key=True, autoincrement=False),
    Column("number", Whole, primary_key=True, autoincrement=False),
    Column("kind", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("destination", Text, nullable=False),
    Column("credits", Whole, nullable=False),
    Column("cents", Whole, nullable=False),
    Column("currency", Text),
    Column("cause", Text, nullable=False),
    Column("key", Text),
    Column("request", Text),
    Column("member", Text),
    Column("feature", Text),
    Column("description", Text),
    Column("details", Json),
    Column("undoes", Whole),
    Column("via", Whole),
    Column("available_after", Whole, nullable=False),
    Column("owed_after", Whole, nullable=False),
    Column("effective_at", UTCDateTime, nullable=False),
    Column("recorded_at", UTCDateTime, nullable=False),
    Column("posted_at", UTCDateTime, nullable=False),
    ForeignKeyConstraint(["wallet_id"], ["billing_wallets.id"]),
    sa.UniqueConstraint("wallet_id", "key"),
    CheckConstraint(f"credits >= 0 AND credits <= {LARGEST_CREDITS}", name="credits"),
    CheckConstraint(f"cents >= 0 AND cents <= {LARGEST_CENTS}", name="cents"),
    CheckConstraint("credits > 0 OR cents > 0", name="moves_something"),
    CheckConstraint("(cents = 0) = (currency IS NULL)", name="currency"),
    # A cause's first entry is found by its number or key; these find the ones that follow it.
    Index("billing_entries_cause_idx", "wallet_id", "cause", postgresql_where=sa.text("key IS NULL"),
          sqlite_where=sa.text("key IS NULL")),
    Index("billing_entries_undoes_idx", "wallet_id", "undoes", postgresql_where=sa.text("undoes IS NOT NULL"),
          sqlite_where=sa.text("undoes IS NOT NULL")),
    Index("billing_entries_debt_idx", "wallet_id", "number",
          postgresql_where=sa.text("kind IN ('repay', 'forgive')"),
          sqlite_where=sa.text("kind IN ('repay', 'forgive')")),
    Index("billing_entries_taken_idx", "wallet_id", "number",
          postgresql_where=sa.text("kind IN ('clawback', 'owe', 'restore', 'credit_back')"),
          sqlite_where=sa.text("kind IN ('clawback', 'owe', 'restore', 'credit_back')")),
    info={"append_only": True},
)  # fmt: skip


def is_taking() -> sa.ColumnElement[bool]:
    """Written out in the statement: SQLite takes a partial index only where it reads the index's own condition."""
    kinds = ("clawback", "owe", "restore", "credit_back")
    return entries.c.kind.in_(sa.bindparam("takings", kinds, expanding=True, literal_execute=True))
