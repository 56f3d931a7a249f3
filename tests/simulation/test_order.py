"""What comes back at one instant into ended and live buckets: what would be lost repays first."""

from __future__ import annotations

from datetime import timedelta

import pytest

from billing import Billing

from .engine_side import SetClock
from .life import Life
from .steps import START, Drawn

HOUR = timedelta(hours=1)
OVERDRAFT = Drawn("overdraft", {"limit": 50, "debt": "repay"})


def grant(credits: int, cents: int, *, ends: timedelta | str | None = None, priority: int = 50) -> Drawn:
    validity = {"begins": None, "ends": ends}
    return Drawn("grant", {"credits": credits, "priority": priority, "features": (), "cents": cents, **validity})


def spend(credits: int) -> Drawn:
    return Drawn("spend", {"credits": credits, "feature": None})


def hold(credits: int, hours: int) -> Drawn:
    return Drawn("hold", {"credits": credits, "seconds": hours * 3600, "feature": None})


def wait(span: timedelta | str) -> Drawn:
    return Drawn("clock", {"to": span})


# `first` never ends and is used first; `ends` is over after an hour; 15 are owed when they come back.
first, ends = grant(10, 100, priority=10), grant(10, 300, ends=HOUR)
STORIES = {
    "a hold lapses as the bucket ends": [OVERDRAFT, first, ends, hold(20, 1), spend(15), wait(HOUR)],
    "two holds lapse as the bucket ends": [
        OVERDRAFT, first, ends, hold(10, 1), hold(10, 1), spend(15), wait(HOUR),
    ],
    "released after the end": [
        OVERDRAFT, first, ends, hold(20, 2), spend(15), wait(HOUR), Drawn("release", {"hold": 1}),
    ],
    "captured in part after the end": [
        OVERDRAFT, first, ends, grant(5, 70, priority=60), hold(25, 2), spend(15), wait(HOUR),
        Drawn("capture", {"hold": 1, "credits": 3}),
    ],
    "reversed after the end": [
        OVERDRAFT, ends, grant(10, 300), spend(20), spend(15), wait(2 * HOUR),
        Drawn("reverse", {"spend": 1, "credits": None}),
    ],
    "a repayment made before the spend is undone": [
        OVERDRAFT, spend(30), grant(15, 33), spend(20),
        Drawn("reverse", {"spend": 1, "credits": None}), Drawn("reverse", {"spend": 2, "credits": None}),
    ],
    "a bucket and the month end at once": [
        Drawn("overdraft", {"limit": 50, "debt": "carry"}), spend(30), grant(15, 33, ends="month"),
        grant(30, 33, priority=10), wait("month"),
    ],
}  # fmt: skip


@pytest.mark.parametrize("story", STORIES)
def test_order_at_one_instant(database_url: str, story: str) -> None:
    clock = SetClock(START)
    billing = Billing(database_url, clock=clock)
    life = Life(billing, clock)
    for step in STORIES[story]:
        life.step(step)
    life.look_back()
    billing.close()
