"""What is bought: conversations with Stripe, top-ups, checkouts and subscriptions."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0003"
down_revision = "0001"
branch_labels = None
depends_on = None

JSON = sa.JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")
WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TIME = sa.DateTime(timezone=True)
OPEN = sa.text("status = 'open'")
TO_LOOK_AT = sa.text("next_look_at IS NOT NULL")


def upgrade() -> None:
    op.create_table(
        "billing_conversations",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("customer_id", sa.Text(), nullable=False),
        sa.Column("params", JSON, nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("answer", sa.Text(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("asked_at", TIME, nullable=True),
        sa.Column("next_attempt_at", TIME, nullable=True),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("ended_at", TIME, nullable=True),
        sa.CheckConstraint(
            "kind IN ('customer', 'topup', 'subscription')", name=op.f("billing_conversations_kind_check")
        ),
        sa.CheckConstraint(
            "status IN ('open', 'done', 'refused', 'given_up')", name=op.f("billing_conversations_status_check")
        ),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["billing_customers.id"], name=op.f("billing_conversations_customer_id_fkey")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("billing_conversations_pkey")),
    )
    op.create_index(op.f("billing_conversations_customer_id_idx"), "billing_conversations", ["customer_id"])
    op.create_index(
        "billing_conversations_one_open_idx",
        "billing_conversations",
        ["kind", "subject"],
        unique=True,
        postgresql_where=OPEN,
        sqlite_where=OPEN,
    )
    op.create_index(
        "billing_conversations_open_idx",
        "billing_conversations",
        ["next_attempt_at"],
        postgresql_where=OPEN,
        sqlite_where=OPEN,
    )
    op.create_table(
        "billing_topups",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("customer_id", sa.Text(), nullable=False),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("pack", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("quantity", WHOLE, nullable=False),
        sa.Column("credits", WHOLE, nullable=False),
        sa.Column("cents", WHOLE, nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("valid_for", sa.Text(), nullable=True),
        sa.Column("price", sa.Text(), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("request", sa.Text(), nullable=False),
        sa.Column("success_url", sa.Text(), nullable=False),
        sa.Column("cancel_url", sa.Text(), nullable=True),
        sa.Column("session_id", sa.Text(), nullable=True),
        sa.Column("checkout_url", sa.Text(), nullable=True),
        sa.Column("expires_at", TIME, nullable=True),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("paid_at", TIME, nullable=True),
        sa.Column("ended_at", TIME, nullable=True),
        sa.Column("looks", sa.Integer(), nullable=False),
        sa.Column("next_look_at", TIME, nullable=True),
        sa.CheckConstraint(
            "status IN ('open', 'pending', 'paid', 'failed', 'expired', 'refunded')",
            name=op.f("billing_topups_status_check"),
        ),
        sa.CheckConstraint("credits > 0 AND cents >= 0 AND quantity > 0", name=op.f("billing_topups_amounts_check")),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["billing_customers.id"], name=op.f("billing_topups_customer_id_fkey")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("billing_topups_pkey")),
        sa.UniqueConstraint("customer_id", "key", name=op.f("billing_topups_customer_id_key_key")),
        sa.UniqueConstraint("session_id", name=op.f("billing_topups_session_id_key")),
    )
    op.create_index("billing_topups_customer_id_created_at_idx", "billing_topups", ["customer_id", "created_at", "id"])
    op.create_index(
        "billing_topups_next_look_at_idx",
        "billing_topups",
        ["next_look_at"],
        postgresql_where=TO_LOOK_AT,
        sqlite_where=TO_LOOK_AT,
    )
    op.create_table(
        "billing_checkouts",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("customer_id", sa.Text(), nullable=False),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("plan", sa.Text(), nullable=False),
        sa.Column("price", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("request", sa.Text(), nullable=False),
        sa.Column("success_url", sa.Text(), nullable=False),
        sa.Column("cancel_url", sa.Text(), nullable=True),
        sa.Column("session_id", sa.Text(), nullable=True),
        sa.Column("checkout_url", sa.Text(), nullable=True),
        sa.Column("subscription_id", sa.Text(), nullable=True),
        sa.Column("expires_at", TIME, nullable=True),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("ended_at", TIME, nullable=True),
        sa.Column("looks", sa.Integer(), nullable=False),
        sa.Column("next_look_at", TIME, nullable=True),
        sa.CheckConstraint(
            "status IN ('open', 'complete', 'failed', 'expired')", name=op.f("billing_checkouts_status_check")
        ),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["billing_customers.id"], name=op.f("billing_checkouts_customer_id_fkey")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("billing_checkouts_pkey")),
        sa.UniqueConstraint("customer_id", "key", name=op.f("billing_checkouts_customer_id_key_key")),
        sa.UniqueConstraint("session_id", name=op.f("billing_checkouts_session_id_key")),
    )
    op.create_index(
        "billing_checkouts_next_look_at_idx",
        "billing_checkouts",
        ["next_look_at"],
        postgresql_where=TO_LOOK_AT,
        sqlite_where=TO_LOOK_AT,
    )
    op.create_table(
        "billing_stripe_prices",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("lookup_key", sa.Text(), nullable=False),
        sa.Column("seen_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("billing_stripe_prices_pkey")),
    )
    op.create_table(
        "billing_subscriptions",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("customer_id", sa.Text(), nullable=False),
        sa.Column("price", sa.Text(), nullable=True),
        sa.Column("lookup_key", sa.Text(), nullable=True),
        sa.Column("quantity", WHOLE, nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("current_period_end", TIME, nullable=True),
        sa.Column("cancels", sa.Boolean(), nullable=False),
        sa.Column("cancel_at", TIME, nullable=True),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("ended_at", TIME, nullable=True),
        sa.Column("seen_at", TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["billing_customers.id"], name=op.f("billing_subscriptions_customer_id_fkey")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("billing_subscriptions_pkey")),
    )
    op.create_index(op.f("billing_subscriptions_customer_id_idx"), "billing_subscriptions", ["customer_id"])


def downgrade() -> None:
    for table in (
        "billing_subscriptions",
        "billing_stripe_prices",
        "billing_checkouts",
        "billing_topups",
        "billing_conversations",
    ):
        op.drop_table(table)
