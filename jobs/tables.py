"""The tables of the timetable: where each job stands, and what its runs did."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, ForeignKeyConstraint, Index, Integer, Table, Text

from billing.base.db import metadata
from billing.base.types import UTCDateTime, Whole

jobs = Table(
    "billing_jobs",
    metadata,
    Column("name", Text, primary_key=True),
    Column("last_number", Whole, nullable=False),
    Column("last_slot", UTCDateTime, nullable=False),  # the newest that was claimed, by whomever
    Column("open_slot", UTCDateTime, nullable=False),  # all slots before it are covered by finished runs
    Column("running", Whole),  # the number of the run under way
    Column("lease_until", UTCDateTime),  # by the database's clock; past it, whoever runs it is taken for dead
    Column("done_rows", Whole, nullable=False, server_default="0"),  # in all its runs
    Column("failed_runs", Whole, nullable=False, server_default="0"),
    Column("lost_runs", Whole, nullable=False, server_default="0"),
)
"""One row per job: whoever holds its lock decides who runs the next slot."""

job_runs = Table(
    "billing_job_runs",
    metadata,
    Column("job", Text, primary_key=True),
    Column("number", Whole, primary_key=True, autoincrement=False),
    Column("first_slot", UTCDateTime, nullable=False),  # earlier than `slot` where slots had been missed
    Column("slot", UTCDateTime, nullable=False),
    Column("runner", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("started_at", UTCDateTime, nullable=False),
    Column("ended_at", UTCDateTime),
    Column("rounds", Integer, nullable=False),
    Column("error", Text),
    Column("done", Whole),  # how many rows its step has dealt with; NULL: it does not count them
    ForeignKeyConstraint(["job"], ["billing_jobs.name"]),
    CheckConstraint("status IN ('running', 'done', 'more', 'failed', 'lost')", name="status"),
    CheckConstraint("first_slot <= slot", name="slots"),
    Index("billing_job_runs_started_at_idx", "started_at"),
)
"""One row per run. `more`: done, and the step said that there was more; `lost`: its process ended under way, so another
run covers its slots."""
