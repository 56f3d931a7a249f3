"""The books, what is bought, what Stripe told us, and who may ask."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from billing.base.schema import append_only

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

JSON = sa.JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")
WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
APPEND_ONLY = ("billing_entries", "billing_wallet_terms", "billing_bucket_ends", "billing_sales", "billing_claims")


def upgrade() -> None:
    op.create_table(
        "billing_api_keys",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("scopes", JSON, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("billing_api_keys_pkey")),
    )
    op.create_table(
        "billing_customers",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("email", sa.Text(), nullable=True),
        sa.Column("locale", sa.Text(), nullable=True),
        sa.Column("timezone", sa.Text(), nullable=True),
        sa.Column("metadata", JSON, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("billing_customers_pkey")),
    )
    op.create_table(
        "billing_stripe_events",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("object_id", sa.Text(), nullable=True),
        sa.Column("stripe_customer", sa.Text(), nullable=True),
        sa.Column("reference", sa.Text(), nullable=True),
        sa.Column("api_version", sa.Text(), nullable=True),
        sa.Column("livemode", sa.Boolean(), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_attempt_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("handled_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "status IN ('received', 'done', 'ignored', 'waiting', 'failed')",
            name=op.f("billing_stripe_events_status_check"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("billing_stripe_events_pkey")),
    )
    op.create_index(
        "billing_stripe_events_customer_idx",
        "billing_stripe_events",
        ["stripe_customer"],
        postgresql_where=sa.text("status IN ('received', 'waiting', 'failed')"),
        sqlite_where=sa.text("status IN ('received', 'waiting', 'failed')"),
    )
    op.create_index(
        "billing_stripe_events_open_idx",
        "billing_stripe_events",
        ["next_attempt_at"],
        postgresql_where=sa.text("status IN ('received', 'waiting', 'failed')"),
        sqlite_where=sa.text("status IN ('received', 'waiting', 'failed')"),
    )
    op.create_index("billing_stripe_events_received_at_idx", "billing_stripe_events", ["received_at", "id"])
    op.create_index(op.f("billing_stripe_events_reference_idx"), "billing_stripe_events", ["reference"])
    op.create_table(
        "billing_stripe_customers",
        sa.Column("stripe_id", sa.Text(), nullable=False),
        sa.Column("customer_id", sa.Text(), nullable=False),
        sa.Column("linked_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["billing_customers.id"], name=op.f("billing_stripe_customers_customer_id_fkey")
        ),
        sa.PrimaryKeyConstraint("stripe_id", name=op.f("billing_stripe_customers_pkey")),
    )
    op.create_index(op.f("billing_stripe_customers_customer_id_idx"), "billing_stripe_customers", ["customer_id"])
    op.create_table(
        "billing_wallets",
        sa.Column("id", WHOLE, autoincrement=True, nullable=False),
        sa.Column("customer_id", sa.Text(), nullable=False),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("available", WHOLE, nullable=False),
        sa.Column("held", WHOLE, nullable=False),
        sa.Column("owed", WHOLE, nullable=False),
        sa.Column("last_number", WHOLE, nullable=False),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("next_due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("debt_due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("overdraft", JSON, nullable=True),
        sa.Column("frozen_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("plan", sa.Text(), nullable=True),
        sa.Column("plan_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("period_end", sa.DateTime(timezone=True), nullable=True),
        sa.Column("terms_number", WHOLE, nullable=False),
        sa.Column("purse_bucket", WHOLE, nullable=True),
        sa.Column("purse_credits", WHOLE, nullable=True),
        sa.Column("purse_cents", WHOLE, nullable=True),
        sa.Column("purse_left", WHOLE, nullable=True),
        sa.Column("purse_basis_cents", WHOLE, nullable=True),
        sa.Column("purse_basis_credits", WHOLE, nullable=True),
        sa.Column("purse_from", sa.DateTime(timezone=True), nullable=True),
        sa.Column("purse_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("purse_policy", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("available >= 0 AND held >= 0 AND owed >= 0", name=op.f("billing_wallets_figures_check")),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["billing_customers.id"], name=op.f("billing_wallets_customer_id_fkey")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("billing_wallets_pkey")),
        sa.UniqueConstraint("customer_id", "unit", name=op.f("billing_wallets_customer_id_unit_key")),
        postgresql_with={"fillfactor": 70},
    )
    op.create_index(
        "billing_wallets_next_due_at_idx",
        "billing_wallets",
        ["next_due_at"],
        postgresql_where=sa.text("next_due_at IS NOT NULL"),
        sqlite_where=sa.text("next_due_at IS NOT NULL"),
    )
    op.create_table(
        "billing_buckets",
        sa.Column("wallet_id", WHOLE, autoincrement=False, nullable=False),
        sa.Column("number", WHOLE, autoincrement=False, nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("granted", WHOLE, nullable=False),
        sa.Column("paid_cents", WHOLE, nullable=False),
        sa.Column("currency", sa.Text(), nullable=True),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("features", JSON, nullable=True),
        sa.Column("metadata", JSON, nullable=True),
        sa.Column("effective_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("granted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("series", sa.Text(), nullable=True),
        sa.Column("period_end", sa.DateTime(timezone=True), nullable=True),
        sa.Column("voided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("free", WHOLE, nullable=False),
        sa.Column("held", WHOLE, nullable=False),
        sa.Column("cents", WHOLE, nullable=False),
        sa.Column("basis_cents", WHOLE, nullable=False),
        sa.Column("basis_credits", WHOLE, nullable=False),
        sa.Column("expired", WHOLE, nullable=False),
        sa.Column("is_open", sa.Boolean(), nullable=False),
        sa.CheckConstraint("effective_at < expires_at", name=op.f("billing_buckets_validity_check")),
        sa.CheckConstraint(
            "free >= 0 AND held >= 0 AND cents >= 0 AND free + held <= granted", name=op.f("billing_buckets_left_check")
        ),
        sa.CheckConstraint("granted > 0 AND granted <= 1000000000000000", name=op.f("billing_buckets_granted_check")),
        sa.CheckConstraint("is_open = (free + held > 0)", name=op.f("billing_buckets_is_open_check")),
        sa.CheckConstraint(
            "paid_cents >= 0 AND paid_cents <= 1000000000000", name=op.f("billing_buckets_paid_cents_check")
        ),
        sa.ForeignKeyConstraint(["wallet_id"], ["billing_wallets.id"], name=op.f("billing_buckets_wallet_id_fkey")),
        sa.PrimaryKeyConstraint("wallet_id", "number", name=op.f("billing_buckets_pkey")),
        sa.UniqueConstraint("wallet_id", "origin", name=op.f("billing_buckets_wallet_id_origin_key")),
        postgresql_with={"fillfactor": 70},
    )
    op.create_index(
        "billing_buckets_open_idx",
        "billing_buckets",
        ["wallet_id"],
        postgresql_where=sa.text("is_open"),
        sqlite_where=sa.text("is_open = 1"),
    )
    op.create_table(
        "billing_entries",
        sa.Column("wallet_id", WHOLE, autoincrement=False, nullable=False),
        sa.Column("number", WHOLE, autoincrement=False, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("destination", sa.Text(), nullable=False),
        sa.Column("credits", WHOLE, nullable=False),
        sa.Column("cents", WHOLE, nullable=False),
        sa.Column("currency", sa.Text(), nullable=True),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=True),
        sa.Column("request", sa.Text(), nullable=True),
        sa.Column("member", sa.Text(), nullable=True),
        sa.Column("feature", sa.Text(), nullable=True),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("details", JSON, nullable=True),
        sa.Column("undoes", WHOLE, nullable=True),
        sa.Column("via", WHOLE, nullable=True),
        sa.Column("available_after", WHOLE, nullable=False),
        sa.Column("owed_after", WHOLE, nullable=False),
        sa.Column("effective_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("posted_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("(cents = 0) = (currency IS NULL)", name=op.f("billing_entries_currency_check")),
        sa.CheckConstraint("cents >= 0 AND cents <= 1000000000000", name=op.f("billing_entries_cents_check")),
        sa.CheckConstraint("credits > 0 OR cents > 0", name=op.f("billing_entries_moves_something_check")),
        sa.CheckConstraint("credits >= 0 AND credits <= 1000000000000000", name=op.f("billing_entries_credits_check")),
        sa.ForeignKeyConstraint(["wallet_id"], ["billing_wallets.id"], name=op.f("billing_entries_wallet_id_fkey")),
        sa.PrimaryKeyConstraint("wallet_id", "number", name=op.f("billing_entries_pkey")),
        sa.UniqueConstraint("wallet_id", "key", name=op.f("billing_entries_wallet_id_key_key")),
    )
    op.create_index(
        "billing_entries_cause_idx",
        "billing_entries",
        ["wallet_id", "cause"],
        postgresql_where=sa.text("key IS NULL"),
        sqlite_where=sa.text("key IS NULL"),
    )
    op.create_index(
        "billing_entries_debt_idx",
        "billing_entries",
        ["wallet_id", "number"],
        postgresql_where=sa.text("kind IN ('repay', 'forgive')"),
        sqlite_where=sa.text("kind IN ('repay', 'forgive')"),
    )
    op.create_index(
        "billing_entries_undoes_idx",
        "billing_entries",
        ["wallet_id", "undoes"],
        postgresql_where=sa.text("undoes IS NOT NULL"),
        sqlite_where=sa.text("undoes IS NOT NULL"),
    )
    op.create_table(
        "billing_holds",
        sa.Column("wallet_id", WHOLE, autoincrement=False, nullable=False),
        sa.Column("number", WHOLE, autoincrement=False, nullable=False),
        sa.Column("credits", WHOLE, nullable=False),
        sa.Column("slices", JSON, nullable=False),
        sa.Column("overdraft", WHOLE, nullable=False),
        sa.Column("feature", sa.Text(), nullable=True),
        sa.Column("metadata", JSON, nullable=True),
        sa.Column("placed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("lapses_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_recorded_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("captured", WHOLE, nullable=True),
        sa.Column("outcome", WHOLE, nullable=True),
        sa.CheckConstraint(
            "status IN ('open', 'captured', 'released', 'lapsed')", name=op.f("billing_holds_status_check")
        ),
        sa.CheckConstraint("placed_at < lapses_at", name=op.f("billing_holds_validity_check")),
        sa.ForeignKeyConstraint(["wallet_id"], ["billing_wallets.id"], name=op.f("billing_holds_wallet_id_fkey")),
        sa.PrimaryKeyConstraint("wallet_id", "number", name=op.f("billing_holds_pkey")),
    )
    op.create_index(
        "billing_holds_open_idx",
        "billing_holds",
        ["wallet_id"],
        postgresql_where=sa.text("status = 'open'"),
        sqlite_where=sa.text("status = 'open'"),
    )
    op.create_table(
        "billing_wallet_terms",
        sa.Column("wallet_id", WHOLE, autoincrement=False, nullable=False),
        sa.Column("number", WHOLE, autoincrement=False, nullable=False),
        sa.Column("overdraft", JSON, nullable=True),
        sa.Column("frozen_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("plan", sa.Text(), nullable=True),
        sa.Column("plan_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("period_end", sa.DateTime(timezone=True), nullable=True),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["wallet_id"], ["billing_wallets.id"], name=op.f("billing_wallet_terms_wallet_id_fkey")
        ),
        sa.PrimaryKeyConstraint("wallet_id", "number", name=op.f("billing_wallet_terms_pkey")),
    )
    op.create_table(
        "billing_bucket_ends",
        sa.Column("wallet_id", WHOLE, autoincrement=False, nullable=False),
        sa.Column("number", WHOLE, autoincrement=False, nullable=False),
        sa.Column("bucket", WHOLE, nullable=False),
        sa.Column("was", sa.DateTime(timezone=True), nullable=True),
        sa.Column("becomes", sa.DateTime(timezone=True), nullable=False),
        sa.Column("free", WHOLE, nullable=False),
        sa.Column("held", WHOLE, nullable=False),
        sa.Column("key", sa.Text(), nullable=True),
        sa.Column("request", sa.Text(), nullable=True),
        sa.Column("effective_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["wallet_id", "bucket"],
            ["billing_buckets.wallet_id", "billing_buckets.number"],
            name=op.f("billing_bucket_ends_wallet_id_bucket_fkey"),
        ),
        sa.PrimaryKeyConstraint("wallet_id", "number", name=op.f("billing_bucket_ends_pkey")),
        sa.UniqueConstraint("wallet_id", "key", name=op.f("billing_bucket_ends_wallet_id_key_key")),
    )
    op.create_table(
        "billing_sales",
        sa.Column("wallet_id", WHOLE, autoincrement=False, nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("customer_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("product", sa.Text(), nullable=False),
        sa.Column("bucket", WHOLE, nullable=False),
        sa.Column("invoice_id", sa.Text(), nullable=True),
        sa.Column("session_id", sa.Text(), nullable=True),
        sa.Column("subscription_id", sa.Text(), nullable=True),
        sa.Column("item_id", sa.Text(), nullable=True),
        sa.Column("price", sa.Text(), nullable=True),
        sa.Column("quantity", WHOLE, nullable=False),
        sa.Column("period_start", sa.DateTime(timezone=True), nullable=True),
        sa.Column("period_end", sa.DateTime(timezone=True), nullable=True),
        sa.Column("credits", WHOLE, nullable=False),
        sa.Column("cents", WHOLE, nullable=False),
        sa.Column("currency", sa.Text(), nullable=True),
        sa.Column("paid_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("kind IN ('allocation', 'pack')", name=op.f("billing_sales_kind_check")),
        sa.ForeignKeyConstraint(
            ["wallet_id", "bucket"],
            ["billing_buckets.wallet_id", "billing_buckets.number"],
            name=op.f("billing_sales_wallet_id_bucket_fkey"),
        ),
        sa.PrimaryKeyConstraint("wallet_id", "origin", name=op.f("billing_sales_pkey")),
        sa.UniqueConstraint("wallet_id", "bucket", name=op.f("billing_sales_wallet_id_bucket_key")),
    )
    op.create_index(op.f("billing_sales_invoice_id_idx"), "billing_sales", ["invoice_id"])
    op.create_index(op.f("billing_sales_item_id_idx"), "billing_sales", ["item_id"])
    op.create_index(op.f("billing_sales_session_id_idx"), "billing_sales", ["session_id"])
    op.create_table(
        "billing_claims",
        sa.Column("stripe_id", sa.Text(), nullable=False),
        sa.Column("wallet_id", WHOLE, nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("cents", WHOLE, nullable=False),
        sa.Column("claimed_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["wallet_id", "origin"],
            ["billing_sales.wallet_id", "billing_sales.origin"],
            name=op.f("billing_claims_wallet_id_origin_fkey"),
        ),
        sa.PrimaryKeyConstraint("stripe_id", name=op.f("billing_claims_pkey")),
    )
    dialect = op.get_bind().dialect.name
    for table in APPEND_ONLY:
        for statement in append_only(dialect, table):
            op.execute(statement)


def downgrade() -> None:
    for table in (
        "billing_claims",
        "billing_sales",
        "billing_bucket_ends",
        "billing_wallet_terms",
        "billing_holds",
        "billing_entries",
        "billing_buckets",
        "billing_wallets",
        "billing_stripe_customers",
        "billing_stripe_events",
        "billing_customers",
        "billing_api_keys",
    ):
        op.drop_table(table)
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION billing_refuse_change()")
