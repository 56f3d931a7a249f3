"""kill -9 in the middle of a storm of webhooks and spends: nothing acknowledged is lost, nothing counts twice."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from billing import Billing, Busy, InsufficientCredits
from tests.concurrency.crashes import StandingStill
from tests.sales.paid import APRIL, CATALOG, body, event, invoice, line
from tests.stories.books import all_entries


def opened(url: str) -> Billing:
    return Billing(url, catalog=CATALOG, clock=StandingStill(APRIL))


def pack(number: int) -> bytes:
    """A pack of 100 credits: of two deliveries one is a twin with an id of its own."""
    held = invoice(line("price_small", 1_000, item=None, id=f"il_{number // 2}"), id=f"in_{number // 2}")
    return body(event(held, id=f"evt_{number}"))


def deliver(url: str, worker: int, log: Path) -> None:
    """Twins arrive in two processes at about the same time."""
    billing = opened(url)
    with log.open("a", buffering=1) as lines:
        for number in range(worker, 100_000, 2):
            lines.write(f"sent {number}\n")
            while billing.take_stripe_event(pack(number)).status == "received":
                pass
            lines.write(f"done {number}\n")


def spend(url: str, log: Path) -> None:
    billing = opened(url)
    with log.open("a", buffering=1) as lines:
        for number in range(100_000):
            lines.write(f"sent {number}\n")
            while True:
                try:
                    billing.spend("team", 7, key=f"s{number}")
                    break
                except (Busy, InsufficientCredits):
                    time.sleep(0.001)
            lines.write(f"done {number}\n")


def logged(log: Path, word: str) -> set[int]:
    lines = [line.split() for line in log.read_text().splitlines()]
    return {int(line[1]) for line in lines if len(line) == 2 and line[0] == word}


@pytest.mark.slow
def test_kill_in_a_storm(fresh_database_url: str, auditor: Any, tmp_path: Path) -> None:
    auditor.catalog = CATALOG
    billing = opened(fresh_database_url)
    billing.customer("team", stripe_customer_id="cus_1")
    billing.close()
    even, odd, spent = tmp_path / "even", tmp_path / "odd", tmp_path / "spent"
    context = multiprocessing.get_context("forkserver")
    children = [
        context.Process(target=deliver, args=(fresh_database_url, 0, even)),
        context.Process(target=deliver, args=(fresh_database_url, 1, odd)),
        context.Process(target=spend, args=(fresh_database_url, spent)),
    ]
    for child in children:
        child.start()
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline and not all(
        log.exists() and log.stat().st_size > 300 for log in (even, odd, spent)
    ):
        time.sleep(0.02)
    for child in children:
        assert child.pid is not None
        os.kill(child.pid, signal.SIGKILL)
        child.join(10)

    billing = opened(fresh_database_url)
    assert billing.audit() == []
    told = logged(even, "sent") | logged(odd, "sent")
    acknowledged = logged(even, "done") | logged(odd, "done")
    granted = {bucket.origin for bucket in billing.buckets("team", limit=10_000)}
    assert len(acknowledged) > 10
    assert {f"topup:il_{number // 2}" for number in acknowledged} <= granted
    for number in told:
        while billing.take_stripe_event(pack(number)).status == "received":
            pass
    granted = {bucket.origin for bucket in billing.buckets("team", limit=10_000)}
    assert granted == {f"topup:il_{number // 2}" for number in told}
    charged = {entry.key for entry in all_entries(billing, "team") if entry.key}
    assert {f"s{number}" for number in logged(spent, "done")} <= charged
    assert charged <= {f"s{number}" for number in logged(spent, "sent")}
    assert billing.audit() == []
    billing.close()
