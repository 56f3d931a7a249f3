"""What may go wrong with processes that run the timetable: killed, without a database, with a wrong clock."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from multiprocessing.process import BaseProcess
from pathlib import Path
from statistics import median

import pytest

from billing import Billing, ClockSkew, OffsetClock
from billing.base import schema
from jobs import runs
from jobs.running import run
from jobs.scheduler import WATCH, Scheduler
from tests import postgres
from tests.jobs.test_scheduler import eventually, logged
from tests.jobs.timetables import EVERY, job, not_covered_once, serve_all

WORK = 0.15
LEASE = timedelta(seconds=2)
WALLETS = 60
SLOW = 5
"""A machine may be so many times as slow as it should be."""


class Crowd:
    """Three processes; whoever is killed is begun again."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url, self.folder = url, folder
        self._context = multiprocessing.get_context("forkserver")
        self.members: list[BaseProcess] = [self._new() for _ in range(3)]

    def _new(self) -> BaseProcess:
        child = self._context.Process(target=serve_all, args=(self.url, self.folder, WORK, LEASE))
        child.start()
        return child

    def kill(self, chance: random.Random, *, at_work: bool) -> float | None:
        """One at random, or the one at work; how long nobody had begun to work then, where one was at work."""
        victim = self._at_work() if at_work else chance.choice(self.members)
        if victim is None:
            return None
        assert victim.pid is not None
        os.kill(victim.pid, signal.SIGKILL)
        killed = time.monotonic()
        victim.join(10)
        cut_off = self._cut_off(victim.pid)
        time.sleep(chance.uniform(0, 0.3))
        self.members[self.members.index(victim)] = self._new()
        if not cut_off:
            return None
        eventually(lambda: any(word == "begun" and at > killed for word, _, at in logged(self.folder)))
        return min(at for word, _, at in logged(self.folder) if word == "begun" and at > killed) - killed

    def _at_work(self) -> BaseProcess | None:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            lines = logged(self.folder)
            for one in self.members:
                if lines and lines[-1][0] == "begun" and lines[-1][1] == one.pid and one.is_alive():
                    return one
        return None

    def _cut_off(self, pid: int) -> bool:
        its = [word for word, by, _ in logged(self.folder) if by == pid]
        return bool(its) and its[-1] == "begun"

    def stop(self) -> None:
        for child in self.members:
            child.terminate()
        for child in self.members:
            child.join(30)
            child.kill()
            child.join(10)


@contextmanager
def crowd(url: str, folder: Path) -> Iterator[Crowd]:
    one = Crowd(url, folder)
    try:
        yield one
    finally:
        one.stop()


def prepare(url: str) -> None:
    """Wallets of which something falls due every moment."""
    billing = Billing(url)
    now = billing.clock.now()
    with billing.transaction() as tx:
        for number in range(WALLETS):
            tx.customer(f"c{number}")
            ends = now + timedelta(seconds=2 + number / 6)
            tx.grant(f"c{number}", 5, reason="x", key="g", expires_at=ends)
    billing.close()


