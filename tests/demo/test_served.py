"""`billing demo` as a newcomer meets it: a process, what it prints, what it keeps."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests
from click.testing import CliRunner

from billing import Billing
from billing.base import schema
from tests.demo.worlds import everything
from web.cli import cli
from web.demo.people import CUSTOMERS, LUMEN
from web.demo.sold import story_catalog
from web.sandbox import Sandbox

COMMAND = [sys.executable, "-m", "billing", "demo"]
ROOT = Path(__file__).resolve().parents[2]
Refused = Callable[..., str]

needs_curl = pytest.mark.skipif(shutil.which("curl") is None, reason="the lines are for curl")


def environment(**more: str) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    return {**kept, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", **more}


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def get(url: str) -> requests.Response | None:
    try:
        return requests.get(url, timeout=10)
    except requests.RequestException:
        return None


@contextmanager
def served(folder: Path, port: int, origin: str = "", **settings: str) -> Iterator[subprocess.Popen[str]]:
    """The demo in a folder of its own, once it listens."""
    process = subprocess.Popen(
        COMMAND, cwd=folder, env=environment(PORT=str(port), **settings), text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip
    try:
        ends = time.monotonic() + 100
        while (answer := get(f"{origin or f'http://127.0.0.1:{port}'}/healthz")) is None or answer.status_code != 200:
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < ends
            time.sleep(0.05)
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def becomes_ready(port: int, within: float, origin: str = "") -> dict[str, Any]:
    ends = time.monotonic() + within
    while time.monotonic() < ends:
        answer = get(f"{origin or f'http://127.0.0.1:{port}'}/readyz")
        if answer is not None and answer.status_code == 200:
            found: dict[str, Any] = answer.json()
            return found
        time.sleep(0.1)
    raise AssertionError("not ready in time")


def stop(process: subprocess.Popen[str]) -> tuple[str, str]:
    """Ctrl-C, as a terminal sends it: to all of it."""
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    return out, err


def books(folder: Path) -> dict[str, Any]:
    billing = Billing(f"sqlite:///{folder / 'var' / 'billing.sqlite3'}", catalog=story_catalog())
    try:
        assert not billing.audit()
        return everything(billing)
    finally:
        billing.close()


@pytest.mark.slow
@needs_curl
def test_a_newcomers_first_minutes(tmp_path: Path) -> None:
    port = free_port()
    with served(tmp_path, port) as process:
        checks = becomes_ready(port, within=100)["checks"]
        assert checks["demo"] == "ok"
        time.sleep(0.3)
        out, err = stop(process)
    assert err == ""
    curls = [line.strip() for line in out.splitlines() if line.strip().startswith("curl ")]
    assert len(curls) == 3

    file = tmp_path / "var" / "demo.json"
    assert file.stat().st_mode & 0o777 == 0o600
    kept = json.loads(file.read_text())
    assert kept["url"] == f"http://127.0.0.1:{port}"
    assert kept["customers"] == [customer.id for customer in CUSTOMERS]
    assert kept["webhook_secret"].startswith("whsec_")
    assert kept["portal_url"] in out

    before = books(tmp_path)
    with served(tmp_path, port) as process:
        becomes_ready(port, within=100)
        assert books(tmp_path) == before, "a second start changes nothing"
        again = json.loads(file.read_text())
        assert {**again, "portal_url": ""} == {**kept, "portal_url": ""}

        wallet, spend, refused = (
            json.loads(subprocess.run(["sh", "-c", line], check=True, capture_output=True, timeout=20).stdout)
            for line in curls
        )
        assert wallet["customer"] == LUMEN.id
        assert wallet["available"] > 0
        assert spend["credits"] == 150
        assert sum(part["credits"] for part in spend["slices"]) == 150
        assert refused["code"] == "insufficient_credits"
        assert refused["required"] == 1_000_000

        page = requests.get(kept["portal_url"], timeout=10)
        assert page.status_code == 200
        assert "Lumen Studio" in page.text
        assert requests.get(f"{kept['url']}/docs", timeout=10).status_code == 200

        taken = subprocess.run(
            COMMAND,
            cwd=tmp_path,
            env=environment(PORT=str(port)),
            capture_output=True,
            text=True,
            check=False,
            timeout=20,
        )
        assert taken.returncode == 1
        assert taken.stderr.startswith(f"Can't listen on 127.0.0.1:{port}")
        assert "PORT=" in taken.stderr
        assert len(taken.stderr.splitlines()) == 1
        stop(process)


def days_go_by(folder: Path, days: int) -> None:
    """While nothing runs: the sandbox's clock is so far ahead of where it was left."""
    with closing(sqlite3.connect(folder / "var" / "sandbox.sqlite3")) as file, file:
        file.execute(
            "UPDATE settings SET value = CAST(value AS INTEGER) + ? WHERE name = 'clock.offset_us'",
            (days * 86_400_000_000,),
        )


