"""The purse knows the currency of its cents."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("billing_wallets", sa.Column("purse_currency", sa.Text(), nullable=True))


def downgrade() -> None:
    op.drop_column("billing_wallets", "purse_currency")
