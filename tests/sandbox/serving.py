"""A served sandbox for tests: all that arrives at it and leaves it is held to Stripe's interface.

    def test_something(sandbox: Sandbox, stripe_client: StripeClient) -> None: …

What is wrong fails the test at its end, with the path. A test that sends bad requests on purpose says so:
`watch.lets_bad_requests_through = True`.
"""

from __future__ import annotations

import io
import json
import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import stripe

from tests.sandbox import contract as stripe_contract
from tests.sandbox.annotations import Schema, Service
from tests.sandbox.contract import Contract, Rules
from web.sandbox import Sandbox, serve
from web.sandbox.server import OPERATIONS

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

KEY = "sk_test_sandbox"


@dataclass
class Watch:
    """Sees every exchange on /v1, and at the end every event."""

    contract: Contract
    lets_bad_requests_through: bool = False
    wrong: list[str] = field(default_factory=list)
    asked: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)
    """Every request: its method, its path and what it said."""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def over(self, app: WSGIApplication) -> WSGIApplication:
        """The application, with somebody who reads along."""

        def watched(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            if not environ["PATH_INFO"].startswith("/v1/"):
                return app(environ, start_response)
            body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
            environ["wsgi.input"] = io.BytesIO(body)
            words = "&".join(text for text in (environ.get("QUERY_STRING", ""), body.decode(errors="replace")) if text)
            self._asked(environ["REQUEST_METHOD"], environ["PATH_INFO"], words, environ.get("HTTP_STRIPE_VERSION"))
            statuses: list[int] = []

            def started(status: str, headers: Any, exc_info: Any = None) -> Any:
                statuses.append(int(status.split(maxsplit=1)[0]))
                return start_response(status, headers, exc_info)

            answer = b"".join(app(environ, started))
            self._answered(environ["REQUEST_METHOD"], environ["PATH_INFO"], statuses[-1], answer)
            return [answer]

        return watched

    def look_at_events(self, sandbox: Sandbox) -> None:
        with sandbox.store.transaction() as rows:
            for row in rows.run("SELECT body FROM events ORDER BY seq"):
                self.wrong += self.contract.event(json.loads(row["body"]) | {"pending_webhooks": 0})

    def _asked(self, method: str, path: str, words: str, version: str | None) -> None:
        with self._lock:
            if self.lets_bad_requests_through:
                return
            self.asked.append((method, path, stripe_contract.decoded(words)))
            if version in (None, stripe_contract.VERSION):
                self.wrong += self.contract.request(method, path, words)

    def _answered(self, method: str, path: str, status: int, body: bytes) -> None:
        with self._lock:
            self.wrong += self.contract.answer(method, path, status, json.loads(body))


def same(path: str) -> str:
    """An address whatever its parts are called."""
    return re.sub(r"\{\w+\}", "{}", path)


_OURS = {(operation.method, same(operation.path)) for operation in OPERATIONS}


def answered_here(service: Service) -> bool:
    return (service.method, same(service.path)) in _OURS


@pytest.fixture(scope="session")
def stripe_schema(request: pytest.FixtureRequest) -> Schema:
    """Derived from the installed package: once for each version of it."""
    cache = getattr(request.config, "cache", None)
    folder = cache.mkdir("stripe-contract") if cache else None
    return stripe_contract.cached(folder, answered_here, [f"{method} {path}" for method, path in _OURS])


@pytest.fixture(scope="session")
def stripe_rules(stripe_schema: Schema) -> Rules:
    return Rules(stripe_schema)


@pytest.fixture
def watch(stripe_rules: Rules) -> Watch:
    return Watch(Contract(stripe_rules))


@contextmanager
def served(file: Path, watch: Watch, **options: Any) -> Iterator[Sandbox]:
    """A sandbox on this file, served and watched; what is wrong is in `watch.wrong` afterwards."""
    opened = Sandbox(file, **options)
    opened.app = watch.over(opened.app)
    listening = serve(opened)
    try:
        yield opened
    finally:
        listening.close()
        watch.look_at_events(opened)
        opened.close()


@pytest.fixture
def sandbox(tmp_path: Path, watch: Watch) -> Iterator[Sandbox]:
    """Served at `sandbox.url`, empty, at the real time."""
    with served(tmp_path / "sandbox.sqlite3", watch) as opened:
        yield opened
    assert not watch.wrong, "this is not Stripe's interface:\n" + "\n".join(watch.wrong)


@pytest.fixture
def stripe_client(sandbox: Sandbox) -> stripe.StripeClient:
    """Stripe's own package, talking to the sandbox."""
    return client(sandbox)


def client(sandbox: Sandbox, *, retries: int = 2, timeout: float = 10) -> stripe.StripeClient:
    return stripe.StripeClient(
        KEY,
        base_addresses={"api": sandbox.url},
        max_network_retries=retries,
        http_client=stripe.RequestsClient(timeout=timeout),
    )


@dataclass
class Listener:
    """An endpoint in this process: keeps what it is told, answers what it is asked to."""

    secret: str = "whsec_for_tests"
    url: str = "http://app.test/webhooks/stripe"
    events: list[stripe.Event] = field(default_factory=list)
    answer: Callable[[stripe.Event], int] = lambda event: 200
    _heard: threading.Event = field(default_factory=threading.Event)

    def __call__(self, body: bytes, signature: str) -> int:
        event = stripe.Webhook.construct_event(body, signature, self.secret)
        status = self.answer(event)
        if 200 <= status < 300:
            self.events.append(event)
            self._heard.set()
        return status

    def wait_for(self, happened: str, *, seconds: float) -> stripe.Event:
        """The first event of that type, which must come within this time."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            found = [event for event in self.events if event.type == happened]
            if found:
                return found[0]
            self._heard.wait(0.05)
            self._heard.clear()
        raise AssertionError(f"no {happened} came, only {self.types}")

    @property
    def types(self) -> list[str]:
        return [event.type for event in self.events]


@pytest.fixture
def listener(sandbox: Sandbox) -> Listener:
    """Told of everything that happens."""
    listener = Listener()
    sandbox.listen(listener.url, listener.secret, deliver=listener)
    return listener
