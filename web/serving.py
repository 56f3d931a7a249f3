"""Serves an application with Gunicorn: threads in one process or several, stopped cleanly by Ctrl-C."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from gunicorn import glogging
from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter
from gunicorn.workers.gthread import ThreadWorker

if TYPE_CHECKING:
    from flask import Flask

    from billing.base.settings import Settings

GIVE_UP = Arbiter.WORKER_BOOT_ERROR
"""A worker that exits so is not started again: the server ends."""


class _Logger(glogging.Logger):  # type: ignore[misc]  # Gunicorn has no types
    """Gunicorn's own lines go where all others go: see `web/logs.py`, which keeps secrets out of them."""

    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        self.error_log.handlers.clear()
        self.error_log.propagate = True


def _end(*_: object) -> None:
    """At once. To stop its threads from here could wait for a lock that the interrupted code holds; what was answered
    is committed, and what was not is rolled back by the database.
    """
    os._exit(0)


def _listen_to_the_parent(*_: object) -> None:
    """A terminal's Ctrl-C goes to all processes, and the parent tells its workers once more: so they heed it alone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGQUIT, _end)


class _Worker(ThreadWorker):  # type: ignore[misc]  # Gunicorn has no types
    """Ends at once when it is told to quit, and in peace (SIGTERM) when it is told to stop."""

    def init_signals(self) -> None:
        super().init_signals()
        _listen_to_the_parent()


class Server(BaseApplication):  # type: ignore[misc]  # Gunicorn has no types
    """`make` is called in each worker, after the fork: its connections are nobody else's. `begin`: once it listens."""

    def __init__(
        self,
        settings: Settings,
        make: Callable[[], Flask],
        begin: Callable[[], None] = lambda: None,
        **options: object,
    ) -> None:
        self.settings, self.make, self.begin, self.options = settings, make, begin, options
        super().__init__()

    def load_config(self) -> None:
        host = f"[{self.settings.host}]" if ":" in self.settings.host else self.settings.host
        options = {
            "bind": f"{host}:{self.settings.port}",
            "worker_class": _Worker,
            "post_fork": lambda server, worker: _listen_to_the_parent(),  # noqa: ARG005 - before it begins, too
            "logger_class": _Logger,
            "control_socket_disable": True,  # else it writes a socket into the home folder
            "post_worker_init": lambda _: self.begin(),
        }
        for name, value in (options | self.options).items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        return self.make()
