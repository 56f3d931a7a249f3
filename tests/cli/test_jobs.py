"""`billing jobs`: list, run and history, and the process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from billing import Billing
from tests.cli.conftest import Run

pytestmark = pytest.mark.quick_on("sqlite")

ROOT = Path(__file__).parents[2]


def test_run_list_and_history(billing: Billing, run: Run) -> None:
    billing.grant("team", 5, reason="x", key="g", expires_at=billing.clock.now() + timedelta(seconds=0.2))
    assert "never ran" in run("jobs", "list").output
    while run("jobs", "run", "catch_up").output and len(billing.entries("team")) < 2:
        pass
    assert [entry.kind for entry in billing.entries("team")] == ["expire", "grant"]
    listed = run("jobs", "list").output
    assert [line.split()[0] for line in listed.splitlines()[1:]] == [
        "catch_up", "inbox", "conversations", "auto_topups", "sync", "warn_low", "warn_expiring", "count_usage",
        "watch_pace", "spread", "deliver", "audit", "purge",
    ]  # fmt: skip
    assert "done" in listed.splitlines()[1]
    assert "done" in run("jobs", "history").output.splitlines()[1]
    assert len(run("jobs", "history", "--job", "inbox").output.splitlines()) == 1


def test_a_slot_is_run_once(run: Run) -> None:
    assert run("jobs", "run", "inbox", "--at", "2025-04-01 09:00").output == "inbox: done, 1 round, 0 events.\n"
    assert "was run before" in run("jobs", "run", "inbox", "--at", "2025-04-01T09:00:05+00:00").output
    assert "was run before" in run("jobs", "run", "inbox", "--at", "2025-03-31 09:00").output
    said = run("jobs", "run", "inbox", "--at", "2025-04-01T14:00:05+05:00").output
    assert "the slot 2025-04-01 09:00:00 was run before" in said, "in UTC, as everywhere"
    assert "no time" in run("jobs", "run", "inbox", "--at", "0001-01-01T00:00+05:00", status=2).output
    assert "lies ahead" in run("jobs", "run", "inbox", "--at", "2999-01-01 00:00", status=1).output
    assert "there are catch_up" in run("jobs", "run", "nothing", status=2).output
    assert "there are catch_up" in run("jobs", "history", "--job", "nothing", status=2).output


@pytest.mark.parametrize("is_served", [True, False])
def test_on_the_demos_database_by_the_demos_clock(
    is_served: bool, billing: Billing, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from web.demo import kept
    from web.sandbox import Sandbox, serve

    monkeypatch.chdir(tmp_path)
    billing.grant("team", 5, reason="x", key="g", expires_at=billing.clock.now() + timedelta(days=20))
    there = Sandbox(kept.SANDBOX)
    there.advance(there.clock.now() + timedelta(days=30))
    served = serve(there)
    database = billing.database.engine.url.render_as_string(hide_password=True)
    kept.write(kept.Kept("s", "w", sandbox_url=there.url, database=database), "http://x", [], "http://x")
    if not is_served:
        served.close()
        there.close()
    try:
        said = run("customers", "show", "team")
        assert "By the demo's clock" in said.stderr
        assert "By the demo's clock" not in said.stdout
        assert "catch_up: done, 1 round, 1 wallet" in run("jobs", "run", "catch_up").stdout
        assert [entry.kind for entry in billing.entries("team")] == ["expire", "grant"]
        assert "lies ahead" not in run("jobs", "list").output
        assert "The demo runs its jobs itself" in run("jobs", status=1).stderr
        monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path}/another.sqlite3")
        assert "demo" not in run("jobs", "list", status=1).output
    finally:
        if is_served:
            served.close()
            there.close()


def test_one_that_is_under_way_says_so(billing: Billing, run: Run) -> None:
    from jobs import runs
    from jobs.timetable import TIMETABLE

    with billing.database.write() as tx:
        runs.claim(tx, TIMETABLE["inbox"], tx.now, "host:1")
    assert "is being run by host:1 since" in run("jobs", "run", "inbox", status=1).output


def test_a_step_that_fails_ends_with_status_1(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: Billing) -> bool:
        raise RuntimeError("secret")

    monkeypatch.setattr("billing.Billing.handle_stripe_events", broken)
    said = run("jobs", "run", "inbox", "--at", "2025-04-01T09:00", status=1).stdout
    assert said == "inbox: failed, 0 rounds.\n"
    again = run("jobs", "run", "inbox", "--at", "2025-04-01T09:00Z", status=1).output
    assert "which failed" in again, "who asks again does not hear that all is well"


def test_a_clock_behind_the_last_run_is_named(billing: Billing, run: Run) -> None:
    from jobs import runs
    from jobs.timetable import TIMETABLE

    job = TIMETABLE["inbox"]
    with billing.database.write() as tx:
        ahead = runs.claim(tx, job, job.slot_of(tx.now + timedelta(days=30)), "a demo whose clock was moved")
        assert isinstance(ahead, runs.Run)
        runs.finish(tx, job, ahead, "done", 1)
    assert "Nothing was run" in run("jobs", "run", "inbox", status=1).output


@pytest.mark.database("sqlite")
@pytest.mark.slow
@pytest.mark.parametrize("command", [("billing", "jobs"), ("jobs",)])
def test_the_process_runs_until_it_is_told_to_stop(
    billing: Billing, environment: dict[str, str], command: tuple[str, ...]
) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", *command], cwd=ROOT, env={**os.environ, **environment}, stderr=subprocess.PIPE
    )
    try:
        from jobs import runs

        while True:
            assert process.poll() is None, process.stderr.read() if process.stderr else ""
            with billing.database.read() as tx:
                if len(runs.latest(tx)) >= 3:
                    break
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.communicate()
