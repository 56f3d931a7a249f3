"""Sales say what level they bring, plan changes what they took, subscriptions what more is known of them."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from billing.base.schema import append_only

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

JSON = sa.JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")
WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TIME = sa.DateTime(timezone=True)
MIRRORED = (
    ("subscribed_items", JSON),
    ("trial_end", TIME),
    ("collection_paused", sa.Text()),
    ("billing_mode", sa.Text()),
)


def upgrade() -> None:
    op.add_column("billing_sales", sa.Column("level", WHOLE, nullable=True))
    op.add_column("billing_sales", sa.Column("every", sa.Text(), nullable=True))
    op.add_column("billing_sales", sa.Column("part", sa.Text(), nullable=True))
    for name, kind in MIRRORED:
        op.add_column("billing_subscriptions", sa.Column(name, kind, nullable=True))
    op.create_table(
        "billing_change_takings",
        sa.Column("wallet_id", WHOLE, autoincrement=False, nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("sale", sa.Text(), nullable=False),
        sa.Column("ends_at", TIME, nullable=False),
        sa.Column("credits", WHOLE, nullable=False),
        sa.Column("cents", WHOLE, nullable=False),
        sa.CheckConstraint(
            "credits >= 0 AND cents >= 0 AND credits + cents > 0", name=op.f("billing_change_takings_amounts_check")
        ),
        sa.ForeignKeyConstraint(
            ["wallet_id", "origin"],
            ["billing_sales.wallet_id", "billing_sales.origin"],
            name=op.f("billing_change_takings_wallet_id_origin_fkey"),
        ),
        sa.ForeignKeyConstraint(
            ["wallet_id", "sale"],
            ["billing_sales.wallet_id", "billing_sales.origin"],
            name=op.f("billing_change_takings_wallet_id_sale_fkey"),
        ),
        sa.PrimaryKeyConstraint("wallet_id", "origin", "sale", "ends_at", name=op.f("billing_change_takings_pkey")),
    )
    for statement in append_only(op.get_bind().dialect.name, "billing_change_takings"):
        op.execute(statement)


def downgrade() -> None:
    op.drop_table("billing_change_takings")
    for name, _ in reversed(MIRRORED):
        op.drop_column("billing_subscriptions", name)
    for name in ("part", "every", "level"):
        op.drop_column("billing_sales", name)
