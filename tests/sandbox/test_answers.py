"""How requests are answered: keys, refusals, and answers that never arrive."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
import requests
import stripe

from tests.sandbox.serving import KEY, Watch, client
from tests.sandbox.shop import Shop
from web.sandbox import Sandbox
from web.sandbox.faults import Fault
from web.sandbox.server import LARGEST

JSON = dict[str, Any]
WRONG = "invalid_request_error"


@pytest.fixture
def ask(sandbox: Sandbox) -> Callable[..., requests.Response]:
    """Asks by hand."""

    def ask(method: str, path: str, data: Any = None, key: str | None = None, **options: Any) -> requests.Response:
        headers = {"Authorization": f"Bearer {KEY}"} | ({"Idempotency-Key": key} if key else {})
        headers |= options.pop("headers", {})
        return requests.request(method, sandbox.url + path, data=data, headers=headers, timeout=10, **options)

    return ask


@pytest.mark.parametrize(
    ("authorization", "status"),
    [
        (None, 401),
        ("Bearer pk_test_abc", 401),
        ("Bearer sk_live_abc", 401),
        ("Basic !!!", 401),
        ("Bearer sk_test_abc", 200),
        ("Bearer rk_test_abc", 200),
        ("Basic c2tfdGVzdF9hYmM6", 200),
    ],
)
def test_any_test_key_opens(sandbox: Sandbox, authorization: str | None, status: int) -> None:
    headers = {"Authorization": authorization} if authorization else {}
    answer = requests.get(f"{sandbox.url}/v1/customers", headers=headers, timeout=10)
    assert answer.status_code == status
    assert answer.headers["Request-Id"].startswith("req_")
    if status == 401:
        assert answer.json()["error"]["type"] == "invalid_request_error"


def test_the_same_key_is_one_request(ask: Callable[..., requests.Response], shop: Shop) -> None:
    first = ask("POST", "/v1/customers", {"email": "a@example.com"}, key="k1")
    again = ask("POST", "/v1/customers", {"email": "a@example.com"}, key="k1")
    assert again.json() == first.json()
    assert "Idempotent-Replayed" not in first.headers and again.headers["Idempotent-Replayed"] == "true"
    assert len(shop.v1.customers.list().data) == 1
    other = ask("POST", "/v1/customers", {"email": "b@example.com"}, key="k1")
    assert (other.status_code, other.json()["error"]["type"]) == (400, "idempotency_error")
    assert ask("POST", "/v1/products", {"name": "x"}, key="k1").status_code == 400
    assert ask("POST", "/v1/products", {"name": "x"}, key="k" * 256).status_code == 400
    assert ask("POST", "/v1/customers", {"email": "a@example.com"}, key="k2").json()["id"] != first.json()["id"]


def test_a_decline_is_remembered_and_a_mistake_is_not(
    ask: Callable[..., requests.Response], shop: Shop, watch: Watch
) -> None:
    declined = {"amount": 500, "currency": "usd", "payment_method": "pm_card_chargeDeclined", "confirm": "true"}
    first = ask("POST", "/v1/payment_intents", declined, key="k1")
    again = ask("POST", "/v1/payment_intents", declined, key="k1")
    assert first.status_code == again.status_code == 402 and first.json() == again.json()
    assert first.json()["error"]["payment_intent"]["last_payment_error"]["code"] == "card_declined"
    assert len(shop.v1.charges.list().data) == 1
    watch.lets_bad_requests_through = True
    assert ask("POST", "/v1/customers", {"colour": "red"}, key="k2").status_code == 400
    assert ask("POST", "/v1/customers", {"email": "a@example.com"}, key="k2").status_code == 200


def test_the_same_key_at_once(ask: Callable[..., requests.Response], shop: Shop) -> None:
    price, start = shop.pack().id, threading.Barrier(8)
    answers: list[requests.Response] = []
    form = {"mode": "payment", "line_items[0][price]": price, "success_url": "http://127.0.0.1:9/"}

    def buy() -> None:
        start.wait(10)
        answers.append(ask("POST", "/v1/checkout/sessions", form, key="k1"))

    threads = [threading.Thread(target=buy) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert {answer.status_code for answer in answers} <= {200, 409} and len(answers) == 8
    assert len({answer.json()["id"] for answer in answers if answer.status_code == 200}) == 1
    assert len(shop.v1.checkout.sessions.list().data) == 1


def test_a_key_in_hand_is_refused_until_it_is_answered(
    ask: Callable[..., requests.Response], sandbox: Sandbox, shop: Shop
) -> None:
    """The first request waits for the file; the second is told so at once, and the package tries again."""
    in_hand, done = threading.Event(), threading.Event()
    real = sandbox.clock.now

    def slow() -> Any:
        in_hand.set()
        done.wait(10)
        return real()

    sandbox.clock.now = slow  # type: ignore[method-assign]
    first: list[requests.Response] = []
    thread = threading.Thread(target=lambda: first.append(ask("POST", "/v1/customers", {"email": "a@b.c"}, key="k")))
    thread.start()
    assert in_hand.wait(10)
    second = ask("POST", "/v1/customers", {"email": "a@b.c"}, key="k")
    assert (second.status_code, second.json()["error"]["code"]) == (409, "idempotency_key_in_use")
    done.set()
    thread.join(60)
    assert first[0].status_code == 200
    assert ask("POST", "/v1/customers", {"email": "a@b.c"}, key="k").json() == first[0].json()


@pytest.mark.parametrize("how", ["500", "reset", "lost"])
def test_the_package_tries_again_and_there_is_one(sandbox: Sandbox, shop: Shop, how: str) -> None:
    price = shop.pack()
    sandbox.faults.add(Fault(how, path="/v1/checkout", method="POST"))
    session = shop.session(price)
    assert [one.id for one in shop.v1.checkout.sessions.list().data] == [session.id]
    assert sandbox.faults.coming() == []


def test_without_another_try_a_lost_answer_is_an_error_and_a_fact(sandbox: Sandbox, shop: Shop) -> None:
    sandbox.faults.add(Fault("lost", path="/v1/customers"))
    with pytest.raises(stripe.APIConnectionError):
        client(sandbox, retries=0).v1.customers.create({"email": "a@example.com"})
    assert len(shop.v1.customers.list().data) == 1


def test_silence_and_too_many(sandbox: Sandbox, shop: Shop) -> None:
    sandbox.faults.add(Fault("timeout"))
    with pytest.raises(stripe.APIConnectionError):
        client(sandbox, retries=0, timeout=0.3).v1.customers.create({"email": "a@example.com"})
    until = time.monotonic() + 30
    while sandbox.faults.coming() and time.monotonic() < until:
        time.sleep(0.02)  # it may hear of the request when we have given up
    sandbox.faults.add(Fault("429"))
    with pytest.raises(stripe.RateLimitError):
        shop.v1.customers.create({"email": "a@example.com"})
    assert shop.v1.customers.list().data == []


@pytest.mark.parametrize(
    ("method", "path", "data", "param", "code"),
    [
        ("POST", "/v1/customers", {"colour": "red"}, "colour", "parameter_unknown"),
        ("GET", "/v1/customers?colour=red", None, "colour", "parameter_unknown"),
        ("POST", "/v1/prices", {"unit_amount": 5}, "currency", "parameter_missing"),
        (
            "POST",
            "/v1/prices",
            {"unit_amount": "5.5", "currency": "usd", "product_data[name]": "x"},
            "unit_amount",
            "parameter_invalid_integer",
        ),
        (
            "POST",
            "/v1/prices",
            {"unit_amount": 5, "currency": "usd", "product": "prod_no"},
            "product",
            "resource_missing",
        ),
        (
            "POST",
            "/v1/prices",
            {"unit_amount": 5, "currency": "usd", "product_data[name]": "x", "recurring[interval]": "fortnight"},
            "recurring[interval]",
            None,
        ),
        (
            "POST",
            "/v1/checkout/sessions",
            {"mode": "payment", "success_url": "http://x/", "line_items[0][colour]": "red"},
            "line_items[0][colour]",
            "parameter_unknown",
        ),
        (
            "POST",
            "/v1/checkout/sessions",
            {"mode": "payment", "success_url": "http://x/", "line_items[0][price]": "price_no"},
            "line_items[0][price]",
            "resource_missing",
        ),
        ("POST", "/v1/customers", {"email[0]": "a"}, "email", None),
        ("POST", "/v1/customers", {"metadata": "a"}, "metadata", None),
        ("GET", "/v1/customers?limit=0", None, "limit", "parameter_invalid_integer"),
        ("GET", "/v1/customers?limit=101", None, "limit", "parameter_invalid_integer"),
        ("GET", "/v1/customers?starting_after=cus_no", None, "starting_after", "resource_missing"),
        ("POST", "/v1/customers", {"expand[]": "colour"}, None, None),
        ("POST", "/v1/customers", {"a[b": "c"}, "a[b", None),
        ("POST", "/v1/customers", {"email": "x" * 5_001}, "email", None),
    ],
)
def test_what_is_wrong_is_said_as_stripe_says_it(
    ask: Callable[..., requests.Response], watch: Watch, method: str, path: str, data: Any, param: str, code: str
) -> None:
    watch.lets_bad_requests_through = True
    answer = ask(method, path, data)
    error = answer.json()["error"]
    assert (answer.status_code, error["type"]) == (400, "invalid_request_error")
    assert (error.get("param"), error.get("code")) == (param, code), error["message"]


def test_nothing_is_half_done(ask: Callable[..., requests.Response], shop: Shop, watch: Watch) -> None:
    """What a refused request made before it was refused is not there, nor an event of it."""
    watch.lets_bad_requests_through = True
    form = {"product_data[name]": "x", "currency": "usd", "unit_amount": 5, "expand[]": "colour"}
    assert ask("POST", "/v1/prices", form).status_code == 400
    assert shop.v1.prices.list().data == [] and shop.v1.products.list().data == []
    assert shop.v1.events.list().data == []


def test_what_is_not_there(ask: Callable[..., requests.Response], shop: Shop, watch: Watch) -> None:
    for path in ("/v1/customers/cus_no", "/v1/checkout/sessions/cs_no", "/v1/events/evt_no", "/v1/invoices/in_no"):
        answer = ask("GET", path)
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "resource_missing")
    assert ask("GET", f"/v1/invoices/{shop.customer().id}").status_code == 404
    watch.lets_bad_requests_through = True
    answer = ask("POST", "/v1/payouts", {"amount": 100})
    assert (answer.status_code, answer.json()["error"]["type"]) == (404, "invalid_request_error")
    watch.wrong.clear()


def test_what_is_too_large_is_refused_in_stripes_words(ask: Callable[..., requests.Response], watch: Watch) -> None:
    watch.lets_bad_requests_through = True
    answer = ask("POST", "/v1/customers", b"name=" + b"x" * LARGEST)
    assert answer.status_code == 413
    said = {"message": "The request is too large: the sandbox takes up to half a megabyte.", "type": WRONG}
    assert answer.json() == {"error": said}
    answer = ask("POST", "/v2/core/events/evt_1")
    assert (answer.status_code, answer.json()["error"]["type"]) == (404, WRONG), "version 2 has the same form"
    assert not ask("GET", "/v1/customers").json()["data"]


def test_an_older_version_is_answered_too(ask: Callable[..., requests.Response], watch: Watch) -> None:
    answer = ask("GET", "/v1/customers", headers={"Stripe-Version": "2025-03-31.basil"})
    assert (answer.status_code, answer.headers["Stripe-Version"]) == (200, "2025-03-31.basil")
    intent = {"amount": 500, "currency": "usd", "payment_method_types[]": "card"}
    assert ask("POST", "/v1/payment_intents", intent, headers={"Stripe-Version": "2025-03-31.basil"}).ok
    watch.lets_bad_requests_through = True
    assert ask("POST", "/v1/payment_intents", intent).ok  # who names none may speak an older one
    refused = ask("POST", "/v1/payment_intents", intent, headers={"Stripe-Version": str(stripe.api_version)})
    assert refused.json()["error"]["code"] == "parameter_unknown"
