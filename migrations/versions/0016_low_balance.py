"""Whose credits run low: when the period began that a share is of, and how far the sweep has come.

A wallet that is empty now was so before anybody could be told of it: it is told when it is empty again.
"""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.add_column("billing_wallets", sa.Column("low_from", sa.DateTime(timezone=True), nullable=True))
    op.execute("UPDATE billing_wallets SET low_told = 0 WHERE available = 0")
    op.create_table(
        "billing_low_sweep",
        sa.Column("one", WHOLE, autoincrement=False, nullable=False),
        sa.Column("wallet_id", WHOLE, nullable=False),
        sa.CheckConstraint("one = 1", name=op.f("billing_low_sweep_one_check")),
        sa.PrimaryKeyConstraint("one", name=op.f("billing_low_sweep_pkey")),
    )


def downgrade() -> None:
    op.drop_table("billing_low_sweep")
    op.drop_column("billing_wallets", "low_from")
