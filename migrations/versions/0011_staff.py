"""Staff, and their sessions; Stripe's events by type; since when a Stripe customer pays us."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "billing_staff",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("password", sa.Text(), nullable=True),
        sa.Column("link", sa.Text(), nullable=True),
        sa.Column("link_until", TIME, nullable=True),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("disabled_at", TIME, nullable=True),
        sa.CheckConstraint(
            "role IN ('viewer', 'reviewer', 'approver', 'admin')", name=op.f("billing_staff_role_check")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("billing_staff_pkey")),
        sa.UniqueConstraint("email", name=op.f("billing_staff_email_key")),
        sa.UniqueConstraint("link", name=op.f("billing_staff_link_key")),
    )
    op.create_table(
        "billing_staff_sessions",
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("staff_id", sa.Text(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("seen_at", TIME, nullable=False),
        sa.Column("ends_at", TIME, nullable=False),
        sa.Column("ended_at", TIME, nullable=True),
        sa.ForeignKeyConstraint(["staff_id"], ["billing_staff.id"], name=op.f("billing_staff_sessions_staff_id_fkey")),
        sa.PrimaryKeyConstraint("digest", name=op.f("billing_staff_sessions_pkey")),
    )
    op.create_index(op.f("billing_staff_sessions_staff_id_idx"), "billing_staff_sessions", ["staff_id"])
    op.create_table(
        "billing_sign_in_attempts",
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("since", TIME, nullable=False),
        sa.PrimaryKeyConstraint("subject", name=op.f("billing_sign_in_attempts_pkey")),
    )
    op.create_index(op.f("billing_sign_in_attempts_since_idx"), "billing_sign_in_attempts", ["since"])
    op.create_index("billing_stripe_events_type_idx", "billing_stripe_events", ["type", "created_at"])
    op.create_index("billing_months_starts_at_idx", "billing_months", ["starts_at"])
    op.add_column("billing_stripe_customers", sa.Column("starts_at", TIME, nullable=True))


def downgrade() -> None:
    op.drop_column("billing_stripe_customers", "starts_at")
    op.drop_index("billing_months_starts_at_idx", "billing_months")
    op.drop_index("billing_stripe_events_type_idx", "billing_stripe_events")
    for table in ("billing_sign_in_attempts", "billing_staff_sessions", "billing_staff"):
        op.drop_table(table)
