"""The interface against its own description."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from werkzeug.serving import make_server

from billing import Gateway
from tests.web.service import Service
from web.sandbox import Sandbox

pytestmark = pytest.mark.database("sqlite")

CONFIGURATION = """
[checks]
# What is well-formed may still be too much to spend, or name what isn't there.
positive_data_acceptance.expected-statuses = ["2xx", "402", "403", "404", "409", "422"]
"""


def test_the_description_is_whole(service: Service) -> None:
    described: dict[str, Any] = service.client.get("/openapi.json").get_json()
    assert described["openapi"].startswith("3.1")
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            if method == "parameters":
                continue
            where = f"{method} {path}"
            assert operation["summary"], where
            assert operation["security"] == [{"api_key": []}], where
            assert {"401", "403", "422", "500", "503"} <= set(operation["responses"]), where
            problems = [answer for status, answer in operation["responses"].items() if status[0] in "45"]
            assert all(list(answer["content"]) == ["application/problem+json"] for answer in problems), where


def test_the_description_needs_no_key(service: Service) -> None:
    assert service.client.get("/openapi.json").status_code == 200
    assert service.client.get("/docs").status_code == 200


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_every_answer_is_as_described(service: Service, sandbox: Sandbox, tmp_path: Path) -> None:
    """Schemathesis, all checks on: examples, boundary values, random and broken requests, and sequences of them."""
    service.billing.gateway = Gateway("sk_test_described", sandbox.url)
    service.billing.grant("team_42", 10**9, reason="Seed", key="seed")
    configuration = tmp_path / "schemathesis.toml"
    configuration.write_text(CONFIGURATION)
    server = make_server("127.0.0.1", 0, service.app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    command = Path(sys.executable).with_name("schemathesis")
    try:
        run = subprocess.run(
            [
                str(command),
                "--config-file",
                str(configuration),
                "run",
                f"http://127.0.0.1:{server.server_port}/openapi.json",
                "--checks=all",
                "--max-examples=15",
                "--no-color",
                f"--header=Authorization: Bearer {service.api_key}",
            ],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=500,
            check=False,
        )
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert run.returncode == 0, run.stdout[-8000:] + run.stderr[-2000:]
