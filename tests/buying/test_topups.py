"""A top-up, from its opening to its bucket, through the real SDK and the sandbox."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from billing import (
    IdempotencyKeyReused,
    Invalid,
    StripeNotConfigured,
    UnknownCustomer,
    UnknownPack,
    UnknownSession,
    UnknownTopup,
    signals,
)
from billing.testing import START
from tests.buying.shop import BACK, Shop


def test_it_is_opened_paid_and_there(shop: Shop) -> None:
    opened = shop.buy()
    assert (opened.status, opened.credits, opened.cents, opened.currency) == ("open", 100, 1000, "usd")
    assert opened.checkout_url is not None and opened.session is not None
    told = shop.stripe.v1.checkout.sessions.retrieve(opened.session)
    assert (told.client_reference_id, told.success_url) == ("team", f"https://app.example.com/{opened.id}")
    (customer,) = shop.customers()
    made = shop.stripe.v1.customers.retrieve(customer)
    assert (told.customer, made.email, made.name) == (customer, "team@example.com", "Team")
    assert made.metadata is not None and made.metadata["billing_customer"] == "team"
    shop.pay(opened.session)
    (bucket,) = shop.billing.buckets("team")
    assert (bucket.origin, bucket.granted, bucket.paid_cents) == (f"topup:{opened.id}", 100, 1000)
    assert bucket.expires_at == START.replace(year=START.year + 1)
    paid = shop.billing.find_topup("team", opened.id)
    assert (paid.status, paid.checkout_url, paid.paid_at) == ("paid", None, START)


def test_without_the_webhook_the_page_brings_it(shop: Shop) -> None:
    shop.events = False
    opened = shop.buy()
    assert shop.billing.settle(opened.session).granted == ()
    assert shop.billing.find_topup("team", opened.id).status == "open"
    shop.pay(opened.session)
    assert shop.billing.settle(opened.session).granted == (f"topup:{opened.id}",)
    assert shop.billing.settle(opened.session).note == "settled before"
    assert shop.available() == 100


def test_without_webhook_and_page_the_step_brings_it(shop: Shop) -> None:
    shop.events = False
    opened = shop.buy()
    shop.pay(opened.session)
    assert shop.available() == 0
    shop.later(minutes=6)
    assert shop.available() == 100
    assert shop.billing.find_topup("team", opened.id).status == "paid"


def test_the_same_key_is_the_same_topup(shop: Shop) -> None:
    first, again = shop.buy(), shop.buy()
    assert again == first and again.replayed and not first.replayed
    assert len(shop.sessions()) == 1
    shop.stock()
    for other in ({"pack": "listed"}, {"currency": "eur"}, {"success_url": "https://elsewhere.example.com"}):
        with pytest.raises(IdempotencyKeyReused):
            shop.buy(**other)
    shop.billing.customer("other")
    assert shop.buy(customer="other").id != first.id


def test_the_second_purchase_has_the_same_stripe_customer(shop: Shop) -> None:
    shop.buy("one")
    shop.buy("two")
    assert len(shop.customers()) == 1
    assert len(shop.sessions()) == 2


def test_it_is_sold_in_the_currency_asked_for_or_paid_in_before(shop: Shop) -> None:
    opened = shop.buy("one", currency="eur")
    assert (opened.cents, opened.currency) == (900, "eur")
    assert shop.buy("two").currency == "usd"
    shop.pay(opened.session)
    assert shop.buy("three").currency == "eur"


def test_a_pack_without_a_price_of_its_own_is_sold_at_stripes(shop: Shop) -> None:
    shop.stock()
    opened = shop.buy(pack="listed")
    assert (opened.credits, opened.cents, opened.currency) == (40, 650, "usd")
    shop.pay(opened.session)
    assert shop.available() == 40


def test_what_it_costs_is_what_it_cost_when_it_was_opened(shop: Shop) -> None:
    """The catalog may change between opening and paying."""
    from dataclasses import replace

    opened = shop.buy()
    small = replace(shop.billing.catalog.packs["small"], credits=1, prices={"usd": 1}, valid_for=None)
    shop.billing.catalog = replace(shop.billing.catalog, packs={"small": small})
    shop.pay(opened.session)
    (bucket,) = shop.billing.buckets("team")
    assert (bucket.granted, bucket.paid_cents, bucket.expires_at) == (100, 1000, START.replace(year=START.year + 1))


@pytest.mark.database("sqlite")
def test_what_is_refused(shop: Shop) -> None:
    with pytest.raises(UnknownPack):
        shop.buy(pack="huge")
    with pytest.raises(UnknownCustomer):
        shop.buy(customer="nobody")
    with pytest.raises(Invalid, match="usd, eur"):
        shop.buy(currency="gbp")
    with pytest.raises(Invalid, match="whole address"):
        shop.buy(success_url="javascript:alert(1)")
    with pytest.raises(Invalid, match="where the buyer comes back to"):
        shop.billing.topup("team", "small", key="k")
    shop.stock()
    with pytest.raises(Invalid, match="no price in eur"):
        shop.buy(pack="listed", currency="eur")
    shop.billing.gateway = None
    with pytest.raises(StripeNotConfigured, match="STRIPE_SECRET_KEY"):
        shop.buy()
    assert shop.sessions() == []


@pytest.mark.database("sqlite")
def test_they_are_listed_newest_first(shop: Shop) -> None:
    ids = []
    for number in range(5):
        ids.append(shop.buy(f"k{number}").id)
        shop.billing.clock.move(shop.billing.now + timedelta(seconds=number % 2))
    listed = [one.id for one in shop.billing.topups("team")]
    assert set(listed) == set(ids)
    pages, after = [], None
    while page := shop.billing.topups("team", after=after, limit=2):
        pages += [one.id for one in page]
        after = pages[-1]
    assert pages == listed
    shop.billing.customer("other")
    with pytest.raises(UnknownTopup):
        shop.billing.find_topup("other", ids[0])
    with pytest.raises(UnknownTopup):
        shop.billing.topups("other", after=ids[0])


def told_of(shop: Shop) -> tuple[list[tuple[str, Any]], Any]:
    heard: list[tuple[str, Any]] = []
    kept = []
    for name in ("topup_pending", "topup_paid", "topup_failed"):
        receiver = lambda _, name=name, **fact: heard.append((name, fact))  # noqa: E731
        getattr(signals, name).connect(receiver, sender=shop.billing)
        kept.append(receiver)
    return heard, kept


def hold_back(shop: Shop, session: str, **changes: Any) -> dict[str, Any]:
    """The session as the sandbox has it, changed: for what its buyers can't do."""
    found: dict[str, Any] = shop.stripe.v1.checkout.sessions.retrieve(session).to_dict()
    return {**found, "url": None, **changes}


