"""The demo's clock: the sandbox's, so that payments, credits and jobs live at one time."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy.engine import make_url

from billing.base.clock import OffsetClock, SystemClock
from web.demo import kept

if TYPE_CHECKING:
    from web.sandbox import Sandbox

_AS_IT_IS = timedelta(minutes=1)
_PATIENCE = 5.0


class DemoClock:
    """Real time until a sandbox is there. Never held against the database's: it may be months off."""

    checked = False

    def __init__(self) -> None:
        self.sandbox: Sandbox | None = None
        self._real = SystemClock()

    def now(self) -> datetime:
        return self._real.now() if self.sandbox is None else self.sandbox.clock.now()


def moved(database_url: str) -> OffsetClock | None:
    """For other processes on the database of the demo that is kept here: its clock as it stands, where it was moved."""
    keeps = kept.read()
    database = make_url(database_url).render_as_string(hide_password=True)
    if keeps.database != database or not keeps.sandbox_url or not kept.SANDBOX.is_file():
        return None
    offset = _offset(keeps.sandbox_url)
    return OffsetClock(offset) if abs(offset) > _AS_IT_IS else None


def _offset(sandbox_url: str) -> timedelta:
    """By the sandbox, which lets nobody at its file; where it is not being served, by that."""
    import requests

    from web.sandbox import Sandbox

    try:
        answer = requests.get(f"{sandbox_url}/_sandbox/clock", timeout=_PATIENCE)
        return timedelta(seconds=answer.json()["offset_seconds"])
    except (requests.RequestException, ValueError, KeyError):
        sandbox = Sandbox(kept.SANDBOX)
        try:
            return sandbox.clock.offset
        finally:
            sandbox.close()
