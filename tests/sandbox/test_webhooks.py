"""Events on their way: signed, filtered, sent again, lost, doubled."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import requests
import stripe

from tests.sandbox.serving import Listener
from tests.sandbox.shop import Shop, at
from web.sandbox import Sandbox, delivery


@dataclass
class Endpoint:
    """A real one, over HTTP."""

    url: str = ""
    heard: list[tuple[bytes, str]] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    known = Endpoint()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            known.heard.append((body, self.headers["Stripe-Signature"]))
            self.send_response(known.answers.pop(0) if known.answers else 200)
            self.end_headers()

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    known.url = f"http://127.0.0.1:{server.server_port}/hooks?from=stripe"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield known
    server.shutdown()
    thread.join()
    server.server_close()


def test_over_http_and_signed(shop: Shop, sandbox: Sandbox, endpoint: Endpoint) -> None:
    """By real time, whatever the sandbox's is."""
    sandbox.start_at(at("2031-01-01 00:00"))
    made = shop.v1.webhook_endpoints.create({"url": endpoint.url, "enabled_events": ["customer.created"]})
    assert made.secret is not None
    assert "secret" not in shop.v1.webhook_endpoints.retrieve(made.id)
    customer = shop.customer()
    shop.v1.products.create({"name": "x"})
    assert sandbox.drain()
    ((body, signature),) = endpoint.heard
    event = stripe.Webhook.construct_event(body, signature, made.secret)
    told: Any = event.data.object
    assert (event.type, told.id, event.livemode) == ("customer.created", customer.id, False)
    assert event.api_version == stripe.api_version and event.pending_webhooks == 1
    assert event.request is not None and str(event.request.id).startswith("req_") and event.request.idempotency_key
    assert shop.v1.events.retrieve(event.id).pending_webhooks == 0
    with pytest.raises(stripe.SignatureVerificationError):
        stripe.Webhook.construct_event(body, signature, "whsec_another")
    shop.v1.webhook_endpoints.delete(made.id)
    shop.customer()
    assert sandbox.drain() and len(endpoint.heard) == 1


def test_one_signature_for_each_secret() -> None:
    body = b'{"id": "evt_1", "object": "event"}'
    header = delivery.signature(body, ["whsec_old", "whsec_new"], int(time.time()))
    assert header.count("v1=") == 2
    for secret in ("whsec_old", "whsec_new"):
        stripe.Webhook.construct_event(body, header, secret)


def test_refused_it_comes_again(
    shop: Shop, sandbox: Sandbox, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "RETRY_AFTER", (0.1, 0.1))
    endpoint.answers = [500, 404]
    sandbox.listen(endpoint.url, "whsec_x", ["customer.created"])
    shop.customer()
    assert sandbox.drain(30)
    assert len({body for body, _ in endpoint.heard}) == 1 and len(endpoint.heard) == 3
    assert len({signature for _, signature in endpoint.heard}) >= 1


def test_at_last_it_is_given_up_and_can_be_sent_by_hand(
    shop: Shop, sandbox: Sandbox, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "RETRY_AFTER", (0.05,))
    endpoint.answers = [500, 500]
    sandbox.listen(endpoint.url, "whsec_x", ["customer.created"])
    shop.customer()
    assert sandbox.drain(30)
    (event,) = shop.v1.events.list({"delivery_success": False, "type": "customer.created"}).data
    sent = requests.post(f"{sandbox.url}/_sandbox/deliver", json={"event": event.id}, timeout=10).json()
    assert sent["sent_to"] == 1 and sandbox.drain(30)
    assert shop.v1.events.list({"delivery_success": False}).data == []
    assert len(endpoint.heard) == 3


def test_a_dead_endpoint_holds_up_nobody(shop: Shop, sandbox: Sandbox, listener: Listener) -> None:
    sandbox.listen("http://127.0.0.1:9/nobody", "whsec_x")
    customer = shop.customer()
    shop.v1.products.create({"name": "x"})
    listener.wait_for("product.created", seconds=10)
    waiting = shop.v1.events.list({"delivery_success": False}).data
    assert {event.type for event in waiting} == {"customer.created", "product.created"}
    assert waiting[-1].pending_webhooks == 1 and customer.id


