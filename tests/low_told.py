"""What is told of credits that run low, as short sentences."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from billing import signals
from billing.testing import TestBilling

CATALOG = """
[plans.free]
name = "Free"
credits = 1000

[plans.large]
name = "Large"
credits = 4000
low_balance = ["50%"]

[plans.strict]
name = "Strict"
credits = 1000
grace = "0 seconds"
"""
"""Plans with thresholds of their own, and one whose end is its end."""


@contextmanager
def hearing() -> Iterator[list[str]]:
    """In order, as long as it is open: `low 20%=200 at 150`."""
    told: list[str] = []

    def hear(name: str) -> Callable[..., None]:
        def listen(_: object, *, thresholds: list[dict[str, Any]], available: int, **more: Any) -> None:
            listed = " ".join(f"{one['setting']}={one['credits']}" for one in thresholds)
            told.append(f"{name} {listed} at {available}")

        return listen

    low, exhausted = hear("low"), hear("exhausted")
    with signals.credits_low.connected_to(low), signals.credits_exhausted.connected_to(exhausted):
        yield told


def grant(billing: TestBilling, credits: int, key: str = "g", **more: Any) -> str:
    return billing.grant("c", credits, reason="-", key=key, **more).id


def spend(billing: TestBilling, *amounts: int) -> None:
    for credits in amounts:
        billing.spend("c", credits, key=f"spend {len(billing.entries('c'))} of {credits}")


def low(billing: TestBilling, *thresholds: Any) -> None:
    billing.set_wallet("c", low_balance=list(thresholds))
