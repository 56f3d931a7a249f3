"""Time: what falls due by itself, done in the order of time, each stop told of before the next."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime

from web.sandbox import clock as time
from web.sandbox.clock import Clock
from web.sandbox.delivery import Delivery
from web.sandbox.resources import (
    cards,
    checkout,
    collecting,
    disputes,
    endings,
    invoices,
    pauses,
    pending_updates,
    refunds,
    test_clocks,
)
from web.sandbox.resources import subscriptions as subs
from web.sandbox.store import Object, Rows, Store
from web.sandbox.work import Work

AfterStop = Callable[[datetime], None]
_WAITS_FOR_DELIVERY = 60.0
_EVERY = 0.5


class Stops:
    """Walks from one thing that is due to the next."""

    def __init__(self, store: Store, clock: Clock, delivery: Delivery, page_url: Callable[[], str]) -> None:
        self._store, self._clock, self._delivery, self._page_url = store, clock, delivery, page_url
        self._walking = threading.Lock()
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Does what is due by itself from now on, while time runs as it does."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="sandbox-time", daemon=True)
            self._thread.start()

    def close(self) -> None:
        self._closed.set()
        if self._thread is not None:
            self._thread.join(timeout=5)

    def advance(self, to: datetime, after_stop: AfterStop | None) -> None:
        """Moves the clock to an instant ahead. At each stop on the way, and at the end, it stands still while the
        stop's events are delivered and `after_stop` is called with that instant.
        """
        with self._walking:
            if to < self._clock.now():
                raise ValueError(f"The clock goes forward only: it is {self._clock.now():%Y-%m-%d %H:%M:%S} UTC.")
            with self._clock.standing() as stand:
                while (at := self._next(until=to)) is not None:
                    instant = max(time.instant(at), self._clock.now())
                    with self._store.transaction() as rows:
                        stand(instant)
                        _do(rows, at, self._page_url())
                    self._told(instant, after_stop)
                stand(to)
                self._told(to, after_stop)

    def catch_up(self) -> None:
        """Does what is due by now. Not while the clock is being moved: that does it in its turn."""
        if not self._walking.acquire(blocking=False):
            return
        try:
            while (at := self._next(until=self._clock.now())) is not None:
                with self._store.transaction() as rows:
                    _do(rows, at, self._page_url())
                self._delivery.wake()
        finally:
            self._walking.release()

    def _told(self, instant: datetime, after_stop: AfterStop | None) -> None:
        self._delivery.settle(_WAITS_FOR_DELIVERY)
        if after_stop is not None:
            after_stop(instant)

    def _next(self, until: datetime) -> int | None:
        with self._store.transaction() as rows:
            due = rows.next_due()
        return due[0] if due is not None and due[0] <= time.seconds(until) else None

    def _run(self) -> None:
        while not self._closed.wait(_EVERY):
            self.catch_up()


def at_once(work: Work) -> None:
    """What a payment sets off by itself, as soon as all else of it is done: the dispute of a card that disputes."""
    for row in work.rows.run("SELECT id FROM due WHERE what = 'dispute' AND at <= ? ORDER BY seq", work.now):
        work.rows.unschedule("dispute", row["id"])
        charge = work.rows.find(row["id"])
        if charge is not None:
            _dispute(work, charge)


def _do(rows: Rows, at: int, page_url: str) -> None:
    """All that is due by a second, in one transaction with its events."""
    while (due := rows.next_due()) is not None and due[0] <= at:
        _, what, id = due
        rows.unschedule(what, id)
        thing = rows.find(id)
        if thing is not None:
            _DUE[what](Work(rows, at, page_url), thing)


def _renew(work: Work, subscription: Object) -> None:
    if subscription["status"] not in subs.ENDED:
        collecting.renew(work, subscription)


def _cancel(work: Work, subscription: Object) -> None:
    if subscription["status"] not in subs.ENDED:
        endings.finish(work, subscription)


def _collect(work: Work, invoice: Object) -> None:
    if invoice["status"] in ("draft", "open"):
        collecting.advance(work, invoice)


def _expire_session(work: Work, session: Object) -> None:
    if session["status"] == "open":
        checkout.expire(work, session)


def _expire_incomplete(work: Work, subscription: Object) -> None:
    if subscription["status"] != "incomplete":
        return
    invoice = work.find("invoice", subscription["latest_invoice"])
    if invoice is not None and invoice["status"] == "open":
        invoices.void(work, invoice)
    subs.end(work, subscription, None, status="incomplete_expired")


def _dispute(work: Work, charge: Object) -> None:
    card = cards.behind(charge)
    if card.disputed is not None:
        disputes.make(work, charge, inquiry=card.inquired, reason=card.disputed)


def _tell_of_trial_end(work: Work, subscription: Object) -> None:
    if subscription["status"] == "trialing":
        work.emit("customer.subscription.trial_will_end", subscription)


def _expire_update(work: Work, subscription: Object) -> None:
    if subscription["pending_update"] is not None:
        pending_updates.withdraw(work, subscription, expired=True)


_DUE: dict[str, Callable[[Work, Object], None]] = {
    "renew": _renew,
    "cancel": _cancel,
    "finalize": _collect,
    "retry": _collect,
    "expire_session": _expire_session,
    "expire_incomplete": _expire_incomplete,
    "refund": refunds.settle,
    "dispute": _dispute,
    "expire_update": _expire_update,
    "tell_of_trial_end": _tell_of_trial_end,
    "collect_again": pauses.collect_again,
    "clock_arrives": test_clocks.arrive,
}
