"""A handler that has to know more: rolled back, Stripe asked, called again. Nothing is held meanwhile."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from billing import Gateway
from billing.stripe import questions
from billing.stripe.gateway import Gateway as AnyGateway
from tests.buying.shop import KEY, Shop
from tests.listening.hearing import happened, subscribe, tell, thin
from tests.sales.paid import Json

pytestmark = pytest.mark.quick_on("sqlite")


def cut(event: Json) -> Json:
    """An invoice of which the event holds no line yet: the rest has to be asked for."""
    event["data"]["object"]["lines"] |= {"data": [], "has_more": True}
    return event


def unnamed(event: Json) -> Json:
    """An invoice whose own metadata does not say whose it is."""
    event["data"]["object"]["parent"]["subscription_details"]["metadata"] = {}
    return event


def strangers(shop: Shop) -> None:
    """Their Stripe customer is not linked to anybody yet."""
    from billing.sales.tables import stripe_customers

    with shop.billing.database.write() as tx:
        tx.connection.execute(stripe_customers.delete())


def test_lines_that_are_not_in_the_event_are_fetched(shop: Shop) -> None:
    subscribe(shop)
    told = tell(shop, cut(happened(shop, "invoice.paid")))
    assert (told.status, told.reason) == ("done", None)
    assert shop.available() == 250


@pytest.mark.database("sqlite")
def test_no_transaction_is_open_while_stripe_is_asked(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    subscribe(shop)
    checked: list[int] = []
    real = AnyGateway.answer

    def answer(self: AnyGateway, question: questions.Question) -> Any:
        pool: Any = shop.billing.database.engine.pool
        checked.append(pool.checkedout())
        return real(self, question)

    monkeypatch.setattr(AnyGateway, "answer", answer)
    tell(shop, cut(happened(shop, "invoice.paid")))
    assert checked == [0]


@pytest.mark.parametrize("named_by", ["subscription", "customer"])
def test_an_unknown_payer_is_asked_for(shop: Shop, named_by: str) -> None:
    """The invoice comes before whatever would have linked its customer, and does not name one itself."""
    subscription = subscribe(shop)
    event = unnamed(happened(shop, "invoice.paid"))
    customer = event["data"]["object"]["customer"]
    if named_by == "customer":
        shop.stripe.v1.subscriptions.update(subscription, {"metadata": {"billing_customer": ""}})
    else:
        shop.stripe.v1.customers.update(customer, {"metadata": {"billing_customer": ""}})
    strangers(shop)
    assert tell(shop, event).status == "done"
    assert shop.available() == 250
    assert shop.billing.find_customer("team").stripe_customer_id == customer
    assert tell(shop, {**event, "id": "evt_twin"}).reason == "applied before"


@pytest.mark.slow
def test_whom_nobody_names_waits_for_a_link(shop: Shop) -> None:
    subscription = subscribe(shop)
    event = unnamed(happened(shop, "invoice.paid"))
    customer = event["data"]["object"]["customer"]
    shop.stripe.v1.subscriptions.update(subscription, {"metadata": {"billing_customer": ""}})
    shop.stripe.v1.customers.update(customer, {"metadata": {"billing_customer": ""}})
    strangers(shop)
    told = tell(shop, event)
    assert told.status == "waiting" and "linked to nobody" in (told.reason or "")
    shop.stripe.v1.customers.update(customer, {"metadata": {"billing_customer": "team"}})
    assert tell(shop, happened(shop, "customer.updated")).reason == "linked"
    assert shop.available() == 250


@pytest.mark.slow
def test_without_a_key_it_waits_and_says_what_to_set(shop: Shop) -> None:
    subscribe(shop)
    gateway, shop.billing.gateway = shop.billing.gateway, None
    told = tell(shop, thin(happened(shop, "invoice.paid")))
    assert told.status == "waiting" and "STRIPE_SECRET_KEY" in (told.reason or "")
    cut_off = tell(shop, cut(happened(shop, "invoice.paid")))
    assert cut_off.status == "waiting"
    shop.billing.gateway = gateway
    shop.billing.advance(by=timedelta(minutes=2))
    shop.billing.handle_stripe_events()
    assert shop.billing.stripe_events(status="waiting") == []
    assert shop.available() == 250


@pytest.mark.slow
@pytest.mark.database("sqlite")
def test_a_webhook_is_not_held_by_a_stripe_that_does_not_answer(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    subscribe(shop)
    event = cut(happened(shop, "invoice.paid"))
    monkeypatch.setattr("billing.inbox.stripe_events.WEBHOOK_PATIENCE", 2.0)
    shop.fail("timeout", times=1, path="/v1/invoices", method="GET")
    told = tell(shop, event)
    assert (told.status, told.attempts) == ("received", 0)  # left to the step, as it came
    shop.billing.handle_stripe_events()
    assert shop.billing.stripe_events(status="received") == []
    assert shop.available() == 250


@pytest.mark.slow
def test_an_outage_is_noticed_once_a_step(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    subscribe(shop)
    monkeypatch.setattr("billing.inbox.stripe_events.WEBHOOK_PATIENCE", 0.2)
    event, asked = cut(happened(shop, "invoice.paid")), []
    real = AnyGateway.answer

    def answer(self: AnyGateway, question: questions.Question) -> Any:
        asked.append(question)
        return real(self, question)

    shop.billing.gateway = Gateway(KEY, "http://127.0.0.1:9")
    for number in range(3):
        tell(shop, {**event, "id": f"evt_{number}"})
    monkeypatch.setattr(AnyGateway, "answer", answer)
    shop.billing.handle_stripe_events()
    assert len(asked) == 1
    waiting = shop.billing.stripe_events(status="waiting")
    assert [one.attempts for one in waiting] == [1, 1, 1]
    assert all("can't be reached" in (one.reason or "") for one in waiting)
    shop.billing.gateway = Gateway(KEY, shop.sandbox.url)
    shop.billing.advance(by=timedelta(minutes=2))
    shop.billing.handle_stripe_events()
    assert shop.available() == 250


def test_a_thin_event_is_fetched_and_goes_the_same_way(shop: Shop) -> None:
    subscribe(shop)
    event = happened(shop, "invoice.paid")
    told = tell(shop, thin(event))
    assert (told.status, told.type, told.object_id) == ("done", "v1.invoice.paid", event["data"]["object"]["id"])
    assert shop.available() == 250
    assert tell(shop, event).reason == "applied before"
    assert tell(shop, thin(happened(shop, "customer.subscription.created"))).status == "done"
    assert shop.billing.subscription("team") is not None


@pytest.mark.slow
def test_thin_events_of_other_things(shop: Shop) -> None:
    subscribe(shop)
    event = happened(shop, "invoice.paid")
    gone = thin(event, related_object={"id": "in_gone", "type": "invoice", "url": "/v1/invoices/in_gone"})
    assert tell(shop, gone).reason == "Stripe does not have it any more"
    strange = thin(event, id="evt_2", type="v2.core.account.updated", related_object=None)
    assert tell(shop, strange).status == "ignored"
    connected = thin(event, id="evt_3", context="acct_7")
    assert "acct_7" in (tell(shop, connected).reason or "")
    nasty = thin(event, id="evt_4", related_object={"id": "../../v1/refunds?x", "type": "invoice", "url": "/"})
    assert tell(shop, nasty).reason == "Stripe does not have it any more"
    assert shop.available() == 0


@pytest.mark.slow
def test_a_session_that_was_opened_elsewhere_is_asked_for_its_lines(shop: Shop) -> None:
    """Like one of a payment link: its metadata does not say what it sells."""
    shop.billing.customer("team", stripe_customer_id=shop.stripe.v1.customers.create({}).id)
    price = shop.stripe.v1.prices.list({"lookup_keys": ["listed_pack"]}).data[0].id
    made = shop.stripe.v1.checkout.sessions.create({
        "mode": "payment", "line_items": [{"price": price, "quantity": 2}], "success_url": "https://app.example.com",
        "customer": shop.billing.find_customer("team").stripe_customer_id or "",
    })  # fmt: skip
    shop.pay(made.id)
    tell(shop, happened(shop, "price.created"))
    told = tell(shop, happened(shop, "checkout.session.completed"))
    assert (told.status, told.reason) == ("done", None)
    assert shop.available() == 80
