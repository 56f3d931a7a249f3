"""Whenever a process dies while it buys, the step goes on: one customer at Stripe, one session, one grant."""

from __future__ import annotations

import multiprocessing
from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from billing import StripeUnavailable, SubscriptionChange
from billing.testing import TestBilling
from tests.buying.crashes import ACTS, act_until
from tests.buying.shop import BACK, Shop, open_shop
from tests.concurrency.crashes import DIED
from tests.sandbox.serving import Watch

AT_ONCE = 4
"""Children that run together, each for a customer of its own."""


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
    if act in ("settle", "refund"):
        opened = shop.buy(customer=customer)
        shop.pay(opened.session)
        if act == "refund":
            shop.billing.settle(str(opened.session))
            shop.billing.spend(customer, 20, key="s")
        return str(opened.session)
    if act in ("switch", "leave"):
        opened = shop.billing.subscribe(customer, "basic", key="s", success_url=BACK)
        shop.pay(opened.session)
        shop.billing.settle(str(opened.session))
    if act == "step":
        shop.fail("429", path="/v1/checkout/sessions")
        with pytest.raises(StripeUnavailable):
            shop.buy(customer=customer)
        shop.billing.clock.move(shop.billing.now + timedelta(minutes=1))
    return ""


def check(shop: Shop, act: str, customers: list[str]) -> None:
    """All that is left of it happened once, whatever was cut off."""
    shop.later(minutes=6)
    checks = {"refund": check_refunds, "switch": check_switched, "leave": check_switched}
    checks.get(act, check_bought)(shop, act, customers)


def check_bought(shop: Shop, act: str, customers: list[str]) -> None:
    bought = {customer: again(shop, act, customer) for customer in customers}
    made: dict[str, list[str]] = defaultdict(list)
    for one in shop.stripe.v1.customers.list({"limit": 100}).auto_paging_iter():
        made[str(one.metadata and one.metadata["billing_customer"])].append(one.id)
    sessions: dict[str, list[Any]] = defaultdict(list)
    for opened in shop.stripe.v1.checkout.sessions.list({"limit": 100}).auto_paging_iter():
        sessions[str(opened.customer)].append(opened)
    for customer, session in bought.items():
        (its,) = made[customer]
        assert [one.id for one in sessions[its]] == [session]
        if sessions[its][0].status == "open":
            shop.pay(session)
    shop.later(minutes=6)
    for customer in customers:
        (bucket,) = shop.billing.buckets(customer)
        assert bucket.granted == (250 if act == "subscribe" else 100)
    shop.billing.settle(bought[customers[-1]])
    assert len(shop.billing.buckets(customers[-1])) == 1


def check_refunds(shop: Shop, _: str, customers: list[str]) -> None:
    """Half of it was given back, once, whether the step went on with it or it was asked for again."""
    for customer in customers:
        (topup,) = shop.billing.topups(customer)
        given = shop.billing.refund(customer, str(topup.session), 500, key="r")
        assert [(one.id, one.status, one.cents) for one in shop.billing.refunds(customer)] == [
            (given.id, "succeeded", 500)
        ]
        payment = str(shop.stripe.v1.checkout.sessions.retrieve(str(topup.session)).payment_intent)
        assert [one.amount for one in shop.stripe.v1.refunds.list({"payment_intent": payment}).data] == [500]
        wallet = shop.billing.wallet(customer)
        assert (wallet.available, wallet.held, wallet.owed) == (30, 0, 0)
    assert {one.status for one in shop.billing.conversations()} == {"done"}


def check_switched(shop: Shop, act: str, customers: list[str]) -> None:
    """Changed and paid once, or ended once, whether the step went on with it or it was asked for again."""
    for customer in customers:
        done = ACTS[act](shop.billing, customer, "")
        assert isinstance(done, SubscriptionChange) and done.status == "done"
        found = shop.billing.subscription(customer)
        assert found is not None and found.id == done.subscription
        bills = shop.stripe.v1.invoices.list({"subscription": str(found.id)}).data
        if act == "switch":
            assert (found.plan, [one.total for one in bills]) == ("pro", [1_500, 500])
        else:
            assert (found.status, [one.total for one in bills]) == ("canceled", [500])
    assert {one.status for one in shop.billing.conversations(limit=1000)} == {"done"}


def again(shop: Shop, act: str, customer: str) -> str:
    """The same request once more; its session."""
    if act == "subscribe":
        return str(shop.billing.subscribe(customer, "pro", key="k", success_url=BACK).session)
    return str(shop.buy(customer=customer).session)


def die_everywhere(shop: Shop, url: str, act: str, death: str) -> int:
    """The act in processes that die at the first, second, third … place, until one gets through. How many died."""
    context, died, number, customers = clean_children(), 0, 0, []
    step = act == "step"  # which takes up whatever is due: so one after the other
    while True:
        children = []
        for number in range(number + 1, number + 1 + (1 if step else AT_ONCE)):  # noqa: B020 - goes on from there
            customers.append(f"{act}_{number}")
            session = prepared(shop, act, customers[-1])
            args = (url, shop.sandbox.url, shop.billing.now, act, customers[-1], session, death, number)
            children.append(context.Process(target=act_until, args=args))
        for child in children:
            child.start()
        for child in children:
            child.join(60)
            assert child.exitcode in (0, DIED), child.exitcode
        died += sum(child.exitcode == DIED for child in children)
        if step:
            check(shop, act, customers[-1:])
        if any(child.exitcode == 0 for child in children):
            break
    check(shop, act, customers)
    return died


@pytest.mark.quick_on("sqlite")
@pytest.mark.parametrize("act", ["topup", "settle"])
def test_it_dies_when_stripe_has_answered(shop: Shop, fresh_database_url: str, act: str) -> None:
    assert die_everywhere(shop, fresh_database_url, act, "answer") == {"topup": 2, "settle": 1}[act]


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("act", ["topup", "subscribe", "settle", "step"])
@pytest.mark.parametrize("death", ["answer", "statement", "line"])
def test_it_dies_anywhere(shop: Shop, fresh_database_url: str, act: str, death: str) -> None:
    died = die_everywhere(shop, fresh_database_url, act, death)
    assert died >= {"answer": 1, "statement": 10, "line": 20}[death], "an act that was never cut off shows nothing"
    assert shop.billing.audit() == []


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize(("death", "least"), [("answer", 1), ("statement", 20)])
def test_giving_back_dies_anywhere(shop: Shop, fresh_database_url: str, death: str, least: int) -> None:
    assert die_everywhere(shop, fresh_database_url, "refund", death) >= least
    assert shop.billing.audit() == []


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("act", ["switch", "leave"])
@pytest.mark.parametrize(("death", "least"), [("answer", 2), ("statement", 15), ("line", 30)])
def test_switching_dies_anywhere(shop: Shop, fresh_database_url: str, act: str, death: str, least: int) -> None:
    assert die_everywhere(shop, fresh_database_url, act, death) >= least
    assert shop.billing.audit() == []