@pytest.mark.slow
@pytest.mark.parametrize("percent", [1, 60])
def test_a_half_told_world_is_not_trusted(percent: int, tmp_path: Path) -> None:
    """Killed while the story is told; the next start, weeks later, tells the rest before it says that it is ready."""
    port = free_port()
    with served(tmp_path, port) as process:
        told = 0
        while told < percent:
            answer = get(f"http://127.0.0.1:{port}/readyz")
            assert answer is not None
            assert answer.status_code == 503
            said = answer.json()["checks"]["demo"]
            assert "being prepared" in said
            told = int(re.findall(r"(\d+) %", said)[0])
        os.killpg(process.pid, signal.SIGKILL)
    assert not (tmp_path / "var" / "demo.json").exists()
    days_go_by(tmp_path, 40)
    with served(tmp_path, port) as process:
        becomes_ready(port, within=100)
        stop(process)
    found = books(tmp_path)
    assert list(found["entries"]) == sorted(customer.id for customer in CUSTOMERS)
    assert [event.status for event in found["events"] if event.status not in ("done", "ignored")] == ["waiting"]


@pytest.mark.parametrize(
    ("settings", "status", "says"),
    [
        ({"STRIPE_SECRET_KEY": "sk_live_x"}, 2, "live key"),
        ({"STRIPE_SECRET_KEY": "rk_live_x"}, 2, "live key"),
        ({"PORT": "http"}, 2, "PORT"),
        ({"HOST": "no.such.host.invalid"}, 1, "HOST"),
    ],
)
def test_what_it_refuses(
    settings: dict[str, str], status: int, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(cli, ["demo"], env=settings)
    assert done.exit_code == status, done.output
    assert says in done.stderr
    assert not (tmp_path / "var").exists()


@pytest.fixture
def refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Refused:
    """Runs the demo in a folder of its own, which it refuses; what it says."""
    monkeypatch.chdir(tmp_path)

    def run(**settings: str) -> str:
        done = CliRunner().invoke(cli, ["demo"], env={"PORT": str(free_port()), **settings})
        assert done.exit_code == 1, done.output
        return done.stderr

    return run


@pytest.mark.database("sqlite")
def test_it_keeps_its_hands_off_somebody_elses_customers(database_url: str, refused: Refused) -> None:
    billing = Billing(database_url)
    billing.customer("team_of_somebody")
    billing.close()
    assert "not the demo's" in refused(DATABASE_URL=database_url)


@pytest.mark.database("sqlite")
@pytest.mark.parametrize(
    ("sandbox_url", "settings", "says"),
    [
        ("http://127.0.0.1:1", {"STRIPE_SECRET_KEY": "sk_test_own"}, "bought from the sandbox"),
        (None, {}, "those of a Stripe account"),
    ],
)
def test_a_world_stays_where_its_customers_buy(
    sandbox_url: str | None, settings: dict[str, str], says: str, database_url: str, tmp_path: Path, refused: Refused
) -> None:
    """Elsewhere nobody knows them, and without a word every purchase would fail."""
    schema.upgrade(database_url)
    billing = Billing(database_url)
    billing.customer(LUMEN.id, metadata={"demo": True})
    billing.close()
    (tmp_path / "var").mkdir()
    (tmp_path / "var" / "sandbox.sqlite3").touch()  # `billing sandbox` keeps what it knows there, too
    (tmp_path / "var" / "demo.json").write_text(json.dumps({"sandbox_url": sandbox_url}))
    said = refused(DATABASE_URL=database_url, **settings)
    assert says in said and "make reset" in said


def test_what_is_kept_stays_with_its_database(tmp_path: Path, refused: Refused) -> None:
    """A start on another one would make a sandbox that knows nothing of the first one's customers, in its place."""
    (tmp_path / "var").mkdir()
    (tmp_path / "var" / "demo.json").write_text(json.dumps({"database": "postgresql://b:***@db/demo"}))
    said = refused()
    assert "postgresql://b:***@db/demo" in said and "make reset" in said
    assert not (tmp_path / "var" / "billing.sqlite3").exists()


def test_one_demo_to_a_folder(tmp_path: Path, refused: Refused) -> None:
    (tmp_path / "var").mkdir()
    running = Sandbox(tmp_path / "var" / "sandbox.sqlite3")
    try:
        assert "running in this folder" in refused()
    finally:
        running.close()


@pytest.mark.slow
@pytest.mark.parametrize("host", ["::1", "127.0.0.2"])
def test_buying_at_another_host(host: str, tmp_path: Path) -> None:
    """Wherever it listens, the sandbox's pages answer, and its events arrive."""
    port = free_port()
    origin = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    with served(tmp_path, port, origin, HOST=host):
        becomes_ready(port, 50, origin)
        kept = json.loads((tmp_path / "var" / "demo.json").read_text())
        asks = {"Authorization": f"Bearer {kept['api_key']}", "Idempotency-Key": "buy"}
        topups = f"{origin}/v1/customers/team_juniper/topups"
        opened = requests.post(topups, json={"pack": "small"}, headers=asks, timeout=10).json()
        paid = requests.post(opened["checkout_url"], {"card": Sandbox.CARD}, allow_redirects=False, timeout=20)
        assert paid.status_code == 303
        assert requests.get(f"{topups}/{opened['id']}", headers=asks, timeout=10).json()["status"] == "paid"
