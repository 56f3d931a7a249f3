"""SQLite's one writer: everybody's turn comes, in the order in which they came."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from billing import Busy
from billing.base.sqlite import Turns
from billing.testing import open_billing


def test_a_spend_gets_in_between_batches(tmp_path: Path) -> None:
    """Batch after batch without a pause: whoever waits is next, whatever engine it comes through."""
    url = f"sqlite:///{tmp_path}/one.sqlite3"
    billing, other, over = open_billing(url), open_billing(url), threading.Event()
    billing.customer("team")
    billing.grant("team", 100, reason="x", key="g")
    batches: list[float] = []

    def write_on() -> None:
        while not over.is_set():
            with billing.database.write():
                batches.append(time.monotonic())
                time.sleep(0.02)

    thread = threading.Thread(target=write_on)
    thread.start()
    try:
        for number in range(5):
            before = len(batches)
            other.spend("team", 1, key=f"s{number}")
            assert len(batches) - before <= 2
    finally:
        over.set()
        thread.join()
    assert billing.wallet("team").available == 95
    billing.close()
    other.close()


def test_in_the_order_they_came_and_not_for_ever() -> None:
    turns, came = Turns(), list[int]()

    def wait(number: int) -> None:
        with turns.turn(30):
            came.append(number)

    threads = [threading.Thread(target=wait, args=(number,)) for number in range(5)]
    with turns.turn(1):
        with pytest.raises(Busy), turns.turn(0.01):
            pass
        for number, thread in enumerate(threads):
            thread.start()
            while len(turns._waiting) <= number:
                time.sleep(0.001)
    for thread in threads:
        thread.join()
    assert came == list(range(5))
    with turns.turn(0):
        pass


def test_a_transaction_that_fails_gives_its_turn_on(tmp_path: Path) -> None:
    billing = open_billing(f"sqlite:///{tmp_path}/one.sqlite3")
    for _ in range(2):
        with pytest.raises(ZeroDivisionError), billing.database.write():
            1 / 0  # noqa: B018
    billing.customer("team")
    billing.close()


def test_who_is_interrupted_while_waiting_keeps_nobody_else_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    turns = Turns()
    first = turns.take(1)

    class Interrupted(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            raise KeyboardInterrupt

    class InTheVeryMoment(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            first.give()
            raise KeyboardInterrupt

    for kind in (Interrupted, InTheVeryMoment):
        monkeypatch.setattr("billing.base.sqlite.Event", kind)
        with pytest.raises(KeyboardInterrupt):
            turns.take(1)
    monkeypatch.undo()
    with turns.turn(0.01):
        pass


def test_a_turn_that_was_lost_is_given_on() -> None:
    turns = Turns()
    mine = turns.take(1)
    del mine
    with turns.turn(0.01):
        pass
