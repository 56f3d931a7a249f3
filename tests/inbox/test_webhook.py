"""The endpoint that Stripe calls: what it stores, and what it turns away without a trace."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from werkzeug.test import TestResponse

from billing.base.clock import SystemClock
from billing.rules.refusals import ClockSkew
from billing.stripe import signature
from billing.testing import TestBilling
from tests.sales.paid import body, event, invoice, line
from tests.web.service import problem, service_on

pytestmark = pytest.mark.quick_on("sqlite")

PAID = event(invoice(line("price_basic", 1_000)), id="evt_1")


def post(billing: TestBilling, sent: bytes, header: str | None = None, **more: Any) -> TestResponse:
    headers = {"Stripe-Signature": header} if header is not None else {}
    return service_on(billing).client.post("/webhooks/stripe", data=sent, headers=headers, **more)


def sign(sent: bytes, secret: str = "whsec_new", ago: timedelta = timedelta()) -> str:
    return signature.sign(sent, secret, SystemClock().now() - ago)


@pytest.mark.parametrize("secret", ["whsec_new", "whsec_old"])
def test_a_signed_event_is_stored_and_handled(billing: TestBilling, secret: str) -> None:
    answer = post(billing, body(PAID), sign(body(PAID), secret))
    assert (answer.status_code, answer.get_json()) == (200, {"id": "evt_1", "status": "done"})
    assert billing.wallet("team").available == 100
    assert post(billing, body(PAID), sign(body(PAID), secret)).get_json() == {"id": "evt_1", "status": "done"}
    assert billing.wallet("team").available == 100


def test_what_waits_and_what_fails_is_stored_all_the_same(billing: TestBilling) -> None:
    for number, held in enumerate([invoice(line("price_?", 5)), {"object": "invoice", "id": "in_7"}]):
        sent = body(event(held, "invoice.paid", id=f"evt_{number}"))
        assert post(billing, sent, sign(sent)).status_code == 200
    failed, waiting = billing.stripe_events()
    assert (waiting.status, failed.status) == ("waiting", "failed")
    assert "invoice.lines: an object is wanted" in (failed.reason or "")


NESTED = b'{"id":' + b"[" * 100_000 + b"]" * 100_000 + b"}"


@pytest.mark.parametrize(
    "sent",
    [b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"object": "event"}', body({**PAID, "id": 5}), b'{"a": NaN}', NESTED,
     body({**PAID, "object": "v2.core.event"}), body({**PAID, "created": 10**20}), body({**PAID, "data": None}),
     body({**PAID, "id": "evt_\0"}), json.dumps({**PAID, "type": "\ud800"}).encode()],
    ids=range(14),
)  # fmt: skip
@pytest.mark.database("sqlite")
def test_junk_is_turned_away(billing: TestBilling, sent: bytes) -> None:
    header = "t=1,v1=0" if sent == b"\xff\xfe" else sign(sent)
    problem(post(billing, sent, header), 400, "malformed")
    assert billing.stripe_events() == []


@pytest.mark.parametrize(
    "header",
    [
        lambda: None,
        lambda: "",
        lambda: "t=1",
        lambda: "v1=0",
        lambda: "t=1,v1=0",
        lambda: "nonsense",
        lambda: "é",
        lambda: "t=1," * 5_000,
        lambda: sign(body(PAID), "whsec_other"),
        lambda: sign(b"{}"),
        lambda: sign(body(PAID), ago=timedelta(seconds=301)),
        lambda: sign(body(PAID), ago=timedelta(seconds=-330)),
    ],
)
@pytest.mark.database("sqlite")
def test_what_stripe_did_not_sign_is_turned_away(billing: TestBilling, header: Callable[[], str | None]) -> None:
    found = problem(post(billing, body(PAID), header()), 400, "malformed")
    assert "whsec" not in str(found)
    assert billing.stripe_events() == []


def test_without_a_secret_nothing_is_believed(billing: TestBilling) -> None:
    billing.webhook_secrets = ()
    found = problem(post(billing, body(PAID), sign(body(PAID))), 400, "malformed")
    assert "STRIPE_WEBHOOK_SECRETS" in found["detail"]


def test_ten_megabytes_are_not_read(billing: TestBilling) -> None:
    problem(post(billing, b"x" * 10 * 2**20, "t=1,v1=0"), 413, "too_large")
    large = body({**PAID, "more": "x" * 900_000})
    assert post(billing, large, sign(large)).status_code == 200


def test_only_posts(billing: TestBilling) -> None:
    problem(service_on(billing).client.get("/webhooks/stripe"), 405, "method_not_allowed")


@pytest.mark.parametrize("error", [ClockSkew("a day ahead"), RuntimeError("a bug")])
def test_what_could_not_be_stored_is_sent_again(
    billing: TestBilling, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr("billing.inbox.storing.store", fail)
    answer = post(billing, body(PAID), sign(body(PAID)))
    assert answer.status_code == 503
    assert "a bug" not in answer.text
    monkeypatch.undo()
    assert post(billing, body(PAID), sign(body(PAID))).get_json()["status"] == "done"
