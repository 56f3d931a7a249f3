"""Ports to listen on."""

from __future__ import annotations

import socket
from contextlib import closing


def taken(host: str, port: int, setting: str = "PORT") -> str | None:
    """Why nothing can listen there, or None."""
    try:
        _listen(host, port)
    except OSError as error:
        if isinstance(error, socket.gaierror):
            return f"HOST: {host} is no address of this machine."
        another = free(host, port)
        return f"Can't listen on {host}:{port} ({error.strerror}). Take another port: {setting}={another} make run"
    return None


def free(host: str, beside: int, last: str = "") -> int:
    """A port for the sandbox: that of the url `last` if it can be had, else the next one above `beside`."""
    before = last.rpartition(":")[2]
    candidates = [int(before)] if before.isdigit() and int(before) != beside else []
    candidates += [beside + step for step in range(1, 200) if beside + step <= 65_535]
    for port in [*candidates, 0]:
        try:
            return _listen(host, port)
        except OSError:
            continue
    raise OSError(f"no port is free on {host}")


def for_the_sandbox(host: str) -> str:
    """Where the sandbox listens beside a demo at `host`: its pages answer to this machine's own names only."""
    return host if host in ("127.0.0.1", "localhost", "::1", "0.0.0.0", "::") else "127.0.0.1"  # noqa: S104


def origin(host: str) -> str:
    """Where a server on `host` is reached from this machine."""
    if host in ("0.0.0.0", "::"):  # noqa: S104 - all addresses: this machine's own is one of them
        return "http://127.0.0.1"
    return f"http://[{host}]" if ":" in host else f"http://{host}"


def _listen(host: str, port: int) -> int:
    family, kind, proto, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    with closing(socket.socket(family, kind, proto)) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        return int(listener.getsockname()[1])
