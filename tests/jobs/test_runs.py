"""One job, one slot, one finished run: whoever asks, however often, and whatever becomes of them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest

from billing import Billing, Busy
from billing.testing import START, TestBilling
from jobs import runs
from jobs.running import run
from jobs.runs import Run, Taken
from jobs.timetable import TIMETABLE
from tests.jobs.timetables import job, not_covered_once, noting

pytestmark = pytest.mark.quick_on("sqlite")

MINUTE = timedelta(minutes=1)


@pytest.fixture
def billing(make_billing: Callable[..., TestBilling]) -> TestBilling:
    return make_billing()


def test_slots_are_whole_multiples_of_the_period() -> None:
    one = job(lambda _: False, every=timedelta(minutes=15))
    assert one.slot_of(START + timedelta(minutes=14, seconds=59)) == START
    assert one.slot_of(START + timedelta(minutes=15)) == START + timedelta(minutes=15)
    assert one.after(START + timedelta(minutes=7)) == START + timedelta(minutes=15)


def test_a_slot_is_run_once(billing: TestBilling) -> None:
    seen: list[str] = []
    one = job(noting(seen, "one"), "one", every=MINUTE)
    other = job(noting(seen, "other"), "other", every=MINUTE)
    first = run(billing, one)
    assert isinstance(first, Run)
    assert (first.status, first.rounds, first.slot, first.first_slot) == ("done", 1, START, START)
    again = run(billing, one)
    assert isinstance(again, Taken)
    assert again.by == first
    assert isinstance(run(billing, other), Run)
    billing.clock.move(START + timedelta(seconds=59))
    assert isinstance(run(billing, one), Taken)
    billing.clock.move(START + MINUTE)
    assert isinstance(run(billing, one), Run)
    assert seen == ["one", "other", "one"]


def test_missed_slots_are_one_run_that_names_them(billing: TestBilling) -> None:
    one = job(lambda _: False, every=MINUTE)
    run(billing, one)
    billing.clock.move(START + 5 * MINUTE)
    late = run(billing, one)
    assert isinstance(late, Run)
    assert (late.first_slot, late.slot) == (START + MINUTE, START + 5 * MINUTE)
    between = run(billing, one, START + 3 * MINUTE)
    assert isinstance(between, Taken)


def test_it_goes_on_while_there_is_more_up_to_its_limit(billing: TestBilling) -> None:
    left = [7]

    def step(_: Billing) -> bool:
        left[0] -= 1
        return left[0] > 0

    one = job(step, every=MINUTE, limit=5)
    first = run(billing, one)
    billing.clock.move(START + MINUTE)
    second = run(billing, one)
    assert isinstance(first, Run) and isinstance(second, Run)
    assert [(r.status, r.rounds) for r in (first, second)] == [("more", 5), ("done", 2)]


def test_what_failed_is_covered_by_the_next_run(billing: TestBilling) -> None:
    fails = [Busy("The wallet was locked."), RuntimeError("password=hunter2"), None]

    def step(_: Billing) -> bool:
        failure = fails.pop(0)
        if failure is not None:
            raise failure
        return False

    one = job(step, every=MINUTE)
    found = []
    for minute in range(3):
        billing.clock.move(START + minute * MINUTE)
        found.append(run(billing, one))
        assert isinstance(run(billing, one), Taken)  # not again before the next slot
    assert [one.status for one in found if isinstance(one, Run)] == ["failed", "failed", "done"]
    with billing.database.read() as tx:
        newest, *older = runs.history(tx, ["work"], 10)
    assert (newest.first_slot, newest.slot) == (START, START + 2 * MINUTE)
    assert [one.error for one in older] == ["RuntimeError: see the log", "The wallet was locked."]


def test_a_run_that_died_is_covered_by_another(billing: TestBilling, monkeypatch: pytest.MonkeyPatch) -> None:
    one = job(lambda _: False, every=MINUTE)
    run(billing, one)
    billing.clock.move(START + MINUTE)
    with billing.database.write() as tx:
        dead = runs.claim(tx, one, START + MINUTE, "a process that dies")
    assert isinstance(dead, Run)
    while_it_lives = run(billing, one)
    assert isinstance(while_it_lives, Taken)
    assert while_it_lives.by.status == "running"

    monkeypatch.setattr(runs, "LEASE", timedelta(0))
    with billing.database.write() as tx:
        assert runs.renew(tx, dead)  # its last sign of life: the lease is over at once
    monkeypatch.undo()
    with billing.database.read() as tx:
        assert runs.orphaned(tx) == ["work"]
    taken_over = run(billing, one)
    assert isinstance(taken_over, Run)
    assert (taken_over.status, taken_over.first_slot) == ("done", START + MINUTE)

    with billing.database.write() as tx:  # it was only slow
        assert not runs.renew(tx, dead)
        assert not runs.finish(tx, one, dead, "done", 1)
        history = runs.history(tx, ["work"], 10)
    assert [one.status for one in history] == ["done", "lost", "done"]
    assert not_covered_once(one, history) == []


def test_a_lost_run_is_noticed_though_no_slot_is_due(billing: TestBilling, monkeypatch: pytest.MonkeyPatch) -> None:
    one = job(lambda _: False, every=timedelta(days=1))
    monkeypatch.setattr(runs, "LEASE", timedelta(0))
    with billing.database.write() as tx:
        runs.claim(tx, one, START, "a process that dies")
    monkeypatch.undo()
    assert isinstance(run(billing, one, START), Run)


def test_a_run_that_was_given_up_stops(billing: TestBilling, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its process was stopped for a while and goes on: between two rounds it notices."""
    monkeypatch.setattr(runs, "LEASE", timedelta(milliseconds=300))
    rounds = [0]
    waiting = threading.Event()

    def step(_: Billing) -> bool:
        rounds[0] += 1
        if rounds[0] == 1:
            with monkeypatch.context() as patched, billing.database.write() as tx:
                patched.setattr(runs, "LEASE", timedelta(0))
                lost = runs.latest(tx)["work"]
                assert runs.renew(tx, lost)
            with billing.database.write() as tx:
                assert isinstance(runs.claim(tx, one, START, "another"), Run)
        waiting.wait(0.5)
        return True

    one = job(step, every=MINUTE, limit=50)
    ended = run(billing, one)
    assert isinstance(ended, Run)
    assert ended.status == "lost"
    assert rounds[0] < 50


