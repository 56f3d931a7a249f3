"""What is not as it was: a customer deleted at Stripe, another account's sessions, a catalog that sells less now."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from billing import Gateway, StripeRefused, StripeUnavailable
from billing.base import db
from billing.base.db import Database
from billing.testing import TestBilling
from tests.buying.shop import CATALOG, KEY, Shop
from tests.buying.test_subscriptions import subscribe
from tests.sales.paid import APRIL, body, event, session, tell
from tests.sales.paid import CATALOG as SOLD
from tests.sandbox.serving import Watch, served

pytestmark = pytest.mark.quick_on("sqlite")


def test_a_customer_deleted_at_stripe_buys_again_as_a_new_one(shop: Shop) -> None:
    shop.stock()
    shop.pay(shop.buy("before").session)
    (old,) = shop.customers()
    shop.stripe.v1.customers.delete(old)
    shop.told()
    shop.pay(shop.buy("after").session)
    (new,) = shop.customers()
    assert new != old
    assert shop.billing.find_customer("team").stripe_customer_id == new
    shop.pay(subscribe(shop).session)
    assert shop.available() == 450


def test_a_deleted_customer_of_whom_nothing_was_heard(shop: Shop) -> None:
    """Or that of another account: the purchase that finds it out fails, the next one makes a new customer."""
    shop.buy("before")
    (old,) = shop.customers()
    shop.events = False
    shop.stripe.v1.customers.delete(old)
    for _ in range(2):
        with pytest.raises(StripeRefused, match="No such customer"):
            shop.buy("finds out")
    shop.events = True
    shop.pay(shop.buy("after").session)
    assert shop.available() == 100
    assert len(shop.customers()) == 1


def test_what_is_told_late_of_a_deleted_customer_is_still_theirs(shop: Shop) -> None:
    shop.stock()
    shop.events = False
    shop.pay(subscribe(shop).session)
    (old,) = shop.customers()
    shop.stripe.v1.customers.delete(old)
    for told in shop.stripe.v1.events.list({"limit": 100}).data:  # the newest first: it is deleted before all else
        shop.billing.take_stripe_event(body(told.to_dict(for_json=True)))
    assert shop.available() == 250
    assert shop.billing.stripe_events(status="waiting") == shop.billing.stripe_events(status="failed") == []
    assert shop.billing.find_customer("team").stripe_customer_id is None
    shop.billing.customer("team", stripe_customer_id=old)  # whoever says so is believed
    assert shop.billing.find_customer("team").stripe_customer_id == old


def test_a_checkout_of_another_account_stands_in_nobodys_way(shop: Shop, tmp_path: Path, watch: Watch) -> None:
    """The keys of another account are set while a checkout is open."""
    shop.stock()
    first = subscribe(shop, key="first")
    with served(tmp_path / "other.sqlite3", watch, now=shop.billing.clock.now) as other:
        elsewhere = Shop(shop.billing, other)
        elsewhere.stock()
        shop.billing.gateway = Gateway(KEY, other.url)
        with pytest.raises(StripeRefused, match="No such customer"):
            subscribe(elsewhere, key="second")
        assert shop.billing.find_checkout("team", first.id).status == "expired"
        assert subscribe(elsewhere, key="third").url is not None


def test_the_same_request_twice_does_not_close_its_own_checkout(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """A double click whose second half waits for Stripe's prices until the first is all done."""
    shop.stock()
    asked = Gateway.prices
    opened: list[Any] = []

    def slow(self: Gateway, names: Any) -> Any:
        found = asked(self, names)
        if not opened:
            opened.append(None)
            opened[0] = subscribe(shop)
        return found

    monkeypatch.setattr(Gateway, "prices", slow)
    again = subscribe(shop)
    assert (again.id, again.url, again.replayed) == (opened[0].id, opened[0].url, True)
    assert again.status == "open"
    assert len(shop.sessions()) == 1


