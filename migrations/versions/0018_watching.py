"""What is noticed by time and pace: use by wallet and day, warnings of ends, and which buckets will end when.

The index over buckets breaks no heap-only update of a spend: what a spend changes in a bucket (its pockets, its cents)
is in none of its columns, and `is_open`, which changes with the last credit only, was in another's condition before.
"""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_index(
        op.f("billing_buckets_ending_idx"),
        "billing_buckets",
        ["expires_at", "wallet_id"],
        postgresql_where=sa.text("is_open AND expires_at IS NOT NULL"),
        sqlite_where=sa.text("is_open = 1 AND expires_at IS NOT NULL"),
    )
    op.create_table(
        "billing_usage_days",
        sa.Column("wallet_id", WHOLE, autoincrement=False, nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("used", WHOLE, nullable=False),
        sa.Column("given_back", WHOLE, nullable=False),
        sa.CheckConstraint(
            "used >= 0 AND given_back >= 0 AND used + given_back > 0", name=op.f("billing_usage_days_counted_check")
        ),
        sa.ForeignKeyConstraint(["wallet_id"], ["billing_wallets.id"], name=op.f("billing_usage_days_wallet_id_fkey")),
        sa.PrimaryKeyConstraint("wallet_id", "day", name=op.f("billing_usage_days_pkey")),
    )
    op.create_table(
        "billing_usage_counts",
        sa.Column("wallet_id", WHOLE, autoincrement=False, nullable=False),
        sa.Column("counted", WHOLE, nullable=False),
        sa.Column("first_day", sa.Date(), nullable=True),
        sa.Column("last_day", sa.Date(), nullable=True),
        sa.CheckConstraint("counted > 0", name=op.f("billing_usage_counts_counted_check")),
        sa.ForeignKeyConstraint(
            ["wallet_id"], ["billing_wallets.id"], name=op.f("billing_usage_counts_wallet_id_fkey")
        ),
        sa.PrimaryKeyConstraint("wallet_id", name=op.f("billing_usage_counts_pkey")),
    )
    op.create_table(
        "billing_expiry_warnings",
        sa.Column("wallet_id", WHOLE, autoincrement=False, nullable=False),
        sa.Column("bucket", WHOLE, autoincrement=False, nullable=False),
        sa.Column("ends_at", TIME, nullable=False),
        sa.Column("lead_seconds", WHOLE, nullable=False),
        sa.ForeignKeyConstraint(
            ["wallet_id", "bucket"],
            ["billing_buckets.wallet_id", "billing_buckets.number"],
            name=op.f("billing_expiry_warnings_wallet_id_bucket_fkey"),
        ),
        sa.PrimaryKeyConstraint("wallet_id", "bucket", name=op.f("billing_expiry_warnings_pkey")),
    )
    op.create_index(op.f("billing_expiry_warnings_ends_at_idx"), "billing_expiry_warnings", ["ends_at"])


def downgrade() -> None:
    for table in ("expiry_warnings", "usage_counts", "usage_days"):
        op.drop_table(f"billing_{table}")
    op.drop_index(op.f("billing_buckets_ending_idx"), "billing_buckets")
