"""A process of its own for the timetable: until it is told to stop."""

from __future__ import annotations

import signal
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING

from jobs.scheduler import Scheduler
from jobs.timetable import TIMETABLE, Job

if TYPE_CHECKING:
    from billing import Billing


def serve(billing: Billing, timetable: Mapping[str, Job] = TIMETABLE) -> None:
    """Runs the timetable until SIGTERM or Ctrl-C; the steps under way are let to their end. For the main thread."""
    told = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: told.set())
    scheduler = Scheduler(billing, timetable).start()
    try:
        while not told.wait(1):  # with a limit, so that signals are heeded on every platform
            pass
    finally:
        scheduler.stop()
