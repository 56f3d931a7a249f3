"""Whose credits run low: when the period began that a share is of, and how far steps have come that walk over wallets.

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
        "billing_walks",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("wallet_id", WHOLE, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("billing_walks_pkey")),
    )


def downgrade() -> None:
    op.drop_table("billing_walks")
    op.drop_column("billing_wallets", "low_from")