def test_a_checkout_whose_session_is_still_to_come_is_closed_too(shop: Shop) -> None:
    """Stripe was silent for the first; the second is opened; the step finishes the first: one of them can be paid."""
    shop.stock()
    shop.fail("429", path="/v1/checkout/sessions")
    with pytest.raises(StripeUnavailable) as caught:
        subscribe(shop, key="tab 1")
    second = subscribe(shop, key="tab 2")
    shop.later(minutes=1)
    first = shop.billing.find_checkout("team", str(caught.value.purchase))
    assert (first.status, first.url) == ("expired", None)
    shop.pay(second.session)
    assert shop.available() == 250


@pytest.mark.parametrize("kind", ["topup", "subscription"])
def test_a_request_is_answered_as_before_though_nothing_of_it_is_sold_any_more(shop: Shop, kind: str) -> None:
    shop.stock()
    buy: Callable[[], Any] = shop.buy if kind == "topup" else lambda: subscribe(shop)
    opened = buy()
    shop.billing.catalog = replace(CATALOG, packs={}, plans={})
    assert buy() == opened
    if kind == "topup":
        shop.pay(opened.session)
        assert shop.available() == 100
        assert buy().status == "paid"


@pytest.mark.parametrize("kind", ["checkout.session.completed", "checkout.session.async_payment_failed",
                                  "checkout.session.expired"])  # fmt: skip
def test_somebody_elses_session_moves_no_topup(shop: Shop, kind: str) -> None:
    """It names one that is being opened just now, and was not paid."""
    shop.billing.customer("other", stripe_customer_id="cus_other")
    shop.fail("429", path="/v1/checkout/sessions")
    with pytest.raises(StripeUnavailable) as caught:
        shop.buy()
    topup = str(caught.value.purchase)
    status = "expired" if kind.endswith("expired") else "complete"
    theirs = session(id="cs_theirs", customer="cus_other", client_reference_id="other", payment_status="unpaid",
                     status=status, metadata={"billing_topup": topup})  # fmt: skip
    tell(shop.billing, theirs, kind)
    assert shop.billing.find_topup("team", topup).status == "open"
    shop.later(minutes=1)
    shop.pay(shop.billing.find_topup("team", topup).session)
    assert shop.billing.find_topup("team", topup).status == "paid"


@pytest.mark.parametrize(("key", "live", "granted"), [
    ("sk_live_x", True, True), ("rk_test_x", False, True), ("sk_test_x", True, False), ("rk_live_x", False, False),
])  # fmt: skip
@pytest.mark.database("sqlite")
def test_test_money_buys_nothing_from_a_live_service(
    make_billing: Callable[..., TestBilling], key: str, live: bool, granted: bool
) -> None:
    """Nor live money from one that tests: it is kept, says why, and is taken once the right key is set."""
    billing = make_billing(catalog=SOLD, start=APRIL, gateway=Gateway(key))
    billing.customer("team", stripe_customer_id="cus_1")
    told = billing.take_stripe_event(body({**event(session()), "livemode": live}))
    assert billing.wallet("team").available == (100 if granted else 0)
    assert told.status == ("done" if granted else "waiting")
    assert granted or "STRIPE_SECRET_KEY" in str(told.reason)
    billing.gateway = Gateway("sk_live_x" if live else "sk_test_x")
    assert billing.replay_stripe_event(told.id).status == "done"
    assert billing.wallet("team").available == 100


