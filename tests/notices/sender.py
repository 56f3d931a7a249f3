"""A process of its own that delivers what waits, by real time or at an instant."""

from __future__ import annotations

import multiprocessing
from datetime import datetime
from multiprocessing.context import SpawnProcess

from billing import Billing, Sending
from billing.base.addresses import EVERYWHERE
from billing.base.clock import StandingClock, SystemClock


def start(url: str, at: datetime | None = None, *, spreading: bool = False) -> SpawnProcess:
    """Begins to send; ends when nothing waits."""
    process = multiprocessing.get_context("spawn").Process(target=_send, args=(url, at, spreading), daemon=True)
    process.start()
    return process


def _send(url: str, at: datetime | None, spreading: bool) -> None:
    clock = SystemClock() if at is None else StandingClock(at)
    billing = Billing(url, sending=Sending(private=(EVERYWHERE,)), clock=clock)
    idle = 0
    while idle < 3:
        spread = bool(spreading and billing.spread_notices(20))
        sent = billing.deliver_notices(10)
        idle = 0 if spread or sent else idle + 1
    billing.close()
