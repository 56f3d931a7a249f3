"""What customers ask of their subscriptions."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

JSON = sa.JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")
WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TIME = sa.DateTime(timezone=True)
OPEN = sa.text("status = 'open'")
NAMES = "id, kind, subject, customer_id, params, status, reason, answer, attempts, asked_at, next_attempt_at"
KINDS = "kind IN ('customer', 'topup', 'subscription', 'refund'"


def upgrade() -> None:
    _conversations(f"{KINDS}, 'change')")
    op.create_table(
        "billing_subscription_changes",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("customer_id", sa.Text(), nullable=False),
        sa.Column("subscription_id", sa.Text(), nullable=False),
        sa.Column("number", WHOLE, nullable=False),
        sa.Column("act", sa.Text(), nullable=False),
        sa.Column("was", JSON, nullable=False),
        sa.Column("will", JSON, nullable=False),
        sa.Column("takes_effect_at", TIME, nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("seen_at", TIME, nullable=True),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("request", sa.Text(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("ended_at", TIME, nullable=True),
        sa.CheckConstraint(
            "act IN ('change', 'cancel', 'resume')", name=op.f("billing_subscription_changes_act_check")
        ),
        sa.CheckConstraint(
            "status IN ('open', 'done', 'failed')", name=op.f("billing_subscription_changes_status_check")
        ),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["billing_customers.id"], name=op.f("billing_subscription_changes_customer_id_fkey")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("billing_subscription_changes_pkey")),
        sa.UniqueConstraint("customer_id", "key", name=op.f("billing_subscription_changes_customer_id_key_key")),
        sa.UniqueConstraint(
            "subscription_id", "number", name=op.f("billing_subscription_changes_subscription_id_number_key")
        ),
    )
    op.create_index(
        "billing_subscription_changes_one_open_idx",
        "billing_subscription_changes",
        ["subscription_id"],
        unique=True,
        postgresql_where=OPEN,
        sqlite_where=OPEN,
    )


def downgrade() -> None:
    op.drop_table("billing_subscription_changes")
    op.execute("DELETE FROM billing_conversations WHERE kind = 'change'")
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
    names = f"{NAMES}, created_at, ended_at"
    op.execute(f"INSERT INTO billing_conversations ({names}) SELECT {names} FROM kept")
    op.execute("DROP TABLE kept")
