"""Sales have months, and money goes back."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from billing.base.schema import append_only

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

JSON = sa.JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")
WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TIME = sa.DateTime(timezone=True)
AT_ONCE = 500
TAKEN = sa.text("kind IN ('clawback', 'owe', 'restore', 'credit_back')")
BUCKETS_NEW = (
    "sale",
    "month",
    "rolled_from",
    "at_end",
    "disputed",
    "voided",
    "counted",
    "expired_cents",
    "voided_cents",
)
KINDS = "kind IN ('customer', 'topup', 'subscription'"


def upgrade() -> None:
    _wallets()
    if op.get_bind().dialect.name == "sqlite":
        _anew("billing_buckets", _buckets)
        _anew("billing_conversations", _conversations)
    else:
        _widen_buckets()
        _check("billing_conversations", "kind", KINDS + ", 'refund')")
    op.create_index(
        "billing_entries_taken_idx",
        "billing_entries",
        ["wallet_id", "number"],
        postgresql_where=TAKEN,
        sqlite_where=TAKEN,
    )
    _months()
    _one_month_each()
    _unused()
    if op.get_bind().dialect.name == "sqlite":
        _anew("billing_sales", _sales)
        _append_only("billing_sales")
    else:
        op.drop_column("billing_sales", "bucket")
        op.add_column("billing_sales", sa.Column("total_cents", WHOLE, nullable=True))
        op.create_foreign_key(
            op.f("billing_sales_wallet_id_fkey"), "billing_sales", "billing_wallets", ["wallet_id"], ["id"]
        )
        _check("billing_sales", "kind", "kind IN ('allocation', 'change', 'pack')")
    _facts()


def downgrade() -> None:
    for table in ("billing_refund_orders", "billing_disputes", "billing_refunds", "billing_payments"):
        op.drop_table(table)
    if op.get_bind().dialect.name == "sqlite":
        _anew("billing_sales", _old_sales, bucket=FIRST_BUCKET)
        _append_only("billing_sales")
    else:
        _narrow_sales()
    op.drop_table("billing_months")
    op.drop_index("billing_entries_taken_idx", "billing_entries")
    if op.get_bind().dialect.name == "sqlite":
        _anew("billing_conversations", _old_conversations)
        _anew("billing_buckets", _old_buckets, is_open="free + held > 0")
    else:
        _check("billing_conversations", "kind", KINDS + ")")
        op.drop_index("billing_buckets_sale_idx", "billing_buckets")
        for name in reversed(BUCKETS_NEW):
            op.drop_column("billing_buckets", name)
        op.execute("UPDATE billing_buckets SET is_open = (free + held > 0) WHERE is_open <> (free + held > 0)")
        _check("billing_buckets", "is_open", "is_open = (free + held > 0)")
    op.drop_column("billing_wallets", "open_months")
    op.drop_column("billing_wallets", "last_month")


FIRST_BUCKET = (
    "(SELECT bucket FROM billing_months AS m WHERE m.wallet_id = kept.wallet_id AND m.sale = kept.origin AND place = 1)"
)


def _wallets() -> None:
    for name in ("last_month", "open_months"):
        op.add_column("billing_wallets", sa.Column(name, WHOLE, server_default="0", nullable=False))


def _anew(table: str, make: Callable[[], None], **others: str) -> None:
    """SQLite can't change a table's rules: it is made anew with the rows that were there. `others`: columns that are
    reckoned from them.
    """
    connection = op.get_bind()
    before = [column["name"] for column in sa.inspect(connection).get_columns(table)]
    op.execute(f"CREATE TEMP TABLE kept AS SELECT * FROM {table}")
    op.drop_table(table)
    make()
    after = [column["name"] for column in sa.inspect(connection).get_columns(table)]
    names = [name for name in after if name in before or name in others]
    values = [others.get(name, name) for name in names]
    op.execute(f"INSERT INTO {table} ({', '.join(names)}) SELECT {', '.join(values)} FROM kept")
    op.execute("DROP TABLE kept")


def _check(table: str, name: str, rule: str) -> None:
    op.drop_constraint(op.f(f"{table}_{name}_check"), table)
    op.create_check_constraint(op.f(f"{table}_{name}_check"), table, rule)


def _append_only(table: str) -> None:
    for statement in append_only(op.get_bind().dialect.name, table):
        op.execute(statement)


def _widen_buckets() -> None:
    kinds: list[Any] = [sa.Text(), WHOLE, WHOLE, JSON]
    for name, kind in zip(BUCKETS_NEW[:4], kinds, strict=True):
        op.add_column("billing_buckets", sa.Column(name, kind, nullable=True))
    for name in BUCKETS_NEW[4:]:
        op.add_column("billing_buckets", sa.Column(name, WHOLE, server_default="0", nullable=False))
    _check("billing_buckets", "is_open", "is_open OR free + held = 0")
    for name, rule in (
        ("disputed", "disputed >= 0 AND disputed <= held"),
        ("counted", "counted >= 0 AND counted <= expired + voided"),
        ("unused", "expired_cents >= 0 AND voided_cents >= 0"),
    ):
        op.create_check_constraint(op.f(f"billing_buckets_{name}_check"), "billing_buckets", rule)
    op.create_index(
        "billing_buckets_sale_idx",
        "billing_buckets",
        ["wallet_id", "sale"],
        postgresql_where=sa.text("sale IS NOT NULL"),
    )


def _narrow_sales() -> None:
    op.add_column("billing_sales", sa.Column("bucket", WHOLE, nullable=True))
    op.execute("ALTER TABLE billing_sales DISABLE TRIGGER billing_sales_refuse_change")
    op.execute(f"UPDATE billing_sales AS kept SET bucket = {FIRST_BUCKET}")
    op.execute("ALTER TABLE billing_sales ENABLE TRIGGER billing_sales_refuse_change")
    op.alter_column("billing_sales", "bucket", nullable=False)
    op.drop_constraint(op.f("billing_sales_wallet_id_fkey"), "billing_sales")
    op.create_foreign_key(
        op.f("billing_sales_wallet_id_bucket_fkey"),
        "billing_sales",
        "billing_buckets",
        ["wallet_id", "bucket"],
        ["wallet_id", "number"],
    )
    op.create_unique_constraint(op.f("billing_sales_wallet_id_bucket_key"), "billing_sales", ["wallet_id", "bucket"])
    op.drop_column("billing_sales", "total_cents")
    _check("billing_sales", "kind", "kind IN ('allocation', 'pack')")


def _one_month_each() -> None:
    """What was sold so far was granted at once: a sale of one month each."""
    connection = op.get_bind()
    months = sa.table("billing_months", *(sa.column(name, kind) for name, kind in MONTHS.items()))
    its = "b.wallet_id = s.wallet_id AND b.number = s.bucket"
    query = sa.text(
        "SELECT s.wallet_id, s.origin, s.bucket, s.credits, s.cents, s.currency, s.recorded_at, b.effective_at, "
        "b.period_end, b.expires_at, b.description, b.series, b.priority, b.features, b.metadata, "
        "row_number() OVER (PARTITION BY s.wallet_id ORDER BY s.bucket) AS number "
        f"FROM billing_sales AS s JOIN billing_buckets AS b ON {its} ORDER BY s.wallet_id, s.bucket"
    ).columns(recorded_at=TIME, effective_at=TIME, period_end=TIME, expires_at=TIME, features=JSON, metadata=JSON)
    rows = [_month(row) for row in connection.execute(query)]
    for first in range(0, len(rows), AT_ONCE):
        connection.execute(months.insert(), rows[first : first + AT_ONCE])
    its = "m.wallet_id = billing_buckets.wallet_id AND m.bucket = billing_buckets.number"
    for name, value in (("sale", "sale"), ("month", "number")):
        op.execute(f"UPDATE billing_buckets SET {name} = (SELECT m.{value} FROM billing_months AS m WHERE {its})")
    op.execute(
        "UPDATE billing_wallets SET last_month = "
        "(SELECT count(*) FROM billing_months AS m WHERE m.wallet_id = billing_wallets.id)"
    )


MONTHS: dict[str, Any] = {
    "wallet_id": WHOLE, "number": WHOLE, "sale": sa.Text(), "place": sa.Integer(), "starts_at": TIME, "ends_at": TIME,
    "credits": WHOLE, "cents": WHOLE, "currency": sa.Text(), "terms": JSON, "made_at": TIME, "bucket": WHOLE,
    "allotted": WHOLE, "taken": WHOLE, "left_cents": WHOLE, "broken_cents": WHOLE, "to_hold": WHOLE, "owed": WHOLE,
    "unearned_cents": WHOLE, "is_open": sa.Boolean(),
}  # fmt: skip


def _month(row: Any) -> dict[str, Any]:
    def text(at: datetime | None) -> str | None:
        return None if at is None else (at if at.tzinfo else at.replace(tzinfo=UTC)).isoformat()

    terms = {
        "description": row.description, "series": row.series, "priority": row.priority, "features": row.features,
        "expires_at": text(row.expires_at), "period_end": text(row.period_end), "metadata": row.metadata,
    }  # fmt: skip
    return {
        "wallet_id": row.wallet_id, "number": row.number, "sale": row.origin, "place": 1,
        "starts_at": row.effective_at, "ends_at": row.period_end, "credits": row.credits, "cents": row.cents,
        "currency": row.currency, "terms": {name: value for name, value in terms.items() if value is not None},
        "made_at": row.recorded_at, "bucket": row.bucket, "allotted": row.credits, "taken": 0, "left_cents": 0,
        "broken_cents": 0, "to_hold": 0, "owed": 0, "unearned_cents": 0, "is_open": False,
    }  # fmt: skip


def _unused() -> None:
    """What left buckets unused so far, with its cents."""
    its = "e.wallet_id = billing_buckets.wallet_id AND e.source = 'bucket:' || billing_buckets.number"
    for name, figure, kind in (
        ("voided", "credits", "void"),
        ("expired_cents", "cents", "expire"),
        ("voided_cents", "cents", "void"),
    ):
        some = f"SELECT coalesce(sum(e.{figure}), 0) FROM billing_entries AS e WHERE {its} AND e.kind = '{kind}'"
        op.execute(f"UPDATE billing_buckets SET {name} = ({some}) WHERE free + held < granted")


def _months() -> None:
    op.create_table(
        "billing_months",
        sa.Column("wallet_id", WHOLE, autoincrement=False, nullable=False),
        sa.Column("number", WHOLE, autoincrement=False, nullable=False),
        sa.Column("sale", sa.Text(), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("starts_at", TIME, nullable=False),
        sa.Column("ends_at", TIME, nullable=True),
        sa.Column("credits", WHOLE, nullable=False),
        sa.Column("cents", WHOLE, nullable=False),
        sa.Column("currency", sa.Text(), nullable=True),
        sa.Column("terms", JSON, nullable=False),
        sa.Column("made_at", TIME, nullable=False),
        sa.Column("bucket", WHOLE, nullable=True),
        sa.Column("cancelled_at", TIME, nullable=True),
        sa.Column("allotted", WHOLE, nullable=False),
        sa.Column("taken", WHOLE, nullable=False),
        sa.Column("left_cents", WHOLE, nullable=False),
        sa.Column("broken_cents", WHOLE, nullable=False),
        sa.Column("to_hold", WHOLE, nullable=False),
        sa.Column("owed", WHOLE, nullable=False),
        sa.Column("unearned_cents", WHOLE, nullable=False),
        sa.Column("is_open", sa.Boolean(), nullable=False),
        sa.CheckConstraint(
            "credits >= 0 AND cents >= 0 AND allotted >= 0 AND taken >= 0 AND allotted + taken <= credits",
            name=op.f("billing_months_credits_check"),
        ),
        sa.CheckConstraint(
            "left_cents >= 0 AND broken_cents >= 0 AND left_cents + broken_cents <= cents",
            name=op.f("billing_months_cents_check"),
        ),
        sa.CheckConstraint(
            "number > 0 AND place > 0 AND starts_at < ends_at", name=op.f("billing_months_places_check")
        ),
        sa.CheckConstraint(
            "to_hold >= 0 AND owed >= 0 AND unearned_cents >= 0", name=op.f("billing_months_figures_check")
        ),
        sa.ForeignKeyConstraint(
            ["wallet_id", "bucket"],
            ["billing_buckets.wallet_id", "billing_buckets.number"],
            name=op.f("billing_months_wallet_id_bucket_fkey"),
        ),
        sa.ForeignKeyConstraint(["wallet_id"], ["billing_wallets.id"], name=op.f("billing_months_wallet_id_fkey")),
        sa.PrimaryKeyConstraint("wallet_id", "number", name=op.f("billing_months_pkey")),
        sa.UniqueConstraint("wallet_id", "bucket", name=op.f("billing_months_wallet_id_bucket_key")),
        sa.UniqueConstraint("wallet_id", "sale", "place", name=op.f("billing_months_wallet_id_sale_place_key")),
    )
    op.create_index(
        "billing_months_open_idx",
        "billing_months",
        ["wallet_id"],
        unique=False,
        postgresql_where=sa.text("is_open"),
        sqlite_where=sa.text("is_open = 1"),
    )


def _facts() -> None:
    op.create_table(
        "billing_payments",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("invoice_id", sa.Text(), nullable=True),
        sa.Column("session_id", sa.Text(), nullable=True),
        sa.Column("cents", WHOLE, nullable=True),
        sa.Column("seen_at", TIME, nullable=False),
        sa.CheckConstraint(
            "invoice_id IS NOT NULL OR session_id IS NOT NULL", name=op.f("billing_payments_purchase_check")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("billing_payments_pkey")),
    )
    op.create_index(op.f("billing_payments_invoice_id_idx"), "billing_payments", ["invoice_id"], unique=False)
    op.create_index(op.f("billing_payments_session_id_idx"), "billing_payments", ["session_id"], unique=False)
    op.create_table(
        "billing_refunds",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("payment", sa.Text(), nullable=True),
        sa.Column("invoice_id", sa.Text(), nullable=True),
        sa.Column("session_id", sa.Text(), nullable=True),
        sa.Column("customer_id", sa.Text(), nullable=True),
        sa.Column("cents", WHOLE, nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("seen_at", TIME, nullable=False),
        sa.CheckConstraint("cents >= 0", name=op.f("billing_refunds_cents_check")),
        sa.PrimaryKeyConstraint("id", name=op.f("billing_refunds_pkey")),
    )
    op.create_index(op.f("billing_refunds_invoice_id_idx"), "billing_refunds", ["invoice_id"], unique=False)
    op.create_index(op.f("billing_refunds_session_id_idx"), "billing_refunds", ["session_id"], unique=False)
    op.create_table(
        "billing_disputes",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("payment", sa.Text(), nullable=True),
        sa.Column("invoice_id", sa.Text(), nullable=True),
        sa.Column("session_id", sa.Text(), nullable=True),
        sa.Column("customer_id", sa.Text(), nullable=True),
        sa.Column("cents", WHOLE, nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("withdrawn_cents", WHOLE, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("closed_at", TIME, nullable=True),
        sa.Column("told_at", TIME, nullable=False),
        sa.Column("seen_at", TIME, nullable=False),
        sa.CheckConstraint("cents >= 0", name=op.f("billing_disputes_cents_check")),
        sa.PrimaryKeyConstraint("id", name=op.f("billing_disputes_pkey")),
    )
    op.create_index(op.f("billing_disputes_invoice_id_idx"), "billing_disputes", ["invoice_id"], unique=False)
    op.create_index(op.f("billing_disputes_session_id_idx"), "billing_disputes", ["session_id"], unique=False)
    op.create_table(
        "billing_refund_orders",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("customer_id", sa.Text(), nullable=False),
        sa.Column("purchase", sa.Text(), nullable=False),
        sa.Column("payment", sa.Text(), nullable=False),
        sa.Column("cents", WHOLE, nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("refund_id", sa.Text(), nullable=True),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("request", sa.Text(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("ended_at", TIME, nullable=True),
        sa.CheckConstraint("status IN ('open', 'asked', 'failed')", name=op.f("billing_refund_orders_status_check")),
        sa.CheckConstraint("cents > 0", name=op.f("billing_refund_orders_cents_check")),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["billing_customers.id"], name=op.f("billing_refund_orders_customer_id_fkey")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("billing_refund_orders_pkey")),
        sa.UniqueConstraint("customer_id", "key", name=op.f("billing_refund_orders_customer_id_key_key")),
        sa.UniqueConstraint("refund_id", name=op.f("billing_refund_orders_refund_id_key")),
    )
    op.create_index(
        op.f("billing_refund_orders_customer_id_idx"), "billing_refund_orders", ["customer_id"], unique=False
    )


def _buckets() -> None:
    op.create_table(
        "billing_buckets",
        sa.Column("wallet_id", WHOLE, autoincrement=False, nullable=False),
        sa.Column("number", WHOLE, autoincrement=False, nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("granted", WHOLE, nullable=False),
        sa.Column("paid_cents", WHOLE, nullable=False),
        sa.Column("currency", sa.Text(), nullable=True),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("features", JSON, nullable=True),
        sa.Column("metadata", JSON, nullable=True),
        sa.Column("effective_at", TIME, nullable=False),
        sa.Column("granted_at", TIME, nullable=False),
        sa.Column("expires_at", TIME, nullable=True),
        sa.Column("series", sa.Text(), nullable=True),
        sa.Column("period_end", TIME, nullable=True),
        sa.Column("voided_at", TIME, nullable=True),
        sa.Column("free", WHOLE, nullable=False),
        sa.Column("held", WHOLE, nullable=False),
        sa.Column("cents", WHOLE, nullable=False),
        sa.Column("basis_cents", WHOLE, nullable=False),
        sa.Column("basis_credits", WHOLE, nullable=False),
        sa.Column("expired", WHOLE, nullable=False),
        sa.Column("is_open", sa.Boolean(), nullable=False),
        sa.Column("sale", sa.Text(), nullable=True),
        sa.Column("month", WHOLE, nullable=True),
        sa.Column("rolled_from", WHOLE, nullable=True),
        sa.Column("at_end", JSON, nullable=True),
        sa.Column("disputed", WHOLE, server_default="0", nullable=False),
        sa.Column("voided", WHOLE, server_default="0", nullable=False),
        sa.Column("counted", WHOLE, server_default="0", nullable=False),
        sa.Column("expired_cents", WHOLE, server_default="0", nullable=False),
        sa.Column("voided_cents", WHOLE, server_default="0", nullable=False),
        sa.CheckConstraint("counted >= 0 AND counted <= expired + voided", name=op.f("billing_buckets_counted_check")),
        sa.CheckConstraint("disputed >= 0 AND disputed <= held", name=op.f("billing_buckets_disputed_check")),
        sa.CheckConstraint("effective_at < expires_at", name=op.f("billing_buckets_validity_check")),
        sa.CheckConstraint("expired_cents >= 0 AND voided_cents >= 0", name=op.f("billing_buckets_unused_check")),
        sa.CheckConstraint(
            "free >= 0 AND held >= 0 AND cents >= 0 AND free + held <= granted", name=op.f("billing_buckets_left_check")
        ),
        sa.CheckConstraint("granted > 0 AND granted <= 1000000000000000", name=op.f("billing_buckets_granted_check")),
        sa.CheckConstraint("is_open OR free + held = 0", name=op.f("billing_buckets_is_open_check")),
        sa.CheckConstraint(
            "paid_cents >= 0 AND paid_cents <= 1000000000000", name=op.f("billing_buckets_paid_cents_check")
        ),
        sa.ForeignKeyConstraint(["wallet_id"], ["billing_wallets.id"], name=op.f("billing_buckets_wallet_id_fkey")),
        sa.PrimaryKeyConstraint("wallet_id", "number", name=op.f("billing_buckets_pkey")),
        sa.UniqueConstraint("wallet_id", "origin", name=op.f("billing_buckets_wallet_id_origin_key")),
        postgresql_with={"fillfactor": 70},
    )
    op.create_index(
        "billing_buckets_open_idx",
        "billing_buckets",
        ["wallet_id"],
        unique=False,
        postgresql_where=sa.text("is_open"),
        sqlite_where=sa.text("is_open = 1"),
    )
    op.create_index(
        "billing_buckets_sale_idx",
        "billing_buckets",
        ["wallet_id", "sale"],
        unique=False,
        postgresql_where=sa.text("sale IS NOT NULL"),
        sqlite_where=sa.text("sale IS NOT NULL"),
    )


def _old_buckets() -> None:
    op.create_table(
        "billing_buckets",
        sa.Column("wallet_id", WHOLE, autoincrement=False, nullable=False),
        sa.Column("number", WHOLE, autoincrement=False, nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("granted", WHOLE, nullable=False),
        sa.Column("paid_cents", WHOLE, nullable=False),
        sa.Column("currency", sa.Text(), nullable=True),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("features", JSON, nullable=True),
        sa.Column("metadata", JSON, nullable=True),
        sa.Column("effective_at", TIME, nullable=False),
        sa.Column("granted_at", TIME, nullable=False),
        sa.Column("expires_at", TIME, nullable=True),
        sa.Column("series", sa.Text(), nullable=True),
        sa.Column("period_end", TIME, nullable=True),
        sa.Column("voided_at", TIME, nullable=True),
        sa.Column("free", WHOLE, nullable=False),
        sa.Column("held", WHOLE, nullable=False),
        sa.Column("cents", WHOLE, nullable=False),
        sa.Column("basis_cents", WHOLE, nullable=False),
        sa.Column("basis_credits", WHOLE, nullable=False),
        sa.Column("expired", WHOLE, nullable=False),
        sa.Column("is_open", sa.Boolean(), nullable=False),
        sa.CheckConstraint("effective_at < expires_at", name=op.f("billing_buckets_validity_check")),
        sa.CheckConstraint(
            "free >= 0 AND held >= 0 AND cents >= 0 AND free + held <= granted", name=op.f("billing_buckets_left_check")
        ),
        sa.CheckConstraint("granted > 0 AND granted <= 1000000000000000", name=op.f("billing_buckets_granted_check")),
        sa.CheckConstraint("is_open = (free + held > 0)", name=op.f("billing_buckets_is_open_check")),
        sa.CheckConstraint(
            "paid_cents >= 0 AND paid_cents <= 1000000000000", name=op.f("billing_buckets_paid_cents_check")
        ),
        sa.ForeignKeyConstraint(["wallet_id"], ["billing_wallets.id"], name=op.f("billing_buckets_wallet_id_fkey")),
        sa.PrimaryKeyConstraint("wallet_id", "number", name=op.f("billing_buckets_pkey")),
        sa.UniqueConstraint("wallet_id", "origin", name=op.f("billing_buckets_wallet_id_origin_key")),
        postgresql_with={"fillfactor": 70},
    )
    op.create_index(
        "billing_buckets_open_idx",
        "billing_buckets",
        ["wallet_id"],
        unique=False,
        postgresql_where=sa.text("is_open"),
        sqlite_where=sa.text("is_open = 1"),
    )


def _sales() -> None:
    op.create_table(
        "billing_sales",
        sa.Column("wallet_id", WHOLE, autoincrement=False, nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("customer_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("product", sa.Text(), nullable=False),
        sa.Column("invoice_id", sa.Text(), nullable=True),
        sa.Column("session_id", sa.Text(), nullable=True),
        sa.Column("subscription_id", sa.Text(), nullable=True),
        sa.Column("item_id", sa.Text(), nullable=True),
        sa.Column("price", sa.Text(), nullable=True),
        sa.Column("quantity", WHOLE, nullable=False),
        sa.Column("period_start", TIME, nullable=True),
        sa.Column("period_end", TIME, nullable=True),
        sa.Column("credits", WHOLE, nullable=False),
        sa.Column("cents", WHOLE, nullable=False),
        sa.Column("currency", sa.Text(), nullable=True),
        sa.Column("paid_at", TIME, nullable=False),
        sa.Column("recorded_at", TIME, nullable=False),
        sa.Column("total_cents", WHOLE, nullable=True),
        sa.CheckConstraint("kind IN ('allocation', 'change', 'pack')", name=op.f("billing_sales_kind_check")),
        sa.ForeignKeyConstraint(["wallet_id"], ["billing_wallets.id"], name=op.f("billing_sales_wallet_id_fkey")),
        sa.PrimaryKeyConstraint("wallet_id", "origin", name=op.f("billing_sales_pkey")),
    )
    op.create_index(op.f("billing_sales_invoice_id_idx"), "billing_sales", ["invoice_id"], unique=False)
    op.create_index(op.f("billing_sales_item_id_idx"), "billing_sales", ["item_id"], unique=False)
    op.create_index(op.f("billing_sales_session_id_idx"), "billing_sales", ["session_id"], unique=False)


def _old_sales() -> None:
    op.create_table(
        "billing_sales",
        sa.Column("wallet_id", WHOLE, autoincrement=False, nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("customer_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("product", sa.Text(), nullable=False),
        sa.Column("bucket", WHOLE, nullable=False),
        sa.Column("invoice_id", sa.Text(), nullable=True),
        sa.Column("session_id", sa.Text(), nullable=True),
        sa.Column("subscription_id", sa.Text(), nullable=True),
        sa.Column("item_id", sa.Text(), nullable=True),
        sa.Column("price", sa.Text(), nullable=True),
        sa.Column("quantity", WHOLE, nullable=False),
        sa.Column("period_start", TIME, nullable=True),
        sa.Column("period_end", TIME, nullable=True),
        sa.Column("credits", WHOLE, nullable=False),
        sa.Column("cents", WHOLE, nullable=False),
        sa.Column("currency", sa.Text(), nullable=True),
        sa.Column("paid_at", TIME, nullable=False),
        sa.Column("recorded_at", TIME, nullable=False),
        sa.CheckConstraint("kind IN ('allocation', 'pack')", name=op.f("billing_sales_kind_check")),
        sa.ForeignKeyConstraint(
            ["wallet_id", "bucket"],
            ["billing_buckets.wallet_id", "billing_buckets.number"],
            name=op.f("billing_sales_wallet_id_bucket_fkey"),
        ),
        sa.PrimaryKeyConstraint("wallet_id", "origin", name=op.f("billing_sales_pkey")),
        sa.UniqueConstraint("wallet_id", "bucket", name=op.f("billing_sales_wallet_id_bucket_key")),
    )
    op.create_index(op.f("billing_sales_invoice_id_idx"), "billing_sales", ["invoice_id"], unique=False)
    op.create_index(op.f("billing_sales_item_id_idx"), "billing_sales", ["item_id"], unique=False)
    op.create_index(op.f("billing_sales_session_id_idx"), "billing_sales", ["session_id"], unique=False)


def _conversations() -> None:
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
        sa.CheckConstraint(
            "kind IN ('customer', 'topup', 'subscription', 'refund')", name=op.f("billing_conversations_kind_check")
        ),
        sa.CheckConstraint(
            "status IN ('open', 'done', 'refused', 'given_up')", name=op.f("billing_conversations_status_check")
        ),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["billing_customers.id"], name=op.f("billing_conversations_customer_id_fkey")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("billing_conversations_pkey")),
    )
    op.create_index(
        op.f("billing_conversations_customer_id_idx"), "billing_conversations", ["customer_id"], unique=False
    )
    op.create_index(
        "billing_conversations_one_open_idx",
        "billing_conversations",
        ["kind", "subject"],
        unique=True,
        postgresql_where=sa.text("status = 'open'"),
        sqlite_where=sa.text("status = 'open'"),
    )
    op.create_index(
        "billing_conversations_open_idx",
        "billing_conversations",
        ["next_attempt_at"],
        unique=False,
        postgresql_where=sa.text("status = 'open'"),
        sqlite_where=sa.text("status = 'open'"),
    )


def _old_conversations() -> None:
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
        sa.CheckConstraint(
            "kind IN ('customer', 'topup', 'subscription')", name=op.f("billing_conversations_kind_check")
        ),
        sa.CheckConstraint(
            "status IN ('open', 'done', 'refused', 'given_up')", name=op.f("billing_conversations_status_check")
        ),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["billing_customers.id"], name=op.f("billing_conversations_customer_id_fkey")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("billing_conversations_pkey")),
    )
    op.create_index(
        op.f("billing_conversations_customer_id_idx"), "billing_conversations", ["customer_id"], unique=False
    )
    op.create_index(
        "billing_conversations_one_open_idx",
        "billing_conversations",
        ["kind", "subject"],
        unique=True,
        postgresql_where=sa.text("status = 'open'"),
        sqlite_where=sa.text("status = 'open'"),
    )
    op.create_index(
        "billing_conversations_open_idx",
        "billing_conversations",
        ["next_attempt_at"],
        unique=False,
        postgresql_where=sa.text("status = 'open'"),
        sqlite_where=sa.text("status = 'open'"),
    )
