"""Stripe that does not answer, answers too late, or is asked in vain: one customer, one session, one grant."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest
from requests.adapters import HTTPAdapter

from billing import Gateway, StripeNotConfigured, StripeRefused, StripeUnavailable, signals
from billing.stripe import calling
from tests.buying.shop import KEY, Shop
from tests.sandbox.serving import Watch

pytestmark = pytest.mark.quick_on("sqlite")

HOW = ("lost", "500", "429", "reset", "timeout")
PATHS = ("/v1/customers", "/v1/checkout/sessions")


SILENCE = 0.4
"""Seconds that an answer is waited for which will not come."""

AFTER = calling.LONGEST - calling.READ
"""Seconds in which a request that failed is tried again."""


@pytest.fixture(autouse=True)
def impatient(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who will be met with silence gives up soon, and who fails asks no second time; for an answer that comes there is
    as much patience as ever, since a loaded machine needs it.
    """
    send = HTTPAdapter.send

    def hurried(self: HTTPAdapter, request: Any, **more: Any) -> Any:
        path = urlsplit(request.url).path
        fault = next((one for one in shop.sandbox.faults.coming() if path.startswith(one.path)), None)
        if fault is not None and fault.how == "timeout" and fault.method in (None, request.method):
            more["timeout"] = (calling.CONNECT, SILENCE)
        return send(self, request, **more)

    monkeypatch.setattr(HTTPAdapter, "send", hurried)
    monkeypatch.setattr(calling, "LONGEST", calling.READ)


def one_of_each(shop: Shop, opened: Any) -> None:
    """Bought once, whatever went wrong on the way."""
    assert opened.checkout_url is not None
    assert len(shop.customers()) == 1
    assert shop.sessions() == [opened.session]
    shop.pay(opened.session)
    assert shop.available() == 100
    assert [one.status for one in shop.billing.conversations()] == ["done", "done"]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("how", HOW)
@pytest.mark.database("sqlite")
def test_the_step_finishes_what_was_cut_off(shop: Shop, how: str, path: str) -> None:
    shop.fail(how, times=3, path=path)
    with pytest.raises(StripeUnavailable) as caught:
        shop.buy()
    shop.sandbox.faults.clear()
    assert caught.value.retry_after > 0
    (waiting,) = shop.billing.topups("team")
    assert (waiting.id, waiting.status, waiting.checkout_url) == (caught.value.purchase, "open", None)
    shop.later(minutes=1)
    one_of_each(shop, shop.billing.find_topup("team", waiting.id))


@pytest.mark.parametrize("how", ["lost", "429"])
def test_the_same_request_finishes_it_too(shop: Shop, how: str) -> None:
    shop.fail(how, times=3, path="/v1/checkout/sessions")
    with pytest.raises(StripeUnavailable):
        shop.buy()
    shop.sandbox.faults.clear()
    again = shop.buy()
    assert again.replayed
    one_of_each(shop, again)
    shop.later(minutes=5)
    assert shop.sessions() == [again.session]


