"""The demo's clock: the sandbox's, so that payments, credits and jobs live at one time."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from billing.base.clock import SystemClock

if TYPE_CHECKING:
    from web.sandbox import Sandbox


class DemoClock:
    """Real time until a sandbox is there. Never held against the database's: it may be months off."""

    checked = False

    def __init__(self) -> None:
        self.sandbox: Sandbox | None = None
        self._real = SystemClock()

    def now(self) -> datetime:
        return self._real.now() if self.sandbox is None else self.sandbox.clock.now()
