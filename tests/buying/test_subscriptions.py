"""A subscription, from its Checkout to its first credits, and what is known of it afterwards."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from billing import Checkout, IdempotencyKeyReused, Invalid, SubscriptionExists, UnknownCheckout, UnknownPlan
from billing.testing import START
from tests.buying.shop import Shop
from tests.sales.paid import seconds, tell

pytestmark = pytest.mark.quick_on("sqlite")

BACK = "https://app.example.com/{checkout}"


def subscribe(shop: Shop, plan: str = "pro", key: str = "s", customer: str = "team", **more: Any) -> Checkout:
    return shop.billing.subscribe(customer, plan, key=key, **{"success_url": BACK, **more})


def test_it_is_subscribed_and_granted(shop: Shop) -> None:
    shop.stock()
    opened = subscribe(shop)
    assert opened.status == "open" and opened.url is not None
    assert shop.billing.subscription("team") is None
    shop.pay(opened.session)
    assert shop.available() == 250
    found = shop.billing.subscription("team")
    assert found is not None
    assert (found.plan, found.status, found.cancel_at) == ("pro", "active", None)
    assert found.current_period_end == START.replace(month=2)
    done = shop.billing.find_checkout("team", opened.id)
    assert (done.status, done.url, done.subscription) == ("complete", None, found.id)
    told = shop.stripe.v1.subscriptions.retrieve(found.id or "")
    assert told.metadata["billing_customer"] == "team"


def test_the_page_brings_it_at_once_and_the_webhook_nothing_more(shop: Shop) -> None:
    shop.stock()
    shop.events = False
    opened = subscribe(shop)
    shop.pay(opened.session)
    (origin,) = shop.billing.settle(opened.session or "").granted
    assert origin.startswith("allocation:")
    assert shop.available() == 250
    assert shop.billing.settle(opened.session or "").granted == ()
    shop.events = True
    for event in shop.stripe.v1.events.list({"limit": 100}).data:
        shop.sandbox.delivery.resend(event.id)
    assert shop.available() == 250
    assert [one.reason for one in shop.billing.stripe_events(status="waiting")] == []


def test_without_webhook_and_page_the_step_brings_it(shop: Shop) -> None:
    shop.stock()
    shop.events = False
    shop.pay(subscribe(shop).session)
    shop.later(minutes=6)
    assert shop.available() == 250


def test_there_is_one_subscription_to_a_units_plan(shop: Shop) -> None:
    shop.stock()
    shop.pay(subscribe(shop).session)
    for plan in ("pro", "basic"):
        with pytest.raises(SubscriptionExists, match="'pro'"):
            subscribe(shop, plan, key=f"again-{plan}")
    assert subscribe(shop, "pictures", key="other unit").status == "open"
    assert subscribe(shop).replayed


def test_a_second_tab_closes_the_first(shop: Shop) -> None:
    shop.stock()
    first, second = subscribe(shop, key="tab 1"), subscribe(shop, "basic", key="tab 2")
    assert shop.billing.find_checkout("team", first.id).status == "expired"
    shop.pay(second.session)
    assert shop.available() == 100
    with pytest.raises(SubscriptionExists):
        subscribe(shop, key="tab 3")


def test_the_first_tab_was_paid_a_moment_ago(shop: Shop) -> None:
    shop.stock()
    shop.events = False
    shop.pay(subscribe(shop, key="tab 1").session)
    with pytest.raises(SubscriptionExists):
        subscribe(shop, key="tab 2")
    assert shop.available() == 250
    assert len(shop.sessions()) == 1


@pytest.mark.database("sqlite")
def test_what_is_refused(shop: Shop) -> None:
    with pytest.raises(UnknownPlan):
        subscribe(shop, "huge")
    with pytest.raises(Invalid, match="free has no price"):
        subscribe(shop, "free")
    with pytest.raises(Invalid, match="no active recurring price"):
        subscribe(shop)
    shop.stock()
    with pytest.raises(Invalid, match="no active recurring price in jpy"):
        subscribe(shop, currency="jpy")
    with pytest.raises(Invalid, match="sold at pro_monthly, pro_monthly_eur"):
        subscribe(shop, price="basic_monthly")
    subscribe(shop)
    with pytest.raises(IdempotencyKeyReused):
        subscribe(shop, "basic")
    with pytest.raises(UnknownCheckout):
        shop.billing.find_checkout("team", "chk_nobody")


@pytest.mark.database("sqlite")
def test_a_price_is_chosen_by_name_or_currency(shop: Shop) -> None:
    shop.stock()
    prices = shop.billing.prices(["pro_monthly", "pro_monthly_eur"])
    assert subscribe(shop, key="1").price == prices["pro_monthly"].id
    assert subscribe(shop, key="2", currency="eur").price == prices["pro_monthly_eur"].id
    assert subscribe(shop, key="3", price="pro_monthly_eur").price == prices["pro_monthly_eur"].id


def told(status: str = "active", **more: Any) -> dict[str, Any]:
    """A subscription as events tell of it."""
    item = {"id": "si_1", "object": "subscription_item", "quantity": 1, "current_period_end": seconds("1 May 00:00"),
            "price": {"id": "price_p", "object": "price", "lookup_key": "pro_monthly"}}  # fmt: skip
    return {
        "id": "sub_1", "object": "subscription", "customer": "cus_1", "metadata": {"billing_customer": "team"},
        "status": status, "created": seconds("1 Apr 00:00"), "items": {"object": "list", "data": [item]},
        "cancel_at_period_end": False, "cancel_at": None, "ended_at": None, **more,
    }  # fmt: skip


CREATED, UPDATED, DELETED = (f"customer.subscription.{what}" for what in ("created", "updated", "deleted"))


def test_what_is_told_late_changes_nothing(shop: Shop) -> None:
    """A stale snapshot does not resurrect a subscription that was canceled."""
    start = START.timestamp()
    facts = [
        (told("incomplete"), CREATED, 0),
        (told("active"), UPDATED, 0),
        (told("past_due"), UPDATED, 5),
        (told("canceled", ended_at=seconds("2 Apr 00:00")), DELETED, 9),
    ]
    for order in ([0, 1, 2, 3], [3, 2, 1, 0], [1, 0, 3, 2], [2, 0, 1, 3]):
        for number in order:
            held, kind, after = facts[number]
            at = START + timedelta(seconds=after)
            assert tell(shop.billing, {**held, "id": f"sub_{order}"}, kind, at=at).status == "done"
        found = shop.billing.subscription("team")
        assert found is not None and (found.status, found.plan) == ("canceled", "pro")
    assert start


@pytest.mark.parametrize(("told_first", "status"), [(CREATED, "active"), (UPDATED, "active")])
@pytest.mark.database("sqlite")
def test_in_one_second_the_creation_came_first(shop: Shop, told_first: str, status: str) -> None:
    facts = {CREATED: told("incomplete"), UPDATED: told("active")}
    for kind in (told_first, *(kind for kind in facts if kind != told_first)):
        tell(shop.billing, facts[kind], kind, at=START)
    found = shop.billing.subscription("team")
    assert found is not None and found.status == status


@pytest.mark.database("sqlite")
def test_it_says_when_it_will_end(shop: Shop) -> None:
    """By either of the two fields: the portal sets one of them alone."""
    tell(shop.billing, told(cancel_at_period_end=True), UPDATED, at=START)
    found = shop.billing.subscription("team")
    assert found is not None and found.cancel_at is not None and found.cancel_at == found.current_period_end
    tell(shop.billing, told(cancel_at=seconds("9 Apr 00:00")), UPDATED, at=START + timedelta(seconds=1))
    found = shop.billing.subscription("team")
    assert found is not None and found.cancel_at is not None and found.cancel_at.day == 9


@pytest.mark.database("sqlite")
def test_one_of_somebody_unknown_waits_and_goes_on(shop: Shop) -> None:
    stranger = told(metadata={"billing_customer": "later"}, customer="cus_9", id="sub_9")
    assert tell(shop.billing, stranger, CREATED).status == "waiting"
    shop.billing.customer("later")
    shop.billing.handle_stripe_events()
    found = shop.billing.subscription("later")
    assert found is not None and found.plan == "pro"


@pytest.mark.database("sqlite")
def test_what_was_paid_is_known_without_its_events(shop: Shop) -> None:
    """An endpoint that tells of invoices alone: the plan is known by them, and not sold a second time."""
    shop.stock()
    shop.billing.webhook_secrets = ()
    shop.events = False
    opened = subscribe(shop)
    shop.pay(opened.session)
    invoice = shop.stripe.v1.invoices.list({"limit": 1}).data[0].to_dict(for_json=True)
    tell(shop.billing, invoice)
    found = shop.billing.subscription("team")
    assert found is not None and (found.plan, found.status) == ("pro", "active")
    with pytest.raises(SubscriptionExists):
        subscribe(shop, key="again")
