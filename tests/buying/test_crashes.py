"""Whenever a process dies while it buys, the step goes on: one customer at Stripe, one session, one grant."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from billing import StripeUnavailable
from billing.testing import TestBilling
from tests.buying.crashes import act_until
from tests.buying.shop import BACK, Shop, open_shop
from tests.concurrency.crashes import DIED
from tests.sandbox.serving import Watch


@pytest.fixture
def shop(
    make_billing: Callable[..., TestBilling], fresh_database_url: str, tmp_path: Path, watch: Watch
) -> Iterator[Shop]:
    with open_shop(make_billing, tmp_path, watch, url=fresh_database_url) as shop:
        shop.stock()
        shop.events = False
        yield shop


def clean_children() -> multiprocessing.context.ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["billing", "stripe", "tests.buying.crashes"])
    return context


def prepared(shop: Shop, act: str, customer: str) -> str:
    """What must have happened before the act: a session that was paid, an answer that was lost. The session."""
    shop.billing.customer(customer)
    if act == "settle":
        opened = shop.buy(customer=customer)
        shop.pay(opened.session)
        return str(opened.session)
    if act == "step":
        shop.fail("429", path="/v1/checkout/sessions")
        with pytest.raises(StripeUnavailable):
            shop.buy(customer=customer)
        shop.billing.clock.move(shop.billing.now + timedelta(minutes=1))
    return ""


def check(shop: Shop, act: str, customer: str) -> None:
    """All that is left of it: bought once, whatever was cut off."""
    shop.later(minutes=6)
    if act == "subscribe":
        again = shop.billing.subscribe(customer, "pro", key="k", success_url=BACK)
        session = again.session
    else:
        session = shop.buy(customer=customer).session
    made = [one for one in shop.stripe.v1.customers.list({"limit": 100}).data
            if one.metadata and one.metadata["billing_customer"] == customer]  # fmt: skip
    assert len(made) == 1
    sessions = shop.stripe.v1.checkout.sessions.list({"customer": made[0].id, "limit": 100}).data
    assert [one.id for one in sessions] == [session]
    if sessions[0].status == "open":
        shop.pay(session)
    shop.later(minutes=6)
    (bucket,) = shop.billing.buckets(customer)
    assert bucket.granted == (250 if act == "subscribe" else 100)
    shop.billing.settle(str(session))
    assert len(shop.billing.buckets(customer)) == 1


def die_everywhere(shop: Shop, url: str, act: str, death: str, numbers: Iterator[int] | range) -> int:
    """The act in a process that dies at the first, second, third … place, until one gets through. How many died."""
    context, died = clean_children(), 0
    for number in numbers:
        customer = f"{act}_{number}"
        session = prepared(shop, act, customer)
        args = (url, shop.sandbox.url, shop.billing.now, act, customer, session, death, number)
        child = context.Process(target=act_until, args=args)
        child.start()
        child.join(60)
        assert child.exitcode in (0, DIED), child.exitcode
        check(shop, act, customer)
        if child.exitcode == 0:
            break
        died += 1
    return died


@pytest.mark.parametrize("act", ["topup", "settle"])
def test_it_dies_when_stripe_has_answered(shop: Shop, fresh_database_url: str, act: str) -> None:
    assert die_everywhere(shop, fresh_database_url, act, "answer", range(1, 9)) == {"topup": 2, "settle": 1}[act]


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("act", ["topup", "subscribe", "settle", "step"])
@pytest.mark.parametrize("death", ["answer", "statement", "line"])
def test_it_dies_anywhere(shop: Shop, fresh_database_url: str, act: str, death: str) -> None:
    died = die_everywhere(shop, fresh_database_url, act, death, range(1, 500))
    assert died >= {"answer": 1, "statement": 10, "line": 20}[death], "an act that was never cut off shows nothing"
    assert shop.billing.audit() == []