@pytest.mark.database("postgresql")
def test_one_locked_customer_does_not_keep_the_others_waiting(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """A host's transaction holds a customer for as long as it likes."""
    shop.billing.customer("other")
    shop.fail("429", times=2)
    for customer in ("team", "other"):
        with pytest.raises(StripeUnavailable):
            shop.buy(customer=customer)
        shop.billing.clock.move(shop.billing.now + timedelta(seconds=1))
    monkeypatch.setattr(db, "_LOCK_WAIT", 100)
    with monkeypatch.context() as hurried, shop.billing.database.engine.connect() as host, host.begin():
        host.exec_driver_sql("SELECT 1 FROM billing_customers WHERE id = 'team' FOR UPDATE")
        hurried.setattr(shop.billing, "database", Database(shop.billing.database.engine.url, shop.billing.clock))
        try:
            shop.later(minutes=1)
            (theirs,) = shop.billing.topups("other")
            assert theirs.checkout_url is not None
        finally:
            shop.billing.database.close()
    shop.later(minutes=1)
    (held,) = shop.billing.topups("team")
    assert held.checkout_url is not None


@pytest.mark.database("sqlite")
def test_a_price_of_stripes_is_sold_in_the_currency_that_was_written_down(shop: Shop, watch: Watch) -> None:
    """One with several currencies is else sold in that of the place where the buyer is: not what our row says."""
    shop.stock()
    opened = shop.buy(pack="listed")
    sent = [params for method, path, params in watch.asked if (method, path) == ("POST", "/v1/checkout/sessions")]
    assert [params["currency"] for params in sent] == [opened.currency] == ["usd"]


@pytest.mark.database("postgresql")
def test_one_locked_wallet_does_not_keep_the_others_from_being_looked_at(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.events = False
    shop.billing.customer("other")
    for customer in ("team", "other"):
        shop.pay(shop.buy(customer=customer).session)
        shop.billing.grant(customer, 1, reason="x", key="g")
        shop.billing.clock.move(shop.billing.now + timedelta(seconds=1))
    monkeypatch.setattr(db, "_LOCK_WAIT", 100)
    with monkeypatch.context() as hurried, shop.billing.database.engine.connect() as host, host.begin():
        host.exec_driver_sql("SELECT 1 FROM billing_wallets WHERE customer_id = 'team' FOR UPDATE")
        hurried.setattr(shop.billing, "database", Database(shop.billing.database.engine.url, shop.billing.clock))
        try:
            shop.later(minutes=6)
            assert shop.available("other") == 101
        finally:
            shop.billing.database.close()
    shop.later(minutes=11)
    assert shop.available("team") == 101


@pytest.mark.parametrize("kind", ["topup", "subscription"])
@pytest.mark.database("sqlite")
def test_what_was_opened_with_the_keys_of_another_account_is_over_with_its_time(
    shop: Shop, tmp_path: Path, watch: Watch, kind: str
) -> None:
    """Nothing can be heard of it any more; the right keys set meanwhile, it is as any other."""
    shop.stock()
    shop.events = False
    opened = shop.buy() if kind == "topup" else subscribe(shop)
    shop.sandbox.delivery.faults = type(shop.sandbox.delivery.faults)(drop=100)

    def now() -> Any:
        found = shop.billing.find_topup if kind == "topup" else shop.billing.find_checkout
        return found("team", opened.id)

    with served(tmp_path / "another.sqlite3", watch, now=shop.billing.clock.now) as another:
        ours, shop.billing.gateway = shop.billing.gateway, Gateway(KEY, another.url)
        shop.later(hours=23)
        assert now().status == "open"
        shop.later(hours=2)
        assert (now().status, "another account" in str(now().reason)) == ("expired", True)
        shop.billing.gateway = ours


def test_two_tabs_that_are_both_paid_are_told_of(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Their sessions were made in the same moment, so that neither closed the other."""
    from billing import signals
    from billing.sales.asking import buying

    shop.stock()
    told: list[Any] = []
    receiver = lambda _, **fact: told.append(fact)  # noqa: E731
    signals.review_needed.connect(receiver, sender=shop.billing)
    monkeypatch.setattr(buying, "_close_others", lambda *_: None)
    one, two = subscribe(shop, key="one"), subscribe(shop, key="two")
    shop.pay(one.session)
    assert told == []
    shop.pay(two.session)
    paid = [shop.billing.find_checkout("team", each.id) for each in (one, two)]
    assert [each.status for each in paid] == ["complete", "complete"]
    assert [(fact["object"], fact["beside"]) for fact in told] == [(paid[1].subscription, paid[0].subscription)]
    assert "two subscriptions" in str(paid[1].reason) and paid[0].reason is None
    assert shop.available() == 500
