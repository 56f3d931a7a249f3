"""Schedulers: in this process, and three processes on one database of which one is killed."""

from __future__ import annotations

import itertools
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta, tzinfo
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest

from billing import Billing
from jobs import runs
from jobs.scheduler import WATCH, Scheduler
from tests.jobs.timetables import EVERY, job, not_covered_once, noted, serve

WORK = 0.2
"""Seconds that the step takes."""


def eventually(true: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.02)


def test_it_runs_what_is_due_until_it_is_stopped(fresh_database_url: str) -> None:
    """A step that fails ends neither the others nor the timetable."""
    billing = Billing(fresh_database_url)
    billing.customer("team")
    soon = billing.clock.now() + timedelta(seconds=1)
    billing.grant("team", 5, reason="x", key="g", expires_at=soon)
    failed = threading.Event()

    def fails(_: Billing) -> bool:
        failed.set()
        raise RuntimeError("always")

    timetable = {
        "catch_up": job(lambda engine: engine.catch_up(), "catch_up"),
        "fails": job(fails, "fails"),
    }
    scheduler = Scheduler(billing, timetable).start()
    eventually(lambda: [entry.kind for entry in billing.entries("team")] == ["expire", "grant"] and failed.is_set())
    scheduler.stop()
    with billing.database.read() as tx:
        before = runs.latest(tx)
        assert not runs.orphaned(tx)
    assert {name: run.status for name, run in before.items()} == {"catch_up": "done", "fails": "failed"}
    time.sleep(2 * EVERY.total_seconds())
    with billing.database.read() as tx:
        assert runs.latest(tx) == before
    billing.close()


@pytest.mark.quick_on("sqlite")
def test_a_clock_that_was_stepped_for_a_while_stops_nothing(
    fresh_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A day ahead nothing is run, the database knows better. Once it is right again, all goes on, not a day later."""
    off, steps = timedelta(0), list[datetime]()

    class Stepped(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
            return datetime.now(tz) + off

    monkeypatch.setattr("billing.base.clock.datetime", Stepped)
    monkeypatch.setattr("apscheduler.schedulers.base.datetime", Stepped)
    billing = Billing(fresh_database_url)

    def step(_: Billing) -> bool:
        steps.append(Stepped.now(UTC))
        return False

    scheduler = Scheduler(billing, {"work": job(step)}).start()
    for stepped in (timedelta(days=1), timedelta(days=-1)):
        done = len(steps)
        eventually(lambda done=done: len(steps) > done)  # type: ignore[misc]
        off, done = stepped, len(steps)
        time.sleep(WATCH + 2 * EVERY.total_seconds())
        assert len(steps) <= done + 1, "the one that was under way"
        off, done = timedelta(0), len(steps)
        eventually(lambda done=done: len(steps) > done, seconds=10)  # type: ignore[misc]
    scheduler.stop()
    with billing.database.read() as tx:
        assert not_covered_once(job(step), runs.history(tx, ["work"], 1000)) == []
    billing.close()


@contextmanager
def schedulers(url: str, folder: Path, lease: timedelta) -> Iterator[dict[int, BaseProcess]]:
    context = multiprocessing.get_context("forkserver")
    children = [context.Process(target=serve, args=(url, folder, WORK, lease)) for _ in range(3)]
    for child in children:
        child.start()
    try:
        yield {child.pid: child for child in children if child.pid is not None}
    finally:
        for child in children:
            child.kill()
            child.join(10)


def logged(folder: Path) -> list[tuple[str, int, float]]:
    """(begun or ended, by which process, when) of every step."""
    log = folder / "log"
    lines = [line.split() for line in log.read_text().splitlines()] if log.exists() else []
    return [(line[0], int(line[1]), float(line[2])) for line in lines if len(line) == 3]


def run_three(url: str, folder: Path, *, kills: int, lease: timedelta) -> list[float]:
    """Three processes; whoever is at work is killed. Seconds that went by until another one was at work."""
    took = []
    with schedulers(url, folder, lease) as children:
        for _ in range(kills):
            more_of(folder)
            worker = caught(folder, children)
            os.kill(worker, signal.SIGKILL)
            took.append(taken_over(folder, worker, time.monotonic()))
        more_of(folder)
    return took


def more_of(folder: Path) -> None:
    known = len(logged(folder))
    eventually(lambda: len(logged(folder)) > known + 6)


def caught(folder: Path, children: dict[int, BaseProcess]) -> int:
    """The process that is at work right now."""
    while True:
        word, worker, _ = logged(folder)[-1]
        if word == "begun" and children[worker].is_alive():
            return worker


def taken_over(folder: Path, dead: int, since: float) -> float:
    def by_another() -> list[float]:
        return [at for word, by, at in logged(folder) if word == "begun" and by != dead and at > since]

    eventually(lambda: bool(by_another()))
    return by_another()[0] - since


@pytest.mark.slow
@pytest.mark.database("postgresql")
def test_another_process_takes_over_from_one_that_is_killed(fresh_database_url: str, tmp_path: Path) -> None:
    lease = timedelta(seconds=1)
    took = run_three(fresh_database_url, tmp_path, kills=1, lease=lease)
    assert all(seconds < 20 for seconds in took), took
    check(fresh_database_url, tmp_path)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_processes_are_killed_and_others_take_over(fresh_database_url: str, tmp_path: Path) -> None:
    took = run_three(fresh_database_url, tmp_path, kills=2, lease=runs.LEASE)
    assert all(seconds < 25 for seconds in took), took
    check(fresh_database_url, tmp_path)


def check(url: str, folder: Path) -> None:
    """Each slot was covered by one finished run, and no two runs were under way at once but for the killed."""
    billing = Billing(url)
    with billing.database.read() as tx:
        history = runs.history(tx, ["work"], 10_000)
    billing.close()
    assert not_covered_once(job(noted(folder, 0)), history) == []
    done = [run for run in history if run.status == "done"]
    assert len({run.slot for run in done}) == len(done) > 5
    assert sum(run.status == "lost" for run in history) >= 1
    lives = [(at, by, word) for word, by, at in logged(folder)]
    finished = {(by, at) for at, by, word in lives if word == "ended"}
    spans = sorted((at, at + WORK) for at, by, word in lives if word == "begun" and (by, at) in finished)
    assert all(end <= begin for (_, end), (begin, _) in itertools.pairwise(spans))
