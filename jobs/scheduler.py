"""The scheduler: APScheduler says when, `jobs/runs.py` says who. Any number of processes may run one."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from datetime import UTC, timedelta
from typing import TYPE_CHECKING

import structlog
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.interval import IntervalTrigger

from billing.base.clock import SystemClock
from billing.rules.refusals import Unavailable
from jobs import runs
from jobs.running import run
from jobs.timetable import TIMETABLE, Job

if TYPE_CHECKING:
    from billing import Billing

WATCH = 2.0
"""Seconds between two looks for runs whose process is dead: with their lease, how soon another takes over."""

_A_MOMENT = timedelta(seconds=1)

_LOG = structlog.get_logger("billing.jobs")


class _Watchful(BackgroundScheduler):  # type: ignore[misc]
    """Looks at the clock again before long. It may have been stepped for a while: by what it said then the next run of
    a job would lie hours ahead, and nobody would look before.
    """

    def _process_jobs(self) -> float:
        now = SystemClock().now()
        for job in self.get_jobs():
            if job.next_run_time - now > job.trigger.interval + _A_MOMENT:
                _LOG.warning("clock_was_stepped_back", job=job.id, next_run_was_to_be=job.next_run_time.isoformat())
                job.modify(next_run_time=now)
        wait: float | None = super()._process_jobs()
        return WATCH if wait is None else min(wait, WATCH)


class Scheduler:
    """Runs the timetable in threads of this process until `stop`."""

    def __init__(self, billing: Billing, timetable: Mapping[str, Job] = TIMETABLE) -> None:
        self.billing, self.timetable = billing, timetable
        self._stopping = threading.Event()
        self._scheduler = _Watchful(
            timezone=UTC,
            executors={"default": ThreadPoolExecutor(len(timetable) + 1)},
            # Slots that were missed are covered by one run, however late it is.
            job_defaults={"coalesce": True, "misfire_grace_time": None, "max_instances": 1},
        )

    def start(self) -> Scheduler:
        """Each job begins at once, if its slot is nobody's yet, and goes on by the timetable."""
        if self.billing.sending.no_mail is not None:  # once for the process, and not at every turn
            _LOG.info("no_mail", reason=self.billing.sending.no_mail)
        for job in self.timetable.values():
            every = IntervalTrigger(seconds=job.every.total_seconds(), start_date=job.beginning, timezone=UTC)
            self._scheduler.add_job(
                self._run, every, [job], id=job.name, next_run_time=SystemClock().now(), replace_existing=True
            )
        self._scheduler.add_job(self._watch, IntervalTrigger(seconds=WATCH, timezone=UTC), id="watch")
        self._scheduler.start()
        return self

    def stop(self) -> None:
        """Lets the step under way end, and no more begin."""
        self._stopping.set()
        self._scheduler.shutdown(wait=True)

    def _run(self, job: Job) -> None:
        if self._stopping.is_set():
            return
        try:
            run(self.billing, job, stop=self._stopping)
        except Unavailable as unavailable:
            _LOG.warning("job_not_run", job=job.name, reason=str(unavailable))
        except Exception as error:  # noqa: BLE001 - the next slot tries again, whatever it was
            _LOG.error("job_not_run", job=job.name, exc_info=error)

    def _watch(self) -> None:
        """A run that gives no sign of life is covered at once, and not only when the next slot comes."""
        try:
            with self.billing.database.read() as tx:
                dead = runs.orphaned(tx)
        except Unavailable as unavailable:
            _LOG.warning("jobs_not_watched", reason=str(unavailable))
            return
        for name in dead:
            if name in self.timetable and not self._stopping.is_set():
                self._scheduler.modify_job(name, next_run_time=SystemClock().now())
