"""The real demo, in a folder that is thrown away: `billing demo` as a process of its own, as `make run` starts it."""

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
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 120
"""To become ready: its months are told through the engine first."""


@dataclass(frozen=True)
class Demo:
    """A demo that is ready. `kept` is what it wrote into var/demo.json."""

    folder: Path
    kept: dict[str, Any]

    @property
    def url(self) -> str:
        return str(self.kept["url"])

    @property
    def sandbox_url(self) -> str | None:
        """Where Stripe's stand-in listens; None in a demo without one."""
        return self.kept.get("sandbox_url")

    @property
    def portal_url(self) -> str:
        return str(self.kept["portal_url"])

    @property
    def pages(self) -> dict[str, str]:
        """What people see, by name."""
        return {"wallet": self.portal_url, "activity": f"{self.portal_url}/activity", "docs": f"{self.url}/docs"}

    def ask(self, method: str, path: str, **more: Any) -> requests.Response:
        """The interface, with the demo's key."""
        headers = {"Authorization": f"Bearer {self.kept['api_key']}", **more.pop("headers", {})}
        return requests.request(method, self.url + path, headers=headers, timeout=30, **more)


@contextmanager
def running(folder: Path) -> Iterator[Demo]:
    """The demo in `folder`, once it is ready; ended, with all its processes, at the end."""
    port, sandbox_port = _free_ports(2)
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR") if name in os.environ}
    settings = {**kept, "HOME": str(folder), "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1",
                "PORT": str(port), "SANDBOX_PORT": str(sandbox_port)}  # fmt: skip
    said = folder / "said"
    with said.open("w") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "billing", "demo"],
            cwd=folder, env=settings, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True,
        )  # fmt: skip
    try:
        _wait(f"http://127.0.0.1:{port}/readyz", process, said)
        yield Demo(folder, json.loads((folder / "var" / "demo.json").read_text()))
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGINT)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _wait(url: str, process: subprocess.Popen[bytes], said: Path) -> None:
    ends = time.monotonic() + SECONDS
    while time.monotonic() < ends:
        assert process.poll() is None, said.read_text()
        try:
            if requests.get(url, timeout=5).status_code == 200:
                return
        except requests.RequestException:
            pass
        time.sleep(0.1)
    raise AssertionError(f"the demo did not become ready in {SECONDS} seconds:\n{said.read_text()}")


def _free_ports(count: int) -> list[int]:
    """All are held until the last is found, so that none is found twice."""
    holders = [socket.socket() for _ in range(count)]
    try:
        for holder in holders:
            holder.bind(("127.0.0.1", 0))
        return [int(holder.getsockname()[1]) for holder in holders]
    finally:
        for holder in holders:
            holder.close()
