"""One payment may have paid several invoices, a part of each: a row for each of them."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

NAME = "billing_payments"
RETURNS = ("billing_refunds", "billing_disputes")
COLUMNS = "id, invoice_id, session_id, cents, seen_at, intent"


def upgrade() -> None:
    op.add_column("billing_refunds", sa.Column("meant_for", sa.Text(), nullable=True))
    op.add_column("billing_refund_orders", sa.Column("invoice_id", sa.Text(), nullable=True))
    if op.get_bind().dialect.name == "sqlite":
        _remake(f"{COLUMNS}, COALESCE(invoice_id, session_id)", "id, purchase")
    else:
        op.add_column(NAME, sa.Column("purchase", sa.Text(), nullable=True))
        op.execute(f"UPDATE {NAME} SET purchase = COALESCE(invoice_id, session_id)")
        op.alter_column(NAME, "purchase", nullable=False)
        op.drop_constraint(op.f("billing_payments_pkey"), NAME)
        op.create_primary_key(op.f("billing_payments_pkey"), NAME, ["id", "purchase"])
    op.create_index(op.f("billing_payments_intent_idx"), NAME, ["intent"])
    for table in RETURNS:
        op.create_index(op.f(f"{table}_payment_idx"), table, ["payment"])
    op.execute("""
        UPDATE billing_refund_orders SET invoice_id = (
            SELECT MIN(s.invoice_id) FROM billing_sales s
            WHERE s.customer_id = billing_refund_orders.customer_id
            AND (s.invoice_id = purchase OR s.session_id = purchase OR s.origin = purchase)
        )
    """)


def downgrade() -> None:
    for table in RETURNS:
        op.drop_index(op.f(f"{table}_payment_idx"), table)
    op.drop_index(op.f("billing_payments_intent_idx"), NAME)
    first = f"(id, purchase) IN (SELECT id, MIN(purchase) FROM {NAME} GROUP BY id)"
    op.execute(f"DELETE FROM {NAME} WHERE NOT ({first})")
    if op.get_bind().dialect.name == "sqlite":
        _remake(COLUMNS, "id")
    else:
        op.drop_constraint(op.f("billing_payments_pkey"), NAME)
        op.create_primary_key(op.f("billing_payments_pkey"), NAME, ["id"])
        op.drop_column(NAME, "purchase")
    op.drop_column("billing_refund_orders", "invoice_id")
    op.drop_column("billing_refunds", "meant_for")


def _remake(columns: str, key: str) -> None:
    """SQLite changes no primary key: the table is made anew."""
    for name in ("invoice_id", "session_id"):
        op.drop_index(op.f(f"billing_payments_{name}_idx"), NAME)
    op.rename_table(NAME, "billing_payments_before")
    by_purchase = [sa.Column("purchase", sa.Text(), nullable=False)] if "purchase" in key else []
    op.create_table(
        NAME,
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("invoice_id", sa.Text(), nullable=True),
        sa.Column("session_id", sa.Text(), nullable=True),
        sa.Column("cents", sa.Integer(), nullable=True),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("intent", sa.Text(), nullable=True),
        *by_purchase,
        sa.CheckConstraint(
            "invoice_id IS NOT NULL OR session_id IS NOT NULL", name=op.f("billing_payments_purchase_check")
        ),
        sa.PrimaryKeyConstraint(*key.split(", "), name=op.f("billing_payments_pkey")),
    )
    op.execute(f"INSERT INTO {NAME} SELECT {columns} FROM billing_payments_before")
    op.drop_table("billing_payments_before")
    for name in ("invoice_id", "session_id"):
        op.create_index(op.f(f"billing_payments_{name}_idx"), NAME, [name])
