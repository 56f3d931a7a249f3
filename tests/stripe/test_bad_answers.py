"""Whatever answers in Stripe's place: each call ends in time, with an error of ours that says what to do."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from billing import Billing, Gateway
from billing.rules.refusals import Refusal, StripeNotConfigured, StripeRefused, StripeUnavailable
from billing.stripe import calling
from billing.stripe import questions as ask
from billing.testing import TestBilling
from tests.sales.paid import CATALOG, event, invoice, line

KEY = "rk_test_nobodyshallseethis"
NOW = datetime(2025, 4, 1, tzinfo=UTC)
LACKS = (
    "The provided key 'rk_test_*********this' does not have the required permissions for this endpoint on account"
    " 'acct_1'. Having the 'rak_invoice_read' permission would allow this request to continue."
)

CALLS: dict[str, Callable[[Gateway], Any]] = {
    "customer": lambda gateway: gateway.make_customer({"name": "x"}, "k"),
    "lost customer": lambda gateway: gateway.find_customer(NOW, "conv_1"),
    "lost session": lambda gateway: gateway.find_session("cus_1", NOW, "a", "b"),
    "checkout": lambda gateway: gateway.open_session({"mode": "payment"}, "k"),
    "session": lambda gateway: gateway.session("cs_1"),
    "refund": lambda gateway: gateway.refund({"charge": "ch_1"}, "k"),
    "portal": lambda gateway: gateway.open_portal("cus_1", "https://x.example"),
    "prices": lambda gateway: gateway.prices(["price_1", "key"]),
    "events": lambda gateway: gateway.look.events(["invoice.paid"], NOW),
    "endpoints": lambda gateway: gateway.look.endpoints(),
    "endpoint": lambda gateway: gateway.look.make_endpoint("https://x.example", ["invoice.paid"], "k"),
    "products": lambda gateway: gateway.shelf.products(["prod_1"]),
    "price": lambda gateway: gateway.shelf.make_price({"currency": "usd"}, "k"),
    **{
        type(question).__name__: lambda gateway, question=question: gateway.answer(question)  # type: ignore[misc]
        for question in (
            ask.InvoiceById("in_1"), ask.InvoiceOfPayment("pi_1", None), ask.PaidInvoices("sub_1"),
            ask.RefundsOfPayment("pi_1", None), ask.SessionOfPayment("pi_1"), ask.CustomerById("cus_1"),
        )
    },
}  # fmt: skip

NO_ANSWERS = [
    (200, b"<html>sign in to the network</html>"), (200, b"[]"), (200, b"null"), (200, b"{}"), (200, b'{"id": '),
    (200, b"\xff\xfe{}"), (200, b"[" * 100_000), (200, b'{"object": "list", "data": null}'),
    (200, b'{"object": "list", "data": [5]}'), (302, b""), (204, b""), (400, b'{"error": "no"}'), (400, b"[]"),
    (403, b"<html>the proxy says no</html>"), (500, b"<html>rk_test_nobodyshallseethis</html>"), (429, b""),
]  # fmt: skip


class Stranger:
    """A server that gives everybody one answer."""

    def __init__(self) -> None:
        self.status, self.body, self.dripping, self.asked = 200, b"", False, 0
        stranger = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def log_message(self, *_: Any) -> None:
                pass

            def answer(self) -> None:
                stranger.asked += 1
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                self.send_response(stranger.status)
                self.send_header("Location", "/elsewhere")
                self.send_header("Content-Length", str(len(stranger.body)))
                self.end_headers()
                with suppress(OSError):
                    for at in range(len(stranger.body)) if stranger.dripping else ():
                        self.wfile.write(stranger.body[at : at + 1])
                        time.sleep(0.05)
                    if not stranger.dripping:
                        self.wfile.write(stranger.body)

            do_GET = do_POST = answer  # noqa: N815 - as the base class has it

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.gateway = Gateway(KEY, f"http://127.0.0.1:{self.server.server_port}")

    def says(self, status: int, body: bytes | dict[str, Any]) -> None:
        self.status, self.body = status, body if isinstance(body, bytes) else json.dumps(body).encode()

    def every(self) -> dict[str, Refusal | None]:
        """What each call ends in. Anything but a refusal of ours is a failure."""
        ends: dict[str, Refusal | None] = {}
        for name, call in CALLS.items():
            try:
                call(self.gateway)
                ends[name] = None
            except Refusal as refusal:
                ends[name] = refusal
        return ends


@pytest.fixture
def stranger(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stranger]:
    monkeypatch.setattr("stripe._http_client.HTTPClient.MAX_DELAY", 0.01)
    monkeypatch.setattr("stripe._http_client.HTTPClient.INITIAL_DELAY", 0.01)
    found = Stranger()
    yield found
    found.server.shutdown()
    found.server.server_close()


def test_what_is_no_answer_of_stripes(stranger: Stranger, caplog: pytest.LogCaptureFixture) -> None:
    for status, body in NO_ANSWERS:
        stranger.says(status, body)
        stranger.asked = 0
        ends = stranger.every()
        assert status != 302 or stranger.asked == len(CALLS), "nobody goes where a stranger sends them"
        assert {type(end) for end in ends.values()} == {StripeUnavailable}, (status, body[:40], ends)
        assert not any(KEY in str(end) for end in ends.values())
    assert KEY not in caplog.text


def test_what_is_asked_for_is_not_what_comes(stranger: Stranger) -> None:
    """An object of another kind, and a list without an end. What was done is asked for again; nothing is given up."""
    made = {"customer", "checkout", "refund", "portal", "price"}
    stranger.says(200, {"id": 5, "object": "thing", "url": 5, "data": 5})
    ends = stranger.every()
    assert {name for name, end in ends.items() if isinstance(end, StripeUnavailable)} == {*made, "session"}
    assert all(isinstance(end, StripeUnavailable | StripeRefused) for end in ends.values()), ends
    stranger.says(200, {"object": "list", "url": "/v1/x", "has_more": True, "data": [{"id": "x", "object": "x"}]})
    stranger.asked = 0
    for name in ("lost customer", "lost session", "endpoints", "PaidInvoices"):
        with pytest.raises(StripeRefused, match="names x twice"):
            CALLS[name](stranger.gateway)
    assert stranger.asked == 8


def test_what_a_key_may_not_do_is_named(stranger: Stranger) -> None:
    stranger.says(403, {"error": {"type": "invalid_request_error", "message": LACKS}})
    for end in stranger.every().values():
        assert isinstance(end, StripeNotConfigured)
        assert "lacks the permission rak_invoice_read." in str(end)
    stranger.says(404, {"error": {"type": "invalid_request_error", "message": "No", "code": "resource_missing"}})
    assert {type(end).__name__ for end in stranger.every().values()} == {"NoneType", "StripeRefused", "UnknownSession"}
    stranger.says(402, {"error": {"type": "card_error", "message": "\n", "code": "card_declined"}})
    ends = stranger.every()
    assert str(ends["refund"]) == "Stripe refuses it: it gave no reason"
    assert isinstance(ends["session"], StripeUnavailable), "nothing is said of the session"


def test_an_answer_that_drips_in_ends(stranger: Stranger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calling, "LONGEST", 0.5)
    monkeypatch.setattr(calling, "READ", 0.4)
    stranger.says(200, b" " * 1_000)
    stranger.dripping = True
    began = time.monotonic()
    with pytest.raises(StripeUnavailable):
        stranger.gateway.make_customer({}, "k")
    with stranger.gateway.hurried(0.5) as hurried, pytest.raises(StripeUnavailable):
        hurried.make_customer({}, "k")
    assert time.monotonic() - began < 5


@pytest.mark.quick_on("sqlite")
def test_an_event_waits_for_the_permission(stranger: Stranger, make_billing: Callable[..., TestBilling]) -> None:
    billing: Billing = make_billing(catalog=CATALOG, gateway=stranger.gateway)
    billing.customer("team", stripe_customer_id="cus_1")
    held = invoice(line("price_basic", 1_000), id="in_1")
    cut = {**held, "lines": {"object": "list", "has_more": True, "data": []}}
    stranger.says(403, {"error": {"type": "invalid_request_error", "message": LACKS}})
    told = billing.take_stripe_event(json.dumps(event(cut, id="evt_1")).encode())
    assert told.status == "waiting"
    assert "lacks the permission rak_invoice_read." in (told.reason or "")
    stranger.says(200, held)
    assert billing.replay_stripe_event("evt_1").status == "done"
    assert [bucket.granted for bucket in billing.buckets("team")] == [100]
