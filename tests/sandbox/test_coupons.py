"""Coupons and promotion codes: what they take off, for whom, and how long."""

from __future__ import annotations

from typing import Any

import pytest
import requests
import stripe

from tests.sandbox.serving import Listener
from tests.sandbox.shop import Shop, at
from web.sandbox import Sandbox

pytestmark = pytest.mark.slow  # a stand-in's own ways: what the engine stands on is tried by its tests

TWO_MONTHS: Any = {"duration": "repeating", "duration_in_months": 2}
CARD: Any = {"payment_method": "pm_card_visa", "invoice_settings": {"default_payment_method": "pm_card_visa"}}


def subscribe(shop: Shop, cents: int, coupon: Any, **fields: Any) -> stripe.Subscription:
    made = shop.v1.coupons.create(coupon)
    wanted: Any = {"customer": shop.customer(**CARD).id, "items": [{"price": shop.plan(cents).id}], **fields}
    wanted["discounts"] = [{"coupon": made.id}]
    return shop.v1.subscriptions.create(wanted)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("coupon", "paid"),
    [
        ({"percent_off": 10, "duration": "once"}, [900, 1_000, 1_000, 1_000]),
        ({"percent_off": 33.3, "duration": "forever"}, [667] * 4),
        ({"amount_off": 250, "currency": "usd", **TWO_MONTHS}, [750, 750, 1_000, 1_000]),
        ({"percent_off": 100, "duration": "repeating", "duration_in_months": 1}, [0, 1_000, 1_000, 1_000]),
    ],
)  # fmt: skip
def test_how_long_they_last(
    shop: Shop, sandbox: Sandbox, listener: Listener, coupon: dict[str, Any], paid: list[int]
) -> None:
    sandbox.start_at(at("2027-01-01 00:00"))
    subscription = subscribe(shop, 1_000, coupon)
    sandbox.advance(at("2027-04-01 02:00"))
    invoices = shop.invoices(subscription)
    assert [invoice.amount_paid for invoice in invoices] == paid
    assert listener.types.count("invoice.paid") == 4  # of nothing, too
    line, invoice = invoices[0].lines.data[0], invoices[0]
    off = 1_000 - paid[0]
    assert (line.amount, line.subtotal, invoice.subtotal, invoice.total) == (1_000, 1_000, 1_000, paid[0])
    assert [one.amount for one in line.discount_amounts or []] == [off]
    assert [one.amount for one in invoice.total_discount_amounts or []] == [off]
    read = shop.v1.invoices.retrieve(invoice.id, {"expand": ["discounts.source.coupon"]})
    discount: Any = read.discounts[0]
    assert discount.source.coupon.times_redeemed == 1 and discount.subscription == subscription.id
    lasts = coupon["duration"] == "forever"
    assert bool(shop.again(subscription).discounts) == lasts
    assert ("customer.discount.deleted" in listener.types) != lasts


def test_prorations_are_shares_of_what_was_paid(shop: Shop, sandbox: Sandbox) -> None:
    """With 100 % off nothing is given back."""
    sandbox.start_at(at("2027-04-01 00:00"))
    half = subscribe(shop, 1_000, {"percent_off": 50, "duration": "forever"})
    free = subscribe(shop, 1_000, {"percent_off": 100, "duration": "forever"})
    sandbox.advance(at("2027-04-16 00:00"))
    amounts = []
    for subscription in (half, free):
        changed = shop.v1.subscriptions.update(
            subscription.id,
            {
                "items": [{"id": subscription.items.data[0].id, "quantity": 3}],
                "proration_behavior": "always_invoice",
            },
        )
        invoice = shop.v1.invoices.retrieve(str(changed.latest_invoice))
        amounts.append([line.amount for line in invoice.lines.data])
        assert invoice.status == "paid"
    assert amounts == [[-250, 750], [0, 0]]


