"""Versions of the catalog hold from a date; a bucket may be rolled over, a wallet have a free plan."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from billing.base.schema import append_only

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
JSON = sa.JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")
TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "billing_catalog_versions",
        sa.Column("number", WHOLE, autoincrement=False, nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("holds_from", TIME, nullable=False),
        sa.Column("applied_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("billing_catalog_versions_pkey")),
    )
    for statement in append_only(op.get_bind().dialect.name, "billing_catalog_versions"):
        op.execute(statement)
    for table in ("billing_wallets", "billing_wallet_terms"):
        op.add_column(table, sa.Column("plan_from", TIME, nullable=True))
        op.add_column(table, sa.Column("free", JSON, nullable=True))
    for column in (
        sa.Column("paid_at", TIME, nullable=True),
        sa.Column("rolled_back", WHOLE, nullable=False, server_default="0"),
    ):
        op.add_column("billing_buckets", column)


def downgrade() -> None:
    for name in ("rolled_back", "paid_at"):
        op.drop_column("billing_buckets", name)
    for table in ("billing_wallet_terms", "billing_wallets"):
        op.drop_column(table, "free")
        op.drop_column(table, "plan_from")
    op.drop_table("billing_catalog_versions")
