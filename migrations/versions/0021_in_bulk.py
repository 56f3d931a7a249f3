"""What was counted and noticed refers to wallets and buckets without a foreign key: it is no part of the books, and can
be made anew from them. What Stripe was asked is found by when it ended, to let go what is old.
"""

from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

KEYS = (
    ("billing_usage_days", ("wallet_id",), "billing_wallets", ("id",)),
    ("billing_usage_counts", ("wallet_id",), "billing_wallets", ("id",)),
    ("billing_expiry_warnings", ("wallet_id", "bucket"), "billing_buckets", ("wallet_id", "number")),
)


def upgrade() -> None:
    for table, own, *_ in KEYS:
        with op.batch_alter_table(table) as batch:
            batch.drop_constraint(op.f(f"{table}_{'_'.join(own)}_fkey"), type_="foreignkey")
    op.create_index(op.f("billing_conversations_ended_at_idx"), "billing_conversations", ["ended_at"])


def downgrade() -> None:
    op.drop_index(op.f("billing_conversations_ended_at_idx"), "billing_conversations")
    for table, own, referred, its in KEYS:
        with op.batch_alter_table(table) as batch:
            batch.create_foreign_key(op.f(f"{table}_{'_'.join(own)}_fkey"), referred, [*own], [*its])
