"""When the money of refunds and disputes went back, and when it did not after all; a charge and its payment intent are
one payment.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)
ADDED: tuple[tuple[str, str, Any], ...] = (
    *(("billing_refunds", name, TIME) for name in ("succeeded_at", "failed_at")),
    *(("billing_disputes", name, TIME) for name in ("lost_at", "back_at")),
    ("billing_payments", "intent", sa.Text()),
)
# Both ids of a payment were written down in one moment, when one was heard of before the payment itself.
BESIDE = """
    SELECT intent.id FROM billing_payments intent
    WHERE intent.id LIKE 'pi\\_%' ESCAPE '\\' AND intent.seen_at = billing_payments.seen_at
    AND COALESCE(intent.invoice_id, '') = COALESCE(billing_payments.invoice_id, '')
    AND COALESCE(intent.session_id, '') = COALESCE(billing_payments.session_id, '')
"""


def upgrade() -> None:
    for table, name, type_ in ADDED:
        op.add_column(table, sa.Column(name, type_, nullable=True))
    op.create_index(op.f("billing_refunds_customer_id_idx"), "billing_refunds", ["customer_id"])
    op.execute(f"""
        UPDATE billing_payments SET intent = (SELECT MIN(id) FROM ({BESIDE}) beside)
        WHERE id NOT LIKE 'pi\\_%' ESCAPE '\\' AND (SELECT COUNT(*) FROM ({BESIDE}) beside) = 1
    """)


def downgrade() -> None:
    op.drop_index(op.f("billing_refunds_customer_id_idx"), "billing_refunds")
    for table, name, _ in ADDED[::-1]:
        op.drop_column(table, name)
