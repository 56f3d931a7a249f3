"""Events on their way to those who listen: signed, sent again until they are taken."""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from urllib.parse import urlsplit

from web.sandbox import clock, events, old_shapes
from web.sandbox.misdelivery import Faults
from web.sandbox.store import Object, Rows, Store

RETRY_AFTER = (2, 5, 15, 60, 300, 1_800, 3_600, 10_800)
"""Real seconds after each refusal. After the last one the event stays undelivered; it can be sent again by hand."""
TIMEOUT = 20
"""Seconds an endpoint may take to answer."""
_AT_A_TIME = 60.0

Deliver = Callable[[bytes, str], int]
"""Takes a body and its signature, answers an HTTP status: an endpoint in this process."""


def signature(body: bytes, secrets: list[str], at: int) -> str:
    """The `Stripe-Signature` header: one `v1` for each secret."""
    signed = f"{at}.".encode() + body
    parts = [f"v1={hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()}" for secret in secrets]
    return ",".join([f"t={at}", *parts])


def secrets_of(endpoint: Object, now: int) -> list[str]:
    """Its secret, and the one before as long as that is good: for a while after it was rolled."""
    secrets: list[str] = endpoint["_secrets"]
    return secrets if now < endpoint.get("_old_until", now + 1) else secrets[:1]


