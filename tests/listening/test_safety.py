"""What the endpoint believes, and how it says why it does not."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from werkzeug.test import create_environ, run_wsgi_app

from billing import Gateway, signals
from billing.base.clock import SystemClock
from billing.stripe import signature
from billing.stripe.listing import Endpoint
from billing.testing import TestBilling
from tests.sales.paid import APRIL, CATALOG, body, event, invoice, line
from tests.web.service import problem, service_on

pytestmark = pytest.mark.quick_on("sqlite")

OLD, NEW = "whsec_old_secret", "whsec_new_secret"
PAID = event(invoice(line("price_basic", 1_000)), id="evt_1")


@pytest.fixture
def billing(make_billing: Callable[..., TestBilling]) -> TestBilling:
    engine = make_billing(catalog=CATALOG, start=APRIL, webhook_secrets=(NEW, OLD))
    engine.customer("team", stripe_customer_id="cus_1")
    return engine


def post(billing: TestBilling, sent: bytes, *secrets: str, ago: float = 0) -> Any:
    """Signed by these secrets; a header with two signatures is what Stripe sends while a secret is rolled over."""
    at = SystemClock().now() - timedelta(seconds=ago)
    headers = [signature.sign(sent, secret, at) for secret in secrets]
    both = ",".join([headers[0], *(header.partition(",")[2] for header in headers[1:])])
    return service_on(billing).client.post("/webhooks/stripe", data=sent, headers={"Stripe-Signature": both})


@pytest.mark.database("sqlite")
def test_a_rolled_secret(billing: TestBilling) -> None:
    for number, secrets in enumerate([(OLD,), (NEW,), (NEW, OLD), ("whsec_third", OLD)]):
        assert post(billing, body({**PAID, "id": f"evt_{number}"}), *secrets).status_code == 200
    billing.webhook_secrets = (NEW,)
    problem(post(billing, body(PAID), OLD), 400, "malformed")
    assert post(billing, body(PAID), OLD, NEW).status_code == 200


@pytest.mark.database("sqlite")
def test_a_wrong_secret_and_a_wrong_clock_are_told_apart(
    billing: TestBilling, caplog: pytest.LogCaptureFixture
) -> None:
    service = service_on(billing)
    sent = body(PAID)
    wrong = signature.sign(sent, "whsec_wrong", SystemClock().now())
    late, early = (signature.sign(sent, NEW, SystemClock().now() - timedelta(seconds=off)) for off in (400, -3_000_000))
    with caplog.at_level(logging.WARNING):
        told = [
            problem(service.client.post("/webhooks/stripe", data=sent, headers={"Stripe-Signature": header}), 400,
                    "malformed")["detail"]
            for header in (wrong, late, early, "nonsense")
        ]  # fmt: skip
    assert "STRIPE_WEBHOOK_SECRETS" in told[0]
    assert "clock" in told[1] and "clock" in told[2]
    ready = service.client.get("/readyz")
    assert ready.status_code == 200  # anybody may send nonsense
    assert ready.get_json()["webhook"] == {
        "taken": 0, "refused_signature": 1, "refused_tolerance": 2, "refused_other": 1,
    }  # fmt: skip
    seen = caplog.text + " ".join(told) + ready.text
    assert "whsec" not in seen


@pytest.mark.database("sqlite")
def test_without_a_secret_the_endpoint_is_closed(billing: TestBilling) -> None:
    for secrets in ((), ("",), (" ",)):
        billing.webhook_secrets = secrets
        assert "set STRIPE_WEBHOOK_SECRETS" in problem(post(billing, body(PAID), NEW), 400, "malformed")["detail"]
    assert billing.stripe_events() == []


@pytest.mark.parametrize(("key", "live"), [("sk_test_x", True), ("sk_live_x", False), ("rk_live_x", False)])
@pytest.mark.database("sqlite")
def test_the_other_mode_is_kept_and_grants_nothing(billing: TestBilling, key: str, live: bool) -> None:
    billing.gateway = Gateway(key, "http://127.0.0.1:9")
    reviews: list[dict[str, Any]] = []

    def look(_: object, **fact: Any) -> None:
        reviews.append(fact)

    with signals.review_needed.connected_to(look):
        answer = post(billing, body({**PAID, "livemode": live}), NEW)
    assert (answer.status_code, answer.get_json()["status"]) == (200, "waiting")
    assert "mode" in reviews[0]["reason"]
    assert billing.wallet("team").available == 0


@pytest.mark.database("sqlite")
def test_what_is_a_connected_accounts_is_not_ours(billing: TestBilling) -> None:
    answer = post(billing, body({**PAID, "account": "acct_other"}), NEW)
    assert (answer.status_code, answer.get_json()["status"]) == (200, "ignored")
    assert billing.wallet("team").available == 0


@pytest.mark.database("sqlite")
def test_a_chunked_flood_is_cut_off(billing: TestBilling) -> None:
    """Sent without its length, it is read no further than the limit."""
    read = 0

    class Endless:
        def read(self, size: int = -1) -> bytes:
            nonlocal read
            read += max(size, 0)
            return b"x" * max(size, 0)

    environ = create_environ("/webhooks/stripe", method="POST", headers={"Stripe-Signature": "t=1,v1=0"})
    environ |= {"wsgi.input": Endless(), "wsgi.input_terminated": True}
    environ.pop("CONTENT_LENGTH", None)
    _, status, _ = run_wsgi_app(service_on(billing).app, environ)
    assert status.startswith("413")
    assert read < 4 * 2**20


def test_nothing_shows_a_secret() -> None:
    shown = repr(Gateway("sk_live_hidden")) + repr(
        Endpoint("we_1", "https://x.example", frozenset(), None, True, False, "whsec_hidden")
    )
    assert "hidden" not in shown
    with pytest.raises(ValueError, match="tolerance"):
        signature.verify(b"{}", "t=1,v1=0", [NEW], SystemClock().now(), timedelta(0))