@pytest.mark.database("sqlite")
def test_one_lost_answer_is_not_even_noticed(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """The SDK asks again with the same key."""
    monkeypatch.setattr(calling, "LONGEST", calling.READ + 60)
    shop.fail("lost", path="/v1/customers")
    shop.fail("500", path="/v1/checkout/sessions")
    one_of_each(shop, shop.buy())


@pytest.mark.parametrize(("how", "attempts"), [("500", 3), ("reset", 3), ("429", 1), ("timeout", 1)])
@pytest.mark.database("sqlite")
def test_what_fails_quickly_is_asked_thrice_and_silence_once(
    shop: Shop, watch: Watch, monkeypatch: pytest.MonkeyPatch, how: str, attempts: int
) -> None:
    assert AFTER < calling.READ, "after a silence there would be time to ask again"
    monkeypatch.setattr(calling, "LONGEST", calling.READ + (SILENCE / 2 if how == "timeout" else 60))
    shop.fail(how, times=9)
    with pytest.raises(StripeUnavailable):
        shop.buy()
    until = time.monotonic() + 30
    while len(watch.asked) < attempts and time.monotonic() < until:
        time.sleep(0.02)  # the sandbox may hear of it when we have given up
    assert len(watch.asked) == attempts
    shop.sandbox.faults.clear()


@pytest.mark.database("sqlite")
def test_it_backs_off_and_is_given_up_in_the_end(shop: Shop) -> None:
    """Stripe does not answer for days: the top-up fails, to be seen; nothing is asked blindly after a day."""
    reviews: list[dict[str, Any]] = []
    receiver: Callable[..., None] = lambda _, **fact: reviews.append(fact)  # noqa: E731
    shop.fail("500", times=10_000, path="/v1/", method="POST")
    shop.fail("500", times=10_000, path="/v1/", method="GET")
    with signals.review_needed.connected_to(receiver, sender=shop.billing):
        with pytest.raises(StripeUnavailable):
            shop.buy()
        for _ in range(40):
            shop.later(hours=1)
    (topup,) = shop.billing.topups("team")
    assert topup.status == "failed"
    ended = {one.kind: one for one in shop.billing.conversations()}
    assert ended["topup"].status == "given_up"
    assert [fact["object"] for fact in reviews if fact["kind"] == "topup"] == [topup.id]
    assert ended["topup"].next_attempt_at is None


@pytest.mark.database("sqlite")
def test_a_day_later_what_was_made_is_found_and_not_made_again(shop: Shop, watch: Watch) -> None:
    shop.fail("lost", times=3, path="/v1/customers")
    with pytest.raises(StripeUnavailable):
        shop.buy()
    shop.sandbox.faults.clear()
    (customer,) = shop.customers()
    before = [one[:2] for one in watch.asked].count(("POST", "/v1/customers"))
    shop.later(hours=30)
    assert [one[:2] for one in watch.asked].count(("POST", "/v1/customers")) == before
    assert shop.customers() == [customer]
    assert shop.billing.find_customer("team").stripe_customer_id == customer
    (topup,) = shop.billing.topups("team")
    assert topup.checkout_url is not None
    assert len(shop.sessions()) == 1


@pytest.mark.database("sqlite")
def test_a_customer_linked_meanwhile_serves_as_well(shop: Shop) -> None:
    shop.fail("500", times=3, path="/v1/customers")
    with pytest.raises(StripeUnavailable):
        shop.buy()
    shop.sandbox.faults.clear()
    theirs = shop.stripe.v1.customers.create({"name": "Team"})
    shop.billing.customer("team", stripe_customer_id=theirs.id)
    shop.later(minutes=1)
    one_of_each(shop, shop.buy())
    assert shop.customers() == [theirs.id]


@pytest.mark.database("sqlite")
def test_a_day_later_a_session_that_is_over_is_not_made_again(shop: Shop) -> None:
    shop.fail("lost", times=3, path="/v1/checkout/sessions")
    with pytest.raises(StripeUnavailable):
        shop.buy()
    shop.sandbox.faults.clear()
    shop.later(hours=30)
    shop.sandbox.advance(shop.billing.now)
    shop.later(minutes=6)
    (topup,) = shop.billing.topups("team")
    assert topup.status in ("failed", "expired")
    assert len(shop.sessions()) == 1


@pytest.mark.database("sqlite")
def test_what_stripe_refuses_is_over_and_says_why(shop: Shop) -> None:
    shop.billing.customer("team", stripe_customer_id="cus_gone")
    for _ in range(2):
        with pytest.raises(StripeRefused, match="No such customer: 'cus_gone'"):
            shop.buy()
    (topup,) = shop.billing.topups("team")
    assert (topup.status, topup.checkout_url) == ("failed", None)
    (conversation,) = shop.billing.conversations(status="refused")
    assert conversation.subject == topup.id
    assert shop.sessions() == []


@pytest.mark.database("sqlite")
def test_a_key_that_stripe_does_not_take(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    shop.billing.gateway = Gateway("sk_wrong_secret", shop.sandbox.url)
    with pytest.raises(StripeNotConfigured, match="STRIPE_SECRET_KEY") as caught:
        shop.buy()
    assert "sk_wrong" not in str(caught.value) + repr(caught.value) + repr(shop.billing.gateway)
    shop.later(minutes=1)
    assert "sk_wrong" not in caplog.text
    shop.billing.gateway = Gateway(KEY, shop.sandbox.url)
    shop.later(minutes=5)
    (topup,) = shop.billing.topups("team")
    one_of_each(shop, topup)


@pytest.mark.database("sqlite")
def test_nobody_listens(shop: Shop) -> None:
    """Connection refused: as unreachable as silence."""
    shop.billing.gateway = Gateway(KEY, "http://127.0.0.1:9")
    with pytest.raises(StripeUnavailable):
        shop.buy()
    with pytest.raises(StripeUnavailable):
        shop.billing.settle("cs_1")


@pytest.mark.database("sqlite")
def test_without_a_gateway_the_step_has_nothing_to_do(shop: Shop) -> None:
    shop.billing.gateway = None
    assert shop.billing.finish_conversations().more is False


def test_no_transaction_is_open_while_stripe_is_asked(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Looked at from the driver's side: every connection is in the pool while the network is waited for."""
    import requests

    seen: list[int] = []
    shop.events = False
    send = requests.Session.send

    def watched(self: requests.Session, *args: Any, **more: Any) -> Any:
        seen.append(shop.billing.database.engine.pool.checkedout())  # type: ignore[attr-defined]
        return send(self, *args, **more)

    monkeypatch.setattr(requests.Session, "send", watched)
    opened = shop.buy()
    shop.billing.settle(opened.session)
    shop.later(minutes=6)
    assert len(seen) >= 4
    assert set(seen) == {0}