class Delivery:
    """Sends what is pending, in the order it happened; what is refused is sent again later, and blocks nothing."""

    def __init__(self, store: Store) -> None:
        self.faults = Faults()
        self.near: dict[str, Deliver] = {}
        self._store = store
        self._sending = threading.Lock()
        self._wake = threading.Event()
        self._closed = threading.Event()
        self._twins: set[str] = set()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Delivers by itself from now on."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="sandbox-delivery", daemon=True)
            self._thread.start()

    def wake(self) -> None:
        self._wake.set()

    def close(self) -> None:
        self._closed.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join(timeout=5)

    def settle(self, timeout: float) -> bool:
        """Attempts all that is due, or as much as fits the time. Whether nothing due is left."""
        until = time.monotonic() + timeout
        if self.faults.hold and not self.faults.types:
            return False
        if not self._sending.acquire(timeout=timeout):
            return False
        try:
            while time.monotonic() < until and not self._closed.is_set():
                if not self._send_next():
                    return True
            return False
        finally:
            self._sending.release()

    def drain(self, timeout: float) -> bool:
        """Waits until every endpoint has taken everything. Whether it has."""
        until = time.monotonic() + timeout
        while self._waiting():
            left = until - time.monotonic()
            if left <= 0 or self._closed.is_set():
                return False
            if self.settle(left) or self.faults.hold:
                self._closed.wait(min(0.05, max(left, 0)))
        return True

    def resend(self, event: str) -> int:
        """Once more to every endpoint, taken before or not. How many there are."""
        with self._store.transaction() as rows:
            endpoints = [one["id"] for one in reversed(rows.select("webhook_endpoint"))]
            for endpoint in endpoints:
                rows.run(
                    "INSERT INTO deliveries (event, endpoint, state) VALUES (?, ?, 'pending')"
                    " ON CONFLICT (event, endpoint) DO UPDATE SET state = 'pending', attempts = 0, next_at = 0",
                    event,
                    endpoint,
                )
        self.wake()
        return len(endpoints)

    def _run(self) -> None:
        while not self._closed.is_set():
            self._wake.wait(timeout=0.5)
            self._wake.clear()
            try:
                self.settle(_AT_A_TIME)
            except sqlite3.ProgrammingError:
                if not self._closed.is_set():  # else an endpoint was so slow that the file is closed by now
                    raise

    def pending(self) -> int:
        """How many deliveries are not taken yet."""
        with self._store.transaction() as rows:
            return int(rows.run("SELECT count(*) AS n FROM deliveries WHERE state = 'pending'")[0]["n"])

    def _waiting(self) -> bool:
        """Whether something is still to be sent, but for what types are held back."""
        if self.faults.hold and not self.faults.types:
            return self.pending() > 0
        with self._store.transaction() as rows:
            found = rows.run("SELECT type FROM deliveries d JOIN events e ON e.id = d.event WHERE state = 'pending'")
        return any(not self.faults.holds(row["type"]) for row in found)

    def send_now(self, wanted: Sequence[str], *, twin: bool = False) -> list[str]:
        """These events in this order to every endpoint that is enabled, taken before or not, what else waits or is
        held notwithstanding. The status each was answered with.
        """
        answers = []
        with self._sending:
            for id in wanted:
                with self._store.transaction() as rows:
                    event = events.find(rows, events.twin(rows, id) if twin else id)
                    endpoints = [one for one in reversed(rows.select("webhook_endpoint")) if one["status"] == "enabled"]
                    assert event is not None
                    told = [(endpoint, self._told(rows, endpoint, event)) for endpoint in endpoints]
                answers += [self._send(endpoint, shaped) for endpoint, shaped in told]
        return answers

    def _send_next(self) -> bool:
        """The next one that is due; false if there is none. Nothing is locked while it is on its way."""
        now = clock.real_seconds()
        with self._store.transaction() as rows:
            found = self._next(rows, now)
            if found is None:
                return False
            seq, attempts, happened = found["seq"], found["attempts"], found["type"]
            concerned = self.faults.concerns(happened)
            if concerned and self.faults.delay and not attempts and not found["next_at"]:
                rows.run("UPDATE deliveries SET next_at = ? WHERE seq = ?", now + self.faults.delay, seq)
                return True
            if concerned and self.faults.twin and not attempts and found["event"] not in self._twins:
                self._twins.add(events.twin(rows, found["event"], found["endpoint"]))
            event, endpoint = events.find(rows, found["event"]), rows.find(found["endpoint"])
            assert event is not None
            shaped = event if endpoint is None else self._told(rows, endpoint, event)
        if endpoint is None or endpoint["status"] != "enabled":
            self._note(seq, attempts, "failed", "the endpoint is gone" if endpoint is None else "it is disabled")
            return True
        if concerned and self.faults.drop > 0:
            self.faults.drop -= 1
            self._note(seq, attempts, "failed", "lost on the way, as was asked")
            return True
        answer = self._send(endpoint, shaped)
        if concerned and self.faults.twice:
            answer = self._send(endpoint, shaped)
        if answer.isdigit() and 200 <= int(answer) < 300:
            self._note(seq, attempts, "succeeded", answer)
        elif attempts < len(RETRY_AFTER):
            self._note(seq, attempts, "pending", answer, clock.real_seconds() + RETRY_AFTER[attempts])
        else:
            self._note(seq, attempts, "failed", answer)
        return True

    def _next(self, rows: Rows, now: float) -> sqlite3.Row | None:
        """First what was never tried, in the order that is asked for."""
        first_only = not self.faults.types and self.faults.order == "sent"
        found = rows.run(
            "SELECT d.seq, d.event, d.endpoint, d.attempts, d.next_at, e.type FROM deliveries d"
            " JOIN events e ON e.id = d.event WHERE d.state = 'pending' AND d.next_at <= ?"
            " ORDER BY d.attempts > 0, d.seq LIMIT ?",
            now,
            1 if first_only else -1,
        )
        free = [row for row in found if not self.faults.holds(row["type"])]
        return min(
            free,
            key=lambda row: (row["attempts"] > 0, *self.faults.place(row["seq"], row["type"])),
            default=None,
        )

    def _told(self, rows: Rows, endpoint: Object, event: Object) -> Object:
        """The event as this endpoint is told it."""
        return self.faults.dressed(old_shapes.told(rows, event, endpoint.get("_shape", "endive")))

    def _note(self, seq: int, attempts: int, state: str, answer: str, next_at: float = 0) -> None:
        with self._store.transaction() as rows:
            rows.run(
                "UPDATE deliveries SET attempts = ?, state = ?, answer = ?, next_at = ? WHERE seq = ?",
                attempts + 1,
                state,
                answer,
                next_at,
                seq,
            )

    def _send(self, endpoint: Object, event: Object) -> str:
        """The status it was answered with, or why there was none."""
        body = json.dumps(event).encode()
        now = int(clock.real_seconds())
        header = signature(body, self.faults.signing(secrets_of(endpoint, now)), now - self.faults.age)
        near = self.near.get(endpoint["url"])
        try:
            return str(near(body, header) if near is not None else _post(endpoint["url"], body, header))
        except Exception as error:  # noqa: BLE001 - whatever goes wrong there, the event was not taken
            return f"{type(error).__name__}: {error}"[:200]


def _post(url: str, body: bytes, header: str) -> int:
    place = urlsplit(url)
    kind = http.client.HTTPSConnection if place.scheme == "https" else http.client.HTTPConnection
    connection = kind(place.hostname or "", place.port, timeout=TIMEOUT)
    try:
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "Stripe-Signature": header,
            "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
        }
        path = (place.path or "/") + (f"?{place.query}" if place.query else "")
        connection.request("POST", path, body, headers)
        return connection.getresponse().status
    finally:
        connection.close()