def test_a_failing_endpoint_does_not_stop_time(shop: Shop, sandbox: Sandbox, listener: Listener) -> None:
    sandbox.start_at(at("2027-01-01 00:00"))
    subscription = shop.subscribe()
    listener.answer = lambda event: 1 // 0
    sandbox.advance(at("2027-03-02 00:00"))
    assert [invoice.status for invoice in shop.invoices(subscription)] == ["paid"] * 3


def test_held_lost_and_doubled(shop: Shop, sandbox: Sandbox, listener: Listener) -> None:
    def deliver(**said: Any) -> dict[str, Any]:
        answer = requests.post(f"{sandbox.url}/_sandbox/deliver", json=said, timeout=10)
        assert answer.status_code == 200, answer.text
        said_back: dict[str, Any] = answer.json()
        return said_back

    deliver(hold=True)
    shop.customer()
    assert not sandbox.drain(0.2) and listener.types == []
    assert deliver()["pending"] == 1
    deliver(hold=False)
    assert sandbox.drain() and listener.types == ["customer.created"]
    deliver(drop=1)
    lost = shop.customer()
    shop.v1.products.create({"name": "x"})
    sandbox.drain()
    assert listener.types == ["customer.created", "product.created"]
    (event,) = shop.v1.events.list({"delivery_success": False}).data
    told: Any = event.data.object
    assert told.id == lost.id
    deliver(twice=True)
    shop.v1.products.create({"name": "y"})
    sandbox.drain()
    assert listener.types[2:] == ["product.created"] * 2
    assert len({event.id for event in listener.events[2:]}) == 1
    deliver(twice=False)
    shop.v1.products.create({"name": "z"})
    sandbox.drain()
    assert len(listener.types) == 5


def test_told_again_where_to_listen_it_listens_once(shop: Shop, sandbox: Sandbox, listener: Listener) -> None:
    again = sandbox.listen(listener.url, listener.secret, ["product.created"], deliver=listener)
    assert [one.id for one in shop.v1.webhook_endpoints.list().data] == [again]
    shop.customer()
    shop.v1.products.create({"name": "x"})
    sandbox.drain()
    assert listener.types == ["product.created"]
    assert sandbox.tell(listener.url) == listener.secret


def test_an_endpoint_that_moved_is_told_what_waits(shop: Shop, sandbox: Sandbox, listener: Listener) -> None:
    """Whoever has its secret is the same one, at another address now."""
    sandbox.delivery.faults.hold = True
    shop.customer()
    [there] = shop.v1.webhook_endpoints.list().data
    assert sandbox.listen("http://127.0.0.1:2/moved", listener.secret, deliver=listener) == there.id
    sandbox.delivery.faults.hold = False
    assert sandbox.drain() and listener.types == ["customer.created"]
    assert [one.url for one in shop.v1.webhook_endpoints.list().data] == ["http://127.0.0.1:2/moved"]


def test_events_are_listed_by_type_and_time(shop: Shop, sandbox: Sandbox) -> None:
    sandbox.start_at(at("2027-01-01 00:00"))
    shop.customer()
    sandbox.advance(at("2027-01-02 00:00"))
    shop.pack()
    types = [event.type for event in shop.v1.events.list().data]
    assert types == ["price.created", "product.created", "customer.created"]
    found = shop.v1.events.list({"types": ["price.created", "customer.created"], "limit": 1})
    assert [event.type for event in found.data] == ["price.created"] and found.has_more
    assert [event.type for event in found.auto_paging_iter()] == ["price.created", "customer.created"]
    late = shop.v1.events.list({"created": {"gte": int(at("2027-01-02 00:00").timestamp())}}).data
    assert [event.type for event in late] == ["price.created", "product.created"]
    assert [event.type for event in shop.v1.events.list({"type": "customer.*"}).data] == ["customer.created"]
