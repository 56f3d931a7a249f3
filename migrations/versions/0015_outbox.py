"""What is to be told to others stands in an outbox; a wallet knows when somebody is to be warned."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

JSON = sa.JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")
WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TIME = sa.DateTime(timezone=True)
COLUMNS: dict[str, sa.types.TypeEngine[Any]] = {
    "low_balance": JSON, "low_told": WHOLE, "low_base": WHOLE, "low_period": TIME, "auto_topup": JSON,
    "topup_due_at": TIME,
}  # fmt: skip


def upgrade() -> None:
    op.create_table(
        "billing_outbox",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("customer_id", sa.Text(), nullable=True),
        sa.Column("facts", JSON, nullable=False),
        sa.Column("once", sa.Text(), nullable=True),
        sa.Column("recorded_at", TIME, nullable=False),
        sa.Column("spread_at", TIME, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("billing_outbox_pkey")),
        sa.UniqueConstraint("once", name=op.f("billing_outbox_once_key")),
    )
    op.create_index(op.f("billing_outbox_recorded_at_idx"), "billing_outbox", ["recorded_at"])
    _partial("billing_outbox_waiting_idx", "billing_outbox", ["recorded_at", "id"], "spread_at IS NULL")
    for name, kind in COLUMNS.items():
        op.add_column("billing_wallets", sa.Column(name, kind, nullable=True))
    _partial("billing_wallets_topup_due_at_idx", "billing_wallets", ["topup_due_at"], "topup_due_at IS NOT NULL")


def downgrade() -> None:
    op.drop_index(op.f("billing_wallets_topup_due_at_idx"), "billing_wallets")
    for name in reversed(COLUMNS):
        op.drop_column("billing_wallets", name)
    op.drop_table("billing_outbox")


def _partial(name: str, table: str, columns: list[str], where: str) -> None:
    op.create_index(op.f(name), table, columns, postgresql_where=sa.text(where), sqlite_where=sa.text(where))
