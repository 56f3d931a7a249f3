"""`billing sandbox`, as far as it does not serve; that it does stands in `test_restart`."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from web.cli import cli
from web.cli.sandbox import FIRST_PORT, next_free
from web.sandbox import Sandbox, serve

ROOT = Path(__file__).parents[2]


def test_a_port_that_is_taken_is_refused_before_anything_is_made(sandbox: Sandbox, tmp_path: Path) -> None:
    port, file = sandbox.url.rpartition(":")[2], tmp_path / "new.sqlite3"
    refused = CliRunner().invoke(cli, ["sandbox", "--port", port, "--file", str(file)])
    assert refused.exit_code == 1 and f"Port {port} is taken" in refused.output
    assert not file.exists()


def test_the_environment_names_the_port(sandbox: Sandbox, tmp_path: Path) -> None:
    taken = sandbox.url.rpartition(":")[2]
    said = CliRunner().invoke(cli, ["sandbox", "--file", str(tmp_path / "s")], env={"SANDBOX_PORT": taken})
    assert (said.exit_code, said.stderr) == (1, f"Port {taken} is taken: choose another, or leave --port out.\n")


def test_two_do_not_serve_at_one_port(sandbox: Sandbox) -> None:
    with pytest.raises(OSError, match="in use"):
        serve(sandbox, port=int(sandbox.url.rpartition(":")[2]))


def test_the_next_free_port_is_one_that_nobody_has() -> None:
    first = next_free()
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", first))
        assert FIRST_PORT <= first < next_free()


def test_a_file_is_one_processs(tmp_path: Path) -> None:
    """Two clocks over the same objects would contradict each other."""
    file = tmp_path / "mine.sqlite3"
    holds = "import sys; from pathlib import Path; from web.sandbox import Sandbox; "
    holds += "one = Sandbox(Path(sys.argv[1])); print('open', flush=True); sys.stdin.read()"
    process = subprocess.Popen(
        [sys.executable, "-c", holds, str(file)], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        assert process.stdout is not None and process.stdout.readline() == b"open\n"
        refused = CliRunner().invoke(cli, ["sandbox", "--file", str(file)])
        assert refused.exit_code == 1 and "in use by another sandbox" in refused.output
    finally:
        process.kill()
        process.communicate()
    Sandbox(file).close()  # whoever was killed holds nothing


def test_a_file_that_is_of_no_use_is_named(tmp_path: Path) -> None:
    notes = tmp_path / "notes.txt"
    notes.write_text("Not a database at all. " * 40)
    for file in (notes, tmp_path, notes / "in a file.sqlite3"):
        refused = CliRunner().invoke(cli, ["sandbox", "--file", str(file)])
        assert refused.exit_code in (1, 2) and str(tmp_path) in refused.stderr, file
        assert "--file" in refused.stderr and "Traceback" not in refused.stderr
        assert refused.exception is None or isinstance(refused.exception, SystemExit), file


def test_an_address_keeps_its_secret(sandbox: Sandbox) -> None:
    """What the command prints at every start is what the service was told at the first."""
    secret = sandbox.tell("http://127.0.0.1:9/webhooks/stripe")
    assert secret.startswith("whsec_") and sandbox.tell("http://127.0.0.1:9/webhooks/stripe") == secret
