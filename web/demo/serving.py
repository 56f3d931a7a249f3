"""Serves an application with Gunicorn: one process, some threads."""

from __future__ import annotations

import signal
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter

if TYPE_CHECKING:
    from flask import Flask

    from billing.base.settings import Settings

GIVE_UP = Arbiter.WORKER_BOOT_ERROR
"""A worker that exits so is not started again: the server ends."""

THREADS = 16


class Server(BaseApplication):  # type: ignore[misc]  # Gunicorn has no types
    """One worker; `begin` is called in it once it listens."""

    def __init__(self, app: Flask, settings: Settings, begin: Callable[[], None]) -> None:
        self.app, self.settings, self.begin = app, settings, begin
        super().__init__()

    def load_config(self) -> None:
        host = f"[{self.settings.host}]" if ":" in self.settings.host else self.settings.host
        options: dict[str, Any] = {
            "bind": f"{host}:{self.settings.port}",
            "workers": 1,
            "worker_class": "gthread",
            "threads": THREADS,
            "graceful_timeout": 5,
            "loglevel": "error",
            "control_socket_disable": True,
            "post_worker_init": self._begin,
        }
        for name, value in options.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        return self.app

    def _begin(self, _: object) -> None:
        # A terminal's Ctrl-C goes to both processes, and the parent tells its worker once more: a worker that is
        # interrupted while it stops its threads waits for itself for ever.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        self.begin()
