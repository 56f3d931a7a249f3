"""Runs: who runs a job's slot is decided under the lock of the job's row, so each slot is covered by one finished run.

A run holds a lease that its process renews. One whose lease is over is taken for dead: the next run covers its slots,
and if it was only slow, its end no longer counts (its step is idempotent by data, so nothing was done twice by it).
Slots that were missed are covered by the next run, which names the first of them.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Row, select
from sqlalchemy.dialects import postgresql, sqlite

from billing.base.db import Tx
from billing.base.skew import their_time
from jobs.tables import job_runs, jobs
from jobs.timetable import Job

LEASE = timedelta(seconds=6)
"""How long a run is believed to be alive without a sign of life: so soon another process takes over."""

KEPT = 1000
"""Runs of each job that the history keeps, whatever they did."""

KEPT_FOR = timedelta(days=90)
"""How long it keeps those that did something, failed, were lost, or covered slots that had been missed."""

_AT_ONCE = 10


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a job, covering all slots from `first_slot` to `slot`.

    `status`: running, done, more (done, and the step said that there was more), failed, or lost (its process ended
    under way). `rounds`: how often the step was called; `done`: how many rows it dealt with, where it counts them.
    """

    job: str
    number: int
    first_slot: datetime
    slot: datetime
    runner: str
    status: str
    started_at: datetime
    ended_at: datetime | None
    rounds: int
    error: str | None
    done: int | None = None


@dataclass(frozen=True, slots=True)
class Taken:
    """Why a slot is not to be run: a finished or failed run has had it, or `running` one is under way."""

    by: Run


def claim(tx: Tx, job: Job, slot: datetime, runner: str) -> Run | Taken:
    """The run of `slot`, if nobody has it; where a run was lost, its slots, too."""
    row = _locked(tx, job, slot)
    now = their_time(tx.connection)
    if row.running is not None:
        if row.lease_until > now:
            return Taken(_find(tx, job.name, row.running))
        _end(tx, job.name, row.running, "lost", None, "the process that ran it gave no sign of life")
        _update(tx, job.name, lost_runs=jobs.c.lost_runs + 1)
        slot = max(slot, row.last_slot)
    elif row.last_number and slot <= row.last_slot:
        return Taken(_find(tx, job.name, row.last_number))
    run = Run(job.name, row.last_number + 1, min(row.open_slot, slot), slot, runner, "running", tx.now, None, 0, None)
    tx.connection.execute(sa.insert(job_runs).values(**{name: getattr(run, name) for name in Run.__slots__}))
    _update(tx, job.name, last_number=run.number, last_slot=slot, running=run.number, lease_until=now + LEASE)
    _forget(tx, job.name, run.number)
    return run


def renew(tx: Tx, run: Run) -> bool:
    """A sign of life. False: it was given up and another one covers its slots."""
    its = (jobs.c.name == run.job) & (jobs.c.running == run.number)
    lease = their_time(tx.connection) + LEASE
    return tx.connection.execute(sa.update(jobs).where(its).values(lease_until=lease)).rowcount == 1


def finish(
    tx: Tx, job: Job, run: Run, status: str, rounds: int, error: str | None = None, done: int | None = None
) -> bool:
    """Notes how it went and how much it did. A failed run covers nothing: the next one does. False: it had been given
    up before.
    """
    row = tx.connection.execute(select(jobs).where(jobs.c.name == run.job).with_for_update()).one()
    if row.running != run.number:
        return False
    _end(tx, run.job, run.number, status, rounds, error, done)
    covered = {"open_slot": job.after(run.slot)} if status in ("done", "more") else {}
    totals = {"done_rows": jobs.c.done_rows + (done or 0), "failed_runs": jobs.c.failed_runs + int(status == "failed")}
    _update(tx, run.job, running=None, lease_until=None, **totals, **covered)
    return True


def found(tx: Tx, run: Run) -> Run:
    """The same run, as it stands now."""
    return _find(tx, run.job, run.number)


def orphaned(tx: Tx) -> list[str]:
    """Jobs whose run gives no sign of life any more."""
    under_way = select(jobs.c.name, jobs.c.lease_until).where(jobs.c.running.is_not(None))
    rows = tx.connection.execute(under_way).all()
    if not rows:
        return []
    now = their_time(tx.connection)
    return [row.name for row in rows if row.lease_until <= now]


def latest(tx: Tx) -> dict[str, Run]:
    """The last run of each job that has ever run."""
    its = (job_runs.c.job == jobs.c.name) & (job_runs.c.number == jobs.c.last_number)
    return {row.job: Run(*row) for row in tx.connection.execute(select(*job_runs.c).join(jobs, its))}


def history(tx: Tx, names: Collection[str], limit: int, *, eventful: bool = False) -> list[Run]:
    """Runs of these jobs, the newest first. `eventful`: only those that did something, failed, were lost, are under way
    or left more to do.
    """
    query = select(*job_runs.c).where(job_runs.c.job.in_(list(names)))
    if eventful:
        query = query.where((job_runs.c.status != "done") | (job_runs.c.done > 0))
    newest = query.order_by(job_runs.c.started_at.desc(), job_runs.c.job, job_runs.c.number.desc()).limit(limit)
    return [Run(*row) for row in tx.connection.execute(newest)]


def _locked(tx: Tx, job: Job, slot: datetime) -> Row[Any]:
    insert = sqlite.insert if tx.sqlite else postgresql.insert
    new = {"name": job.name, "last_number": 0, "last_slot": slot, "open_slot": slot, "running": None}
    tx.connection.execute(insert(jobs).values(**new, lease_until=None).on_conflict_do_nothing())
    return tx.connection.execute(select(jobs).where(jobs.c.name == job.name).with_for_update()).one()


def _find(tx: Tx, job: str, number: int) -> Run:
    its = (job_runs.c.job == job) & (job_runs.c.number == number)
    return Run(*tx.connection.execute(select(*job_runs.c).where(its)).one())


def _end(
    tx: Tx, job: str, number: int, status: str, rounds: int | None, error: str | None, done: int | None = None
) -> None:
    values: dict[str, Any] = {"status": status, "ended_at": tx.now, "error": error, "done": done}
    if rounds is not None:
        values["rounds"] = rounds
    its = (job_runs.c.job == job) & (job_runs.c.number == number)
    tx.connection.execute(sa.update(job_runs).where(its).values(**values))


def _forget(tx: Tx, job: str, number: int) -> None:
    """Each new run lets go a few at most: the one that is not among the newest any more, if nothing came of it, and the
    oldest of all, if they are too old.
    """
    its, dull = job_runs.c.job == job, job_runs.c.first_slot == job_runs.c.slot
    dull &= (job_runs.c.status == "done") & (sa.func.coalesce(job_runs.c.done, 0) == 0)
    passed = job_runs.c.number.between(number - KEPT - _AT_ONCE, number - KEPT)
    tx.connection.execute(sa.delete(job_runs).where(its, passed, dull))
    oldest = select(job_runs.c.number, job_runs.c.started_at).where(its, job_runs.c.number <= number - KEPT)
    few = oldest.order_by(job_runs.c.number).limit(_AT_ONCE).subquery()
    too_old = select(few.c.number).where(few.c.started_at < tx.now - KEPT_FOR)
    tx.connection.execute(sa.delete(job_runs).where(its, job_runs.c.number.in_(too_old)))


def _update(tx: Tx, job: str, **values: Any) -> None:
    tx.connection.execute(sa.update(jobs).where(jobs.c.name == job).values(**values))