def test_a_code_on_the_page(shop: Shop, sandbox: Sandbox) -> None:
    coupon = shop.v1.coupons.create({"percent_off": 100, "duration": "once", "max_redemptions": 1})
    code = shop.v1.promotion_codes.create({"promotion": {"type": "coupon", "coupon": coupon.id}, "code": "FREE"})
    session = shop.session(shop.pack(), customer=shop.customer().id, allow_promotion_codes=True)
    assert session.allow_promotion_codes and session.url is not None
    wrong = requests.post(f"{session.url}/code", {"code": "NOT"}, timeout=10)
    assert wrong.status_code == 400 and "This code is invalid." in wrong.text
    page = requests.post(f"{session.url}/code", {"code": "free"}, timeout=10)
    assert page.status_code == 200 and "−$10.00" in page.text
    assert "Complete the order" in page.text and "Card number" not in page.text, "nothing is to be paid"
    done = requests.post(session.url, {"email": "buyer@example.com"}, allow_redirects=False, timeout=10)
    assert done.status_code == 303
    paid: Any = shop.v1.checkout.sessions.retrieve(session.id).to_dict()
    assert (paid["payment_status"], paid["amount_subtotal"], paid["amount_total"]) == ("no_payment_required", 1_000, 0)
    assert [(one["coupon"], one["promotion_code"]) for one in paid["discounts"]] == [(None, code.id)]
    assert paid["total_details"]["amount_discount"] == 1_000
    assert shop.v1.coupons.retrieve(coupon.id).valid is False
    with pytest.raises(stripe.InvalidRequestError, match="expired"):
        shop.session(shop.pack(), discounts=[{"promotion_code": code.id}])
    assert "Promotion code" not in requests.get(str(shop.session(shop.pack()).url), timeout=10).text


def test_a_session_that_comes_with_a_coupon(shop: Shop, sandbox: Sandbox) -> None:
    coupon = shop.v1.coupons.create({"amount_off": 500, "currency": "usd", "duration": "forever", "id": "FIVE"})
    session = shop.session(shop.plan(2_000), customer=shop.customer().id, discounts=[{"coupon": coupon.id}])
    assert session.amount_total == 1_500
    paid = sandbox.pay(session.id)
    subscription = shop.v1.subscriptions.retrieve(paid["subscription"], {"expand": ["discounts"]})
    discount: Any = subscription.discounts[0]
    assert (discount.source.coupon, discount.checkout_session) == ("FIVE", session.id)
    assert shop.invoices(subscription)[0].amount_paid == 1_500
    cleared = shop.v1.subscriptions.update(subscription.id, {"discounts": ""})
    assert cleared.discounts == []


def test_who_can_not_have_it(shop: Shop, sandbox: Sandbox) -> None:
    coupon = shop.v1.coupons.create({"amount_off": 500, "currency": "eur", "duration": "once"})
    with pytest.raises(stripe.InvalidRequestError, match="eur"):
        shop.session(shop.plan(), discounts=[{"coupon": coupon.id}])
    percent = shop.v1.coupons.create({"percent_off": 50, "name": "Half"})
    told: Any = {"promotion": {"type": "coupon", "coupon": percent.id}}
    theirs = shop.v1.promotion_codes.create(told | {"customer": shop.customer().id})
    bound = {"minimum_amount": 5_000, "minimum_amount_currency": "usd"}
    dear = shop.v1.promotion_codes.create(told | {"restrictions": bound})
    for code, words in ((theirs, "another customer"), (dear, "dearer")):
        with pytest.raises(stripe.InvalidRequestError, match=words):
            shop.session(shop.pack(), customer=shop.customer().id, discounts=[{"promotion_code": code.id}])
    shop.v1.promotion_codes.update(dear.id, {"active": False})
    assert [one.id for one in shop.v1.promotion_codes.list({"active": True}).data] == [theirs.id]
    assert shop.v1.coupons.delete(percent.id).deleted
    assert [one.id for one in shop.v1.coupons.list().data] == [coupon.id]
    with pytest.raises(stripe.InvalidRequestError, match="No such coupon"):
        shop.session(shop.pack(), discounts=[{"coupon": percent.id}])