def test_a_step_that_hangs_is_covered_by_another_process(billing: TestBilling, monkeypatch: pytest.MonkeyPatch) -> None:
    """It gives no sign of life any more, though its process lives."""
    monkeypatch.setattr(runs, "LEASE", timedelta(milliseconds=300))
    others: list[Run | Taken] = []
    waiting = threading.Event()

    def step(_: Billing) -> bool:
        while not others or isinstance(others[-1], Taken):
            waiting.wait(0.05)
            with billing.database.write() as tx:
                others.append(runs.claim(tx, one, START, "another"))
        return False

    one = replace(job(step, every=MINUTE), hangs=timedelta(0))
    ended = run(billing, one)
    assert isinstance(ended, Run)
    assert ended.status == "lost"


def test_many_at_once_one_runs(billing: TestBilling) -> None:
    seen: list[str] = []
    one = job(noting(seen, "work"), every=MINUTE)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: run(billing, one), range(8)))
    assert len(seen) == 1
    assert sum(isinstance(answer, Run) for answer in answers) == 1


def test_the_history_keeps_the_newest(billing: TestBilling, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "KEPT", 3)
    one = job(lambda _: False, every=MINUTE)
    for minute in range(5):
        billing.clock.move(START + minute * MINUTE)
        run(billing, one)
    with billing.database.read() as tx:
        assert [one.number for one in runs.history(tx, ["work"], 10)] == [5, 4, 3]


def test_every_step_is_on_the_timetable() -> None:
    from billing.steps import STEPS

    assert set(TIMETABLE) == set(STEPS)
    for name, one in TIMETABLE.items():
        assert one.step is STEPS[name]
        assert one.late and one.limit >= 1
        assert timedelta(days=1) % one.every == timedelta(0)  # its slots are the same every day
