"""Processes that die while they buy: at a statement, between two lines, or just when Stripe has answered."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from datetime import datetime
from types import FrameType
from typing import Any

import requests

from billing import Billing, Gateway
from tests.buying.shop import BACK, CATALOG, KEY
from tests.concurrency.crashes import DIED, StandingStill, die_at

_ASKING = ("buying", "settling", "giving_back", "switching")
OURS = ("sales/conversations.py", *(f"sales/asking/{name}.py" for name in _ASKING))
"""Where conversations are held. What else of ours they call runs inside one transaction, which dies as a whole: that is
what ending at each statement shows.
"""


def die_at_line(line: int) -> None:
    """This process ends before the n-th line of ours that it would run in a conversation."""
    run = 0

    def count(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal run
        if not frame.f_code.co_filename.endswith(OURS):
            return None
        if event == "line":
            run += 1
            if run == line:
                os._exit(DIED)
        return count

    sys.settrace(count)


def die_at_answer(answer: int) -> None:
    """This process ends when the n-th answer of Stripe's has arrived, and nobody has looked at it."""
    come, send = 0, requests.Session.send

    def watched(self: requests.Session, *args: Any, **more: Any) -> Any:
        nonlocal come
        got = send(self, *args, **more)
        come += 1
        if come == answer:
            os._exit(DIED)
        return got

    requests.Session.send = watched  # type: ignore[method-assign]


DEATHS: dict[str, Callable[[int], None]] = {"statement": die_at, "line": die_at_line, "answer": die_at_answer}

Act = Callable[[Billing, str, str], object]

ACTS: dict[str, Act] = {
    "topup": lambda billing, customer, _: billing.topup(customer, "small", key="k", success_url=BACK),
    "subscribe": lambda billing, customer, _: billing.subscribe(customer, "pro", key="k", success_url=BACK),
    "settle": lambda billing, _, session: billing.settle(session),
    "refund": lambda billing, customer, session: billing.refund(customer, session, 500, key="r"),
    "switch": lambda billing, customer, _: billing.change_plan(customer, "pro", key="c"),
    "leave": lambda billing, customer, _: billing.cancel(customer, now=True, key="c"),
    "step": lambda billing, _, __: billing.finish_conversations(),
}


def act_until(
    url: str, stripe: str, at: datetime, act: str, customer: str, session: str, death: str, number: int
) -> None:
    """One act in a process of its own, which dies at that place, or gets through."""
    billing = Billing(url, catalog=CATALOG, clock=StandingStill(at), gateway=Gateway(KEY, stripe))
    billing.wallet(customer)  # the connection is open and looked at: what is counted is the act's own
    DEATHS[death](number)
    ACTS[act](billing, customer, session)
    os._exit(0)
