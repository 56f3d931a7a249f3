"""When the money of refunds and disputes went back, and when it did not after all."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0011"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)
ADDED = (
    *(("billing_refunds", name) for name in ("succeeded_at", "failed_at")),
    *(("billing_disputes", name) for name in ("lost_at", "back_at")),
)


def upgrade() -> None:
    for table, name in ADDED:
        op.add_column(table, sa.Column(name, TIME, nullable=True))


def downgrade() -> None:
    for table, name in ADDED[::-1]:
        op.drop_column(table, name)