UNPAID = {"status": "complete", "payment_status": "unpaid", "payment_intent": "pi_1"}
PAID = {"status": "complete", "payment_status": "paid", "payment_intent": "pi_1"}
EXPIRED = {"status": "expired", "payment_status": "unpaid"}


def test_it_is_pending_until_the_money_is_there(shop: Shop) -> None:
    from tests.sales.paid import tell

    heard, _kept = told_of(shop)
    opened = shop.buy()
    assert tell(shop.billing, hold_back(shop, opened.session, **UNPAID)).status == "done"
    assert shop.billing.find_topup("team", opened.id).status == "pending"
    paid = hold_back(shop, opened.session, **PAID)
    assert tell(shop.billing, paid, "checkout.session.async_payment_succeeded").status == "done"
    assert shop.billing.find_topup("team", opened.id).status == "paid"
    assert [name for name, _ in heard] == ["topup_pending", "topup_paid"]
    assert shop.available() == 100


@pytest.mark.parametrize(
    ("order", "status"),
    [
        (["unpaid", "failed"], "failed"),
        (["failed", "unpaid"], "failed"),
        (["failed", "expired"], "failed"),
        (["unpaid", "failed", "expired"], "failed"),
        (["expired"], "expired"),
        (["paid", "expired"], "paid"),
        (["paid", "unpaid", "failed"], "paid"),
        (["expired", "paid"], "paid"),
    ],
)
@pytest.mark.database("sqlite")
def test_what_arrives_late_takes_nothing_back(shop: Shop, order: list[str], status: str) -> None:
    from tests.sales.paid import tell

    opened = shop.buy()
    facts: dict[str, tuple[dict[str, Any], str]] = {
        "unpaid": (UNPAID, "checkout.session.completed"),
        "paid": (PAID, "checkout.session.async_payment_succeeded"),
        "failed": (UNPAID, "checkout.session.async_payment_failed"),
        "expired": (EXPIRED, "checkout.session.expired"),
    }
    for name in order:
        changes, kind = facts[name]
        assert tell(shop.billing, hold_back(shop, opened.session, **changes), kind).status == "done"
    found = shop.billing.find_topup("team", opened.id)
    assert found.status == status
    assert (found.reason is not None) == (status in ("failed", "expired"))
    assert shop.available() == (100 if status == "paid" else 0)


