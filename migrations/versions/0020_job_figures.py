"""How much a job did: of each run, and of all its runs."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
GIVEN_UP = sa.text("status = 'given_up'")
TOTALS = ("done_rows", "failed_runs", "lost_runs")


def upgrade() -> None:
    op.add_column("billing_job_runs", sa.Column("done", WHOLE, nullable=True))
    op.create_index(op.f("billing_job_runs_started_at_idx"), "billing_job_runs", ["started_at"])
    op.create_index(op.f("billing_conversations_given_up_idx"), "billing_conversations", ["ended_at"],
                    postgresql_where=GIVEN_UP, sqlite_where=GIVEN_UP)  # fmt: skip
    for name in TOTALS:
        op.add_column("billing_jobs", sa.Column(name, WHOLE, nullable=False, server_default="0"))


def downgrade() -> None:
    for name in reversed(TOTALS):
        op.drop_column("billing_jobs", name)
    op.drop_index(op.f("billing_conversations_given_up_idx"), "billing_conversations")
    op.drop_index(op.f("billing_job_runs_started_at_idx"), "billing_job_runs")
    op.drop_column("billing_job_runs", "done")
