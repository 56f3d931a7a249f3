"""What was paid for a top-up, what came on top, how its Checkout was opened; in what currency one buys at Stripe."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

JSON = sa.JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")
WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.add_column("billing_topups", sa.Column("bonus", WHOLE, nullable=True))
    op.add_column("billing_topups", sa.Column("paid_cents", WHOLE, nullable=True))
    op.add_column("billing_topups", sa.Column("opened_as", JSON, nullable=True))
    op.add_column("billing_stripe_customers", sa.Column("currency", sa.Text(), nullable=True))


def downgrade() -> None:
    op.drop_column("billing_stripe_customers", "currency")
    for column in ("opened_as", "paid_cents", "bonus"):
        op.drop_column("billing_topups", column)