def test_a_session_that_nobody_paid_expires(shop: Shop) -> None:
    opened = shop.buy()
    shop.sandbox.delivery.faults = type(shop.sandbox.delivery.faults)(drop=100)
    shop.later(hours=23)
    assert shop.billing.find_topup("team", opened.id).status == "open"
    shop.sandbox.advance(shop.billing.now)
    shop.billing.clock.move(shop.billing.now + timedelta(hours=2))
    shop.sandbox.advance(shop.sandbox.clock.now())
    shop.finish()
    found = shop.billing.find_topup("team", opened.id)
    assert (found.status, found.checkout_url) == ("expired", None)
    assert "nothing was charged" in (found.reason or "")


@pytest.mark.database("sqlite")
def test_a_declined_card_leaves_it_open(shop: Shop) -> None:
    opened = shop.buy()
    shop.pay(opened.session, card="4000000000000002")
    assert shop.billing.settle(opened.session).granted == ()
    assert shop.billing.find_topup("team", opened.id).status == "open"
    shop.pay(opened.session)
    assert shop.available() == 100


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"amount_subtotal": 10, "amount_total": 10}, "costs 1000 cents in usd, the session was for 10 in usd"),
        ({"amount_total": 10}, "costs 1000 cents in usd, the session was for 10"),
        ({"currency": "jpy"}, "the session was for 1000 in jpy"),
        ({"metadata": {"billing_topup": "top_nobody"}}, "conflict"),
        ({"id": "cs_forged"}, "conflict"),
        ({"id": "cs_forged", "metadata": {"billing_topup": "top_nobody"}}, "unknown top-up 'top_nobody'"),
        ({"customer": "cus_other", "client_reference_id": "other"}, "a top-up of another customer"),
    ],
)
@pytest.mark.database("sqlite")
def test_what_was_tampered_with_brings_nothing(shop: Shop, changes: dict[str, Any], reason: str) -> None:
    from tests.sales.paid import tell

    shop.billing.customer("other", stripe_customer_id="cus_other")
    opened = shop.buy()
    waits = tell(shop.billing, hold_back(shop, opened.session, **{**PAID, **changes}))
    assert waits.status == "waiting"
    assert reason in (waits.reason or "")
    assert shop.available() == shop.available("other") == 0
    assert shop.billing.find_topup("team", opened.id).status == "open"
    shop.pay(opened.session)
    assert shop.available() == 100


@pytest.mark.database("sqlite")
def test_a_session_of_nobodys_brings_nothing(shop: Shop) -> None:
    for session in ("cs_test_nobody", "../customers", "cs_" + "x" * 200):
        with pytest.raises(UnknownSession, match="Nothing was granted"):
            shop.billing.settle(session)
    with pytest.raises(Invalid):
        shop.billing.settle("")


@pytest.mark.database("sqlite")
def test_a_session_opened_elsewhere_is_settled_as_its_event_would(shop: Shop) -> None:
    """By its metadata or by its lines; on the page and by the webhook alike, once."""
    shop.events = False
    shop.stock()
    shop.buy()
    (customer,) = shop.customers()
    price: Any = {"currency": "usd", "unit_amount": 1000, "product_data": {"name": "Small"}}
    params: Any = {"mode": "payment", "customer": customer, "success_url": BACK, "metadata": {"pack": "small"},
                   "line_items": [{"price_data": price, "quantity": 1}]}  # fmt: skip
    session = shop.stripe.v1.checkout.sessions.create(params)
    shop.pay(session.id)
    assert shop.billing.settle(session.id).granted == (f"topup:{session.id}",)
    assert shop.billing.settle(session.id).note == "settled before"
    listed = shop.billing.prices(["listed_pack"])["listed_pack"].id
    by_price = shop.stripe.v1.checkout.sessions.create(
        {"mode": "payment", "customer": customer, "success_url": BACK, "line_items": [{"price": listed, "quantity": 2}]}
    )
    shop.pay(by_price.id)
    assert shop.billing.settle(by_price.id).granted == (f"topup:{by_price.id}",)
    assert shop.available() == 180
