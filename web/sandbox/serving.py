"""Serves a sandbox on loopback, in threads of this process."""

from __future__ import annotations

import socket
import threading
from dataclasses import dataclass
from typing import Any

from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from web.sandbox.sandbox import Sandbox


class _Quiet(WSGIRequestHandler):
    """Speaks HTTP, and not to the terminal."""

    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002 - the base's name for it
        pass

    def connection_dropped(self, error: BaseException, environ: Any = None) -> None:
        pass


@dataclass(frozen=True)
class Served:
    """A sandbox that listens at `url`."""

    url: str
    sandbox: Sandbox
    _server: BaseWSGIServer
    _thread: threading.Thread

    def close(self) -> None:
        """Stops listening; the sandbox itself stays open."""
        self._server.shutdown()
        self._thread.join(timeout=5)
        self._server.server_close()


def serve(sandbox: Sandbox, host: str = "127.0.0.1", port: int = 0) -> Served:
    """Listens at once, on the next free port unless one is given; delivers and renews by itself from now on.

    OSError if the port is taken.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    socket.create_server((host, port), family=family).close()  # where it is taken Werkzeug would end the process
    server = make_server(host, port, sandbox.app, threaded=True, request_handler=_Quiet)
    shown = f"[{host}]" if ":" in host else host
    sandbox.url = f"http://{shown}:{server.server_port}"
    thread = threading.Thread(
        target=server.serve_forever, kwargs={"poll_interval": 0.02}, name="sandbox-http", daemon=True
    )
    thread.start()
    sandbox.start()
    return Served(sandbox.url, sandbox, server, thread)