def all_is_done(url: str) -> dict[str, int]:
    """Each slot is covered by one finished run, each bucket has ended once, and the books add up. Runs by status."""
    billing = Billing(url)
    eventually(lambda: not any(billing.wallet(f"c{number}").available for number in range(WALLETS)))
    billing.close()
    billing = Billing(url)
    while billing.catch_up():
        pass
    found: dict[str, int] = {}
    with billing.database.read() as tx:
        for name in ("work", "catch_up"):
            history = runs.history(tx, [name], 10_000)
            assert not_covered_once(job(lambda _: False, name), history) == []
            numbers = sorted(one.number for one in history)
            assert numbers == list(range(1, len(numbers) + 1)), "no run is forgotten"
            for one in history:
                found[one.status] = found.get(one.status, 0) + 1
    for number in range(WALLETS):
        assert [entry.kind for entry in billing.entries(f"c{number}")] == ["expire", "grant"]
    assert not billing.audit()
    billing.close()
    return found


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.database("postgresql")
def test_killed_at_random_every_slot_is_covered_once(
    fresh_database_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    chance = random.Random(5)
    prepare(fresh_database_url)
    took: list[float] = []
    with crowd(fresh_database_url, tmp_path) as processes:
        eventually(lambda: len(logged(tmp_path)) > 4)
        for number in range(8):
            time.sleep(chance.uniform(0, 1.2))
            waited = processes.kill(chance, at_work=number % 2 == 0)
            took += [] if waited is None else [waited]
        worked = len(logged(tmp_path))
        eventually(lambda: len(logged(tmp_path)) > worked + 6)
    found = all_is_done(fresh_database_url)
    with capsys.disabled():
        print(f"\ntaken over after {min(took):.1f} – {max(took):.1f} s, median {median(took):.1f} s; runs: {found}")
    assert len(took) >= 2 and found["lost"] >= 2
    at_most = LEASE.total_seconds() + WATCH + EVERY.total_seconds()
    assert max(took) < SLOW * at_most, took


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.database("sqlite")  # once; the server is its own
def test_a_database_that_goes_away_and_comes_back_loses_nothing(dialect: str, tmp_path: Path) -> None:
    server = postgres.start()
    try:
        schema.upgrade(server.url)
        prepare(server.url)
        with crowd(server.url, tmp_path):
            for away in (0.0, 1.5):
                known = len(logged(tmp_path))
                eventually(lambda known=known: len(logged(tmp_path)) > known + 3)  # type: ignore[misc]
                server.restart(away)
            known = len(logged(tmp_path))
            eventually(lambda: len(logged(tmp_path)) > known + 6)
        all_is_done(server.url)
    finally:
        server.stop()


@pytest.mark.quick_on("sqlite")
def test_a_process_whose_clock_is_wrong_runs_nothing(fresh_database_url: str) -> None:
    clock = OffsetClock(timedelta(days=1))
    clock.checked = True  # as real time is
    ahead, seen = Billing(fresh_database_url, clock=clock), threading.Event()

    def step(_: Billing) -> bool:
        seen.set()
        return False

    one = job(step)
    with pytest.raises(ClockSkew):
        run(ahead, one)
    scheduler = Scheduler(ahead, {"work": one}).start()
    time.sleep(2 * EVERY.total_seconds())
    with ahead.database.read() as tx:
        assert runs.latest(tx) == {}
    clock.offset = timedelta(0)  # set right, it goes on by itself
    eventually(seen.is_set)
    scheduler.stop()
    ahead.close()


@pytest.mark.slow
@pytest.mark.database("sqlite")
def test_one_that_is_slower_than_its_period_misses_slots_and_names_them(fresh_database_url: str) -> None:
    billing, at_once = Billing(fresh_database_url), []
    lock = threading.Lock()

    def slow(_: Billing) -> bool:
        at_once.append(lock.acquire(blocking=False))
        time.sleep(3.2 * EVERY.total_seconds())
        lock.release()
        return False

    one = job(slow)
    schedulers = [Scheduler(billing, {"work": one}).start() for _ in range(2)]
    eventually(lambda: len(at_once) >= 3)
    for scheduler in schedulers:
        scheduler.stop()
    with billing.database.read() as tx:
        history = runs.history(tx, ["work"], 100)
    billing.close()
    assert all(at_once), "never two at once"
    assert {ran.status for ran in history} == {"done"}
    assert not_covered_once(one, history) == []
    assert any(ran.first_slot < ran.slot for ran in history)


@pytest.mark.database("sqlite")
def test_told_to_stop_it_lets_the_step_end_and_begins_no_other(fresh_database_url: str) -> None:
    billing, begun, ended = Billing(fresh_database_url), threading.Event(), []

    def step(_: Billing) -> bool:
        begun.set()
        time.sleep(0.4)
        ended.append(1)
        return True  # there is more, but not for this process

    scheduler = Scheduler(billing, {"work": job(step, limit=1000)}).start()
    assert begun.wait(30)
    scheduler.stop()
    with billing.database.read() as tx:
        [ran] = runs.history(tx, ["work"], 10)
        assert not runs.orphaned(tx)
    assert (ran.status, ran.rounds, len(ended)) == ("more", 1, 1)
    billing.close()
