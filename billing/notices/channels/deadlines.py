"""A time limit for a whole exchange: a socket's own limit begins anew with each byte that drips in."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress


class Deadline:
    """Whether the time was over. Whoever talks looks here for why its connection was cut."""

    def __init__(self, seconds: float) -> None:
        self.seconds, self.passed = seconds, False


@contextmanager
def within(seconds: float, open_socket: Callable[[], socket.socket | None]) -> Iterator[Deadline]:
    """Cuts what `open_socket` then gives when the time is over: whoever waits for it gets an error at once."""
    deadline = Deadline(seconds)

    def cut() -> None:
        deadline.passed = True
        with suppress(OSError):
            found = open_socket()
            if found is not None:
                found.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(seconds, cut)
    timer.daemon = True
    timer.start()
    try:
        yield deadline
    finally:
        timer.cancel()
