"""Running a job: claim its slot, call its step until there is no more or its limit is reached, note how it went."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from time import monotonic
from typing import TYPE_CHECKING

import structlog

from billing.base.round import Round
from billing.rules.refusals import Refusal, Unavailable
from jobs import runs
from jobs.runs import Run, Taken
from jobs.timetable import Job

if TYPE_CHECKING:
    from billing import Billing

_LOG = structlog.get_logger("billing.jobs")


def run(billing: Billing, job: Job, slot: datetime | None = None, stop: threading.Event | None = None) -> Run | Taken:
    """Runs the job for `slot` (by default the one that is now) unless somebody else has it. `stop`: end it early.

    A step that fails ends the run as failed, and the next run covers its slot. Raises `Unavailable` where the database
    can't say whose slot it is.
    """
    ends_early = stop or threading.Event()
    with billing.database.write() as tx:
        claimed = runs.claim(tx, job, job.slot_of(tx.now) if slot is None else slot, _runner())
    if isinstance(claimed, Taken):
        return claimed
    status, rounds, error = "more", 0, None
    done: int | None = None
    with _signs_of_life(billing, job, claimed) as life:
        try:
            while status == "more" and rounds < job.limit and not life.given_up.is_set():
                life.moved_at = monotonic()
                came_to = Round.of(job.step(billing))
                rounds, status = rounds + 1, "more" if came_to.more else "done"
                done = done if came_to.done is None else (done or 0) + came_to.done
                if ends_early.is_set():
                    break
        except Exception as failure:  # noqa: BLE001 - whatever it was: it is noted, and the next slot tries again
            _LOG.warning("job_failed", job=job.name, run=claimed.number, exc_info=failure)
            status, error = "failed", _sentence(failure)
    with billing.database.write() as tx:
        if not runs.finish(tx, job, claimed, status, rounds, error, done):
            _LOG.warning("job_overtaken", job=job.name, run=claimed.number)
        return runs.found(tx, claimed)


def _runner() -> str:
    """Who runs it, for people: machine and process."""
    return f"{socket.gethostname()}:{os.getpid()}"


def _sentence(failure: Exception) -> str:
    """Of what isn't ours only the kind is shown: a driver's message may repeat what it was asked."""
    return str(failure) if isinstance(failure, Refusal) else f"{type(failure).__name__}: see the log"


@dataclass(slots=True)
class _Life:
    """A run under way: when its step was last called, and whether others have given it up."""

    moved_at: float = field(default_factory=monotonic)
    given_up: threading.Event = field(default_factory=threading.Event)


@contextmanager
def _signs_of_life(billing: Billing, job: Job, claimed: Run) -> Iterator[_Life]:
    """Renews the lease beside the step, as long as it moves: one that hangs is to be covered by another process."""
    over, life, hangs = threading.Event(), _Life(), job.hangs.total_seconds()

    def renew() -> None:
        while not over.wait(runs.LEASE.total_seconds() / 3) and monotonic() - life.moved_at < hangs:
            try:
                with billing.database.write() as tx:
                    if not runs.renew(tx, claimed):
                        life.given_up.set()
                        return
            except Unavailable:  # a database that is gone for a while: try again while the lease lasts
                continue

    thread = threading.Thread(target=renew, name=f"billing job {claimed.job}", daemon=True)
    thread.start()
    try:
        yield life
    finally:
        over.set()
        thread.join()
