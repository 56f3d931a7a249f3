"""What is sent to whom of what is told; webhook endpoints; who does not want what."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

JSON = sa.JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")
TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    _notices()
    op.create_table(
        "billing_notice_lanes",
        sa.Column("lane", sa.Text(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("failing_since", TIME, nullable=True),
        sa.Column("rest_until", TIME, nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("lane", name=op.f("billing_notice_lanes_pkey")),
    )
    op.create_table(
        "billing_webhook_endpoints",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("events", JSON, nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("secret", sa.Text(), nullable=False),
        sa.Column("old_secret", sa.Text(), nullable=True),
        sa.Column("old_secret_until", TIME, nullable=True),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("disabled_at", TIME, nullable=True),
        sa.Column("disabled_reason", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("billing_webhook_endpoints_pkey")),
    )
    op.create_table(
        "billing_unsubscribed",
        sa.Column("customer_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("since", TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["billing_customers.id"], name=op.f("billing_unsubscribed_customer_id_fkey"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("customer_id", "kind", name=op.f("billing_unsubscribed_pkey")),
    )  # fmt: skip


def _notices() -> None:
    op.create_table(
        "billing_notices",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("lane", sa.Text(), nullable=False),
        sa.Column("customer_id", sa.Text(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=True),
        sa.Column("cause", sa.Text(), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("next_attempt_at", TIME, nullable=True),
        sa.Column("lease", sa.Text(), nullable=True),
        sa.Column("ended_at", TIME, nullable=True),
        sa.CheckConstraint("channel IN ('mail', 'webhook', 'staff')", name=op.f("billing_notices_channel_check")),
        sa.CheckConstraint(
            "status IN ('waiting', 'sent', 'dropped', 'given_up')", name=op.f("billing_notices_status_check")
        ),
        sa.ForeignKeyConstraint(
            ["event_id"], ["billing_outbox.id"], name=op.f("billing_notices_event_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("billing_notices_pkey")),
        sa.UniqueConstraint("event_id", "channel", "target", name=op.f("billing_notices_event_id_channel_target_key")),
        sa.UniqueConstraint("target", "cause", name=op.f("billing_notices_target_cause_key")),
    )
    for column in ("customer_id", "created_at"):
        op.create_index(op.f(f"billing_notices_{column}_idx"), "billing_notices", [column])
    waiting = sa.text("status = 'waiting'")
    op.create_index(
        op.f("billing_notices_waiting_idx"), "billing_notices", ["lane", "next_attempt_at"],
        postgresql_where=waiting, sqlite_where=waiting,
    )  # fmt: skip
    given_up = sa.text("status = 'given_up'")
    op.create_index(
        op.f("billing_notices_given_up_idx"), "billing_notices", ["id"],
        postgresql_where=given_up, sqlite_where=given_up,
    )  # fmt: skip


def downgrade() -> None:
    for table in ("billing_unsubscribed", "billing_webhook_endpoints", "billing_notice_lanes", "billing_notices"):
        op.drop_table(table)
