"""How the jobs stand: which is late, which fails, for readiness, metrics and whoever asks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import select

from billing.base.db import Tx
from jobs import runs
from jobs.runs import Run
from jobs.tables import jobs
from jobs.timetable import TIMETABLE, Job


@dataclass(frozen=True, slots=True)
class Standing:
    """`last` None: it has never run. `waits`: since when the oldest slot has waited that no finished run covers; zero
    while there is none. `wrong`: what is wrong with it, in words; `late` and `fails` say the same for programs.
    """

    job: Job
    last: Run | None
    waits: timedelta
    late: bool
    fails: bool
    runs: int
    done_rows: int
    failed_runs: int
    lost_runs: int
    wrong: str | None


def standings(tx: Tx, timetable: Mapping[str, Job] = TIMETABLE) -> list[Standing]:
    """All jobs of the timetable, in its order."""
    latest = runs.latest(tx)
    rows = {row.name: row for row in tx.connection.execute(select(jobs))}
    found = []
    for job in timetable.values():
        row, last = rows.get(job.name), latest.get(job.name)
        if row is None:
            found.append(Standing(job, None, timedelta(0), False, False, 0, 0, 0, 0, "it has never run"))
            continue
        waits = max(tx.now - row.open_slot, timedelta(0))
        lies_ahead = row.last_slot > tx.now + job.every
        late, fails = lies_ahead or waits > job.patience, last is not None and last.status == "failed"
        wrong = None
        if lies_ahead:
            wrong = f"nothing is run: its last run was at {row.last_slot:%Y-%m-%d %H:%M} UTC, and that lies ahead"
        elif fails:
            wrong = f"its last run failed; slots are not covered since {row.open_slot:%Y-%m-%d %H:%M:%S} UTC"
        elif late:
            wrong = f"late: its slots are not covered since {row.open_slot:%Y-%m-%d %H:%M:%S} UTC"
        found.append(
            Standing(job, last, waits, late, fails, row.last_number, row.done_rows, row.failed_runs, row.lost_runs,
                     wrong)
        )  # fmt: skip
    return found
