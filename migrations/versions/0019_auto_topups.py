"""Wallets that are topped up by themselves: their purchases, and what stands in the way of the next one."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

JSON = sa.JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")
WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TIME = sa.DateTime(timezone=True)
OPEN = sa.text("status = 'open'")
GOING_ON = sa.text("automatic IS NOT NULL AND status IN ('open', 'pending')")
NAMES = (
    "id, kind, subject, customer_id, params, status, reason, answer, attempts, asked_at, next_attempt_at, "
    "created_at, ended_at"
)
KINDS = "kind IN ('customer', 'topup', 'subscription', 'refund', 'change'"


def upgrade() -> None:
    _conversations(f"{KINDS}, 'auto_topup')")
    op.add_column("billing_topups", sa.Column("automatic", WHOLE, nullable=True))
    op.create_index(
        "billing_topups_one_automatic_idx", "billing_topups", ["customer_id", "unit"], unique=True,
        postgresql_where=GOING_ON, sqlite_where=GOING_ON,
    )  # fmt: skip
    op.create_table(
        "billing_auto_topups",
        sa.Column("customer_id", sa.Text(), nullable=False),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("message", sa.Text(), nullable=True),
        sa.Column("held_at", TIME, nullable=True),
        sa.Column("next_attempt_at", TIME, nullable=True),
        sa.Column("paused_at", TIME, nullable=True),
        sa.Column("payment_method", sa.Text(), nullable=True),
        sa.Column("agreed_at", TIME, nullable=True),
        sa.Column("changed_at", TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["billing_customers.id"], name=op.f("billing_auto_topups_customer_id_fkey")
        ),
        sa.CheckConstraint("failures >= 0", name=op.f("billing_auto_topups_failures_check")),
        sa.PrimaryKeyConstraint("customer_id", "unit", name=op.f("billing_auto_topups_pkey")),
    )


def downgrade() -> None:
    op.drop_table("billing_auto_topups")
    op.drop_index("billing_topups_one_automatic_idx", "billing_topups")
    op.drop_column("billing_topups", "automatic")
    op.execute("DELETE FROM billing_conversations WHERE kind = 'auto_topup'")
    _conversations(f"{KINDS})")


def _conversations(rule: str) -> None:
    """The kinds there may be. SQLite can't change a table's rules: it is made anew with the rows that were there."""
    name = op.f("billing_conversations_kind_check")
    if op.get_bind().dialect.name != "sqlite":
        op.drop_constraint(name, "billing_conversations")
        op.create_check_constraint(name, "billing_conversations", rule)
        return
    op.execute("CREATE TEMP TABLE kept AS SELECT * FROM billing_conversations")
    op.drop_table("billing_conversations")
    op.create_table(
        "billing_conversations",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("customer_id", sa.Text(), nullable=False),
        sa.Column("params", JSON, nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("answer", sa.Text(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("asked_at", TIME, nullable=True),
        sa.Column("next_attempt_at", TIME, nullable=True),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("ended_at", TIME, nullable=True),
        sa.CheckConstraint(rule, name=name),
        sa.CheckConstraint(
            "status IN ('open', 'done', 'refused', 'given_up')", name=op.f("billing_conversations_status_check")
        ),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["billing_customers.id"], name=op.f("billing_conversations_customer_id_fkey")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("billing_conversations_pkey")),
    )
    op.create_index(op.f("billing_conversations_customer_id_idx"), "billing_conversations", ["customer_id"])
    for index, columns, unique in (
        ("billing_conversations_one_open_idx", ["kind", "subject"], True),
        ("billing_conversations_open_idx", ["next_attempt_at"], False),
    ):
        op.create_index(index, "billing_conversations", columns, unique=unique, sqlite_where=OPEN)
    op.execute(f"INSERT INTO billing_conversations ({NAMES}) SELECT {NAMES} FROM kept")
    op.execute("DROP TABLE kept")
