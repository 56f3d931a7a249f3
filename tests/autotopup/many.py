"""Several processes that spend and step at once, and processes that die while they do."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from datetime import datetime
from types import FrameType
from typing import Any

from billing import Billing, Busy, Gateway, InsufficientCredits, Spend
from tests.autotopup.saver import CATALOG
from tests.buying.crashes import die_at_answer
from tests.buying.shop import KEY
from tests.concurrency.crashes import DIED, StandingStill, die_at

_OURS = ("sales/conversations.py", "sales/auto_topups/charging.py")


def _engine(url: str, stripe: str, at: datetime) -> Billing:
    return Billing(url, catalog=CATALOG, clock=StandingStill(at), gateway=Gateway(KEY, stripe))


def spend_and_step(url: str, stripe: str, at: datetime, worker: int, spends: int) -> None:
    """So many spends of one credit each, one of them in a batch, and a step after each."""
    billing = _engine(url, stripe, at)
    for number in range(spends):
        key = f"{worker} {number}"
        while True:
            try:
                billing.spend_many([Spend("team", 1, key)]) if number % 5 == 0 else billing.spend("team", 1, key=key)
                break
            except Busy:
                continue
            except InsufficientCredits:
                break
        _step(billing)
    os._exit(0)


def step(url: str, stripe: str, at: datetime) -> None:
    billing = _engine(url, stripe, at)
    for _ in range(3):
        _step(billing)
    os._exit(0)


def step_until(url: str, stripe: str, at: datetime, death: str, number: int) -> None:
    """One step, which dies at that place, or gets through."""
    billing = _engine(url, stripe, at)
    billing.customers(limit=1)
    {"statement": die_at, "line": _die_at_line, "answer": die_at_answer}[death](number)
    billing.charge_auto_topups(limit=3)
    os._exit(0)


def _step(billing: Billing) -> None:
    with suppress(Busy):
        billing.charge_auto_topups()


def _die_at_line(line: int) -> None:
    run = 0

    def count(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal run
        if not frame.f_code.co_filename.endswith(_OURS):
            return None
        if event == "line":
            run += 1
            if run == line:
                os._exit(DIED)
        return count

    sys.settrace(count)
