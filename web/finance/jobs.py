"""The jobs' page: how each stands, whether it is late or fails, and what the last runs did."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from flask import render_template, request

from billing.access.staff import Staff
from billing.base.wording import time_text
from jobs import runs as job_runs
from jobs.runs import Run
from jobs.standing import Standing, standings
from jobs.timetable import A_DAY, TIMETABLE, Job
from web.finance import words
from web.finance.door import finance, staff_only
from web.state import clock_now, engine

SHOWN = 50


@finance.get("/jobs")
@staff_only()
def jobs(_: Staff) -> str:
    """The timetable, and the last runs: of all jobs those that came to something, of one job all of them."""
    asked = request.args.get("job", "")
    job = asked if asked in TIMETABLE else None
    everything = job is not None or request.args.get("runs") == "all"
    with engine().database.read() as tx:
        stand = standings(tx)
        found = job_runs.history(tx, [job] if job else list(TIMETABLE), SHOWN, eventful=not everything)
    now = clock_now()
    return render_template(
        "finance/jobs.html",
        standings=[_standing(one, now) for one in stand],
        wrong=[one for one in stand if one.wrong is not None],
        runs=[_run(one) for one in found],
        job=job,
        everything=everything,
        shown=SHOWN,
        words=words,
    )


def _standing(one: Standing, now: datetime) -> dict[str, Any]:
    last = one.last
    return {
        "of": one,
        "every": _every(one.job),
        "status": "fails" if one.fails else "late" if one.late else "never ran" if last is None else last.status,
        "last": last and time_text(last.started_at).removesuffix(" UTC"),
        "age": last and words.age(last.started_at, now),
        "did": one.job.counted(one.done_rows),
    }


def _run(one: Run) -> dict[str, Any]:
    job = TIMETABLE[one.job]
    took = None if one.ended_at is None else (one.ended_at - one.started_at) / timedelta(seconds=1)
    return {
        "of": one,
        "started": time_text(one.started_at).removesuffix(" UTC"),
        "since": time_text(one.first_slot).removesuffix(" UTC") if one.first_slot < one.slot else None,
        "did": "–" if one.done is None else job.counted(one.done),
        "took": "–" if took is None else f"{took:.1f} s",
    }


def _every(job: Job) -> str:
    """`every 15 s`, `every 30 min`, `at 03:00`."""
    if job.every == A_DAY:
        return f"daily at {job.beginning:%H:%M}"
    seconds = int(job.every.total_seconds())
    for size, noun in ((3600, "h"), (60, "min")):
        if seconds % size == 0:
            return f"every {seconds // size} {noun}"
    return f"every {seconds} s"
