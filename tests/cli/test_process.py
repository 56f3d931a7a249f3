"""The command as a process of its own: once from the shell, and serving."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from billing import Billing
from billing.base.clock import SystemClock
from billing.stripe.signature import sign
from tests.sales.paid import body, event, session

SECRET = "whsec_served"
COMMAND = [sys.executable, "-m", "billing"]
ROOT = Path(__file__).parents[2]


@pytest.mark.database("sqlite")
def test_from_the_shell(billing: Billing, environment: dict[str, str]) -> None:
    done = subprocess.run([*COMMAND, "customers", "list"], cwd=ROOT, env={**os.environ, **environment},
                          capture_output=True, text=True, timeout=60, check=False)  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[1].split()[:3] == ["team", "Team", "0"]
    refused = subprocess.run([*COMMAND, "customers", "spend", "team", "5"], cwd=ROOT, env={**os.environ, **environment},
                             capture_output=True, text=True, timeout=60, check=False)  # fmt: skip
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr == "5 credits are needed and 0 are there.\n"


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


@contextmanager
def served(environment: dict[str, str], folder: Path, *words: str) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """`billing serve`, once it answers, and its address. What it says is in the file `log`."""
    url = f"http://127.0.0.1:{(port := free_port())}"
    settings = {**os.environ, **environment, "PORT": str(port), "STRIPE_WEBHOOK_SECRETS": SECRET, "HOME": str(folder)}
    with (folder / "log").open("w") as log:
        process = subprocess.Popen([*COMMAND, "serve", *words], cwd=ROOT, env=settings, stdout=log, stderr=log,
                                   start_new_session=True)  # fmt: skip
    try:
        deadline = time.monotonic() + 90
        while time.monotonic() < deadline:
            try:
                if requests.get(f"{url}/healthz", timeout=20).ok:
                    break
            except requests.ConnectionError:
                time.sleep(0.1)
        yield process, url
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@pytest.mark.database("sqlite")
def test_it_serves_until_it_is_told_to_stop(billing: Billing, environment: dict[str, str], tmp_path: Path) -> None:
    check_service(billing, environment, tmp_path)


@pytest.mark.slow
@pytest.mark.database("postgresql")
def test_several_processes_serve_until_they_are_told_to_stop(
    billing: Billing, environment: dict[str, str], tmp_path: Path
) -> None:
    check_service(billing, environment, tmp_path)


def check_service(billing: Billing, environment: dict[str, str], tmp_path: Path) -> None:
    with served(environment, tmp_path) as (process, url):
        told = body(event(session()))
        header = {"Stripe-Signature": sign(told, SECRET, SystemClock().now())}
        answer = requests.post(f"{url}/webhooks/stripe", data=told, headers=header, timeout=20)
        assert answer.json()["status"] == "done"
        chunks = (b"x" * 65_536 for _ in range(64))
        assert requests.post(f"{url}/webhooks/stripe", data=chunks, timeout=20).status_code == 413
        assert requests.get(f"{url}/portal/who-knows", timeout=20).status_code == 404
        check_counted(url)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    assert billing.wallet("team").available == 100
    said = (tmp_path / "log").read_text()
    lines = [json.loads(line) for line in said.splitlines()[1:]]
    routes = {line["route"] for line in lines if line["event"] == "request"}
    assert routes == {"/webhooks/stripe", "/portal/<token>"}
    assert "who-knows" not in said
    assert SECRET not in said
    assert environment["SECRET_KEYS"] not in said
    assert not (tmp_path / ".gunicorn").exists()


def check_counted(url: str) -> None:
    """Whichever of several processes answers: it tells what all of them have counted."""
    for _ in range(20):
        assert requests.get(f"{url}/healthz", timeout=20).ok
    counted = 'billing_http_requests_total{method="GET",route="/healthz",status="200"} '
    seen = []
    for _ in range(6):  # each on a connection of its own, so by any of them
        told = requests.get(f"{url}/metrics", timeout=20).text
        [line] = [line for line in told.splitlines() if line.startswith(counted)]
        seen.append(float(line.removeprefix(counted)))
    assert len(set(seen)) == 1 and seen[0] >= 21, seen
    assert 'billing_job_runs_total{job="catch_up"}' in told


@pytest.mark.slow
@pytest.mark.database("postgresql")
def test_ctrl_c_ends_it_at_once(environment: dict[str, str], tmp_path: Path) -> None:
    """A terminal sends it to all processes, and the parent passes it on."""
    with served(environment, tmp_path, "--workers", "3") as (process, _):
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(25) == 0  # who does not hear it is killed after thirty
    assert "SIGKILL" not in (tmp_path / "log").read_text()
