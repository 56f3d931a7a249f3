"""The timetable: where each job stands, and what its runs did."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "billing_jobs",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("last_number", WHOLE, nullable=False),
        sa.Column("last_slot", sa.DateTime(timezone=True), nullable=False),
        sa.Column("open_slot", sa.DateTime(timezone=True), nullable=False),
        sa.Column("running", WHOLE, nullable=True),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("billing_jobs_pkey")),
    )
    op.create_table(
        "billing_job_runs",
        sa.Column("job", sa.Text(), nullable=False),
        sa.Column("number", WHOLE, nullable=False),
        sa.Column("first_slot", sa.DateTime(timezone=True), nullable=False),
        sa.Column("slot", sa.DateTime(timezone=True), nullable=False),
        sa.Column("runner", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("rounds", sa.Integer(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.CheckConstraint("first_slot <= slot", name=op.f("billing_job_runs_slots_check")),
        sa.CheckConstraint(
            "status IN ('running', 'done', 'more', 'failed', 'lost')", name=op.f("billing_job_runs_status_check")
        ),
        sa.ForeignKeyConstraint(["job"], ["billing_jobs.name"], name=op.f("billing_job_runs_job_fkey")),
        sa.PrimaryKeyConstraint("job", "number", name=op.f("billing_job_runs_pkey")),
    )


def downgrade() -> None:
    op.drop_table("billing_job_runs")
    op.drop_table("billing_jobs")
