"""What was paid before our time, and how far Stripe was looked through."""

import sqlalchemy as sa
from alembic import op

from billing.base.schema import append_only

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "billing_before_start",
        sa.Column("stripe_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("happened_at", TIME, nullable=False),
        sa.Column("claimed_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("stripe_id", name=op.f("billing_before_start_pkey")),
    )
    for statement in append_only(op.get_bind().dialect.name, "billing_before_start"):
        op.execute(statement)
    op.create_table(
        "billing_stripe_sync",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("since", TIME, nullable=False),
        sa.Column("until", TIME, nullable=True),
        sa.Column("after", sa.Text(), nullable=True),
        sa.Column("finished_at", TIME, nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("billing_stripe_sync_pkey")),
    )
    op.create_index("billing_stripe_events_object_id_idx", "billing_stripe_events", ["object_id"])


def downgrade() -> None:
    op.drop_index("billing_stripe_events_object_id_idx", "billing_stripe_events")
    op.drop_table("billing_stripe_sync")
    op.drop_table("billing_before_start")
