"""Where the demo listens, and what it says where it can't."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from web.demo import ports

HOST = "127.0.0.1"


@pytest.fixture
def neighbours() -> Iterator[int]:
    """A port at which somebody listens, as at the next one: a demo, and its sandbox."""
    for _ in range(50):
        with ExitStack() as held:
            web, sandbox = (held.enter_context(socket.socket()) for _ in range(2))
            web.bind((HOST, 0))
            port: int = web.getsockname()[1]
            try:
                sandbox.bind((HOST, port + 1))
            except OSError:
                continue
            web.listen()
            sandbox.listen()
            yield port
            return


def test_the_port_that_is_proposed_is_free(neighbours: int) -> None:
    said = ports.taken(HOST, neighbours)
    assert said is not None
    (proposed,) = re.findall(r"PORT=(\d+) make run", said)
    assert int(proposed) not in (neighbours, neighbours + 1)
    assert ports.taken(HOST, int(proposed)) is None
