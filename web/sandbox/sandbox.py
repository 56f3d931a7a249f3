"""A stand-in for Stripe that a program can have."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from web.sandbox.machine import Machine
from web.sandbox.server import make_app

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication


class Sandbox(Machine):
    """Stripe, as far as it is needed here, with `app` to reach it over HTTP (`serve` does that).

    All that it knows is in `file`; one process has it open. `now` is real time (for tests), `app_url` where its pages
    link back to. It does nothing by itself, neither delivers nor renews, before it is served or `start` is called;
    `advance` and `pay` deliver what they cause.
    """

    app: WSGIApplication

    def __init__(self, file: Path, *, now: Callable[[], datetime] | None = None, app_url: str | None = None) -> None:
        super().__init__(file, now=now, app_url=app_url)
        self.app = make_app(self)
