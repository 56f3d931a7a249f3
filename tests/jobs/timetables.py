"""Timetables of tests: jobs whose runs can be seen, in this process and in others."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from billing import Billing
from billing.steps import Step
from jobs.runs import Run
from jobs.timetable import Job

EVERY = timedelta(milliseconds=500)


def job(step: Step, name: str = "work", every: timedelta = EVERY, limit: int = 5) -> Job:
    return Job(name, step, every=every, limit=limit, late="nobody notices")


def noting(seen: list[str], name: str) -> Step:
    """A step that notes that it was called."""

    def step(_: Billing) -> bool:
        seen.append(name)
        return False

    return step


def noted(folder: Path, seconds: float) -> Step:
    """A step that writes down who begins and ends it, and when."""

    def step(_: Billing) -> bool:
        note = f"{os.getpid()} {time.monotonic()}"
        with (folder / "log").open("a", buffering=1) as log:
            log.write(f"begun {note}\n")
            time.sleep(seconds)
            log.write(f"ended {note}\n")
        return False

    return step


def serve(url: str, folder: Path, seconds: float, lease: timedelta) -> None:
    """A process that does nothing but run the timetable until it is ended."""
    from jobs import runs
    from jobs.process import serve as until_told

    runs.LEASE = lease
    billing = Billing(url)
    until_told(billing, {"work": job(noted(folder, seconds))})
    billing.close()


def serve_all(url: str, folder: Path, seconds: float, lease: timedelta) -> None:
    """The same with a job that does what is due to wallets beside it."""
    from jobs import runs
    from jobs.process import serve as until_told

    runs.LEASE = lease
    billing = Billing(url)
    catch_up = job(lambda engine: engine.catch_up(7), "catch_up", limit=3)
    until_told(billing, {"work": job(noted(folder, seconds)), "catch_up": catch_up})
    billing.close()


def not_covered_once(one: Job, history: Sequence[Run]) -> list[str]:
    """What is wrong with the slots that finished runs cover, from the first to the last: each by exactly one."""
    finished = sorted((run for run in history if run.status in ("done", "more")), key=lambda run: run.number)
    wrong = []
    for before, after in itertools.pairwise(finished):
        if after.first_slot != one.after(before.slot):
            wrong.append(f"{before.number} ends with {before.slot}, {after.number} begins at {after.first_slot}")
    return wrong
