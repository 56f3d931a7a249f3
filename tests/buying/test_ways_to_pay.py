"""Top-ups paid with a code, for nothing, days later, with tax and an invoice, in other currencies, by absent buyers."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from billing import signals
from billing.catalog.terms import CheckoutTerms
from tests.buying.shop import CATALOG, Shop
from tests.buying.test_subscriptions import subscribe

pytestmark = pytest.mark.quick_on("sqlite")

CODES = CheckoutTerms(promotion_codes=True)
SLOW = partial(pytest.param, marks=pytest.mark.slow)


def open_as(shop: Shop, terms: CheckoutTerms) -> None:
    shop.billing.catalog = replace(CATALOG, checkout=terms)


def code(shop: Shop, off: int, name: str) -> str:
    coupon = shop.stripe.v1.coupons.create({"percent_off": off, "duration": "once"})
    told: Any = {"promotion": {"type": "coupon", "coupon": coupon.id}, "code": name}
    return shop.stripe.v1.promotion_codes.create(told).code


def heard(shop: Shop) -> None:
    assert shop.sandbox.delivery.drain(30)
    assert shop.billing.stripe_events(status="waiting") == []
    assert shop.billing.stripe_events(status="failed") == []


@pytest.mark.parametrize(("off", "invoice"), [(25, True), SLOW(25, False), SLOW(100, False), SLOW(100, True)])
def test_a_code_takes_off_cents_and_no_credits(shop: Shop, off: int, invoice: bool) -> None:
    open_as(shop, replace(CODES, invoice=invoice))
    opened = shop.buy()
    assert opened.session is not None
    shop.sandbox.enter_code(opened.session, code(shop, off, "LESS"))
    shop.pay(opened.session)
    heard(shop)
    (bucket,) = shop.billing.buckets("team")
    paid = 10 * (100 - off)
    assert (bucket.granted, bucket.paid_cents) == (100, paid)
    found = shop.billing.find_topup("team", opened.id)
    assert (found.status, found.cents, found.paid_cents) == ("paid", 1000, paid)
    assert "settled" in str(shop.billing.settle(opened.session).note)


@pytest.mark.database("sqlite")
def test_a_code_for_a_subscription_takes_off_its_first_invoice(shop: Shop) -> None:
    shop.stock()
    open_as(shop, replace(CODES, tax_ids=True))
    bought = subscribe(shop)
    assert bought.session is not None
    shop.sandbox.enter_code(bought.session, code(shop, 50, "HALF"))
    shop.pay(bought.session)
    heard(shop)
    (bucket,) = shop.billing.buckets("team")
    assert (bucket.granted, bucket.paid_cents) == (250, 1000)


@pytest.mark.database("sqlite")
def test_a_pack_says_for_itself_whether_codes_are_taken(shop: Shop) -> None:
    small = replace(CATALOG.packs["small"], promotion_codes=False)
    shop.billing.catalog = replace(CATALOG, packs={"small": small}, checkout=CODES)
    opened = shop.buy()
    assert opened.session is not None
    told = shop.stripe.v1.checkout.sessions.retrieve(opened.session)
    assert not told.allow_promotion_codes


@pytest.mark.parametrize(
    ("behavior", "cents", "events"),
    [("exclusive", 1000, True), SLOW("exclusive", 1000, False), SLOW("inclusive", 833, True),
     SLOW("inclusive", 833, False)],
)  # fmt: skip
@pytest.mark.database("sqlite")
def test_tax_is_no_part_of_it_and_its_invoice_brings_nothing_more(
    shop: Shop, behavior: Any, cents: int, events: bool
) -> None:
    """By the webhook, in whatever order it tells, or by the page and the step alone."""
    shop.events = events
    open_as(shop, CheckoutTerms(invoice=True, automatic_tax=True, tax_behavior=behavior, tax_ids=True))
    opened = shop.buy()
    assert opened.session is not None
    shop.sandbox.pay(opened.session, country="DE", tax_id="DE123456789")
    if events:
        heard(shop)
    else:
        shop.later(minutes=6)
    (bucket,) = shop.billing.buckets("team")
    assert (bucket.granted, bucket.paid_cents) == (100, cents)
    told = shop.stripe.v1.checkout.sessions.retrieve(opened.session)
    bill = shop.stripe.v1.invoices.retrieve(str(told.invoice))
    assert (bill.status, bill.total) == ("paid", 1200 if behavior == "exclusive" else 1000)
    for kind in ("invoice.paid", "checkout.session.completed"):
        for event in shop.stripe.v1.events.list({"type": kind, "limit": 10}).data:
            from tests.sales.paid import body

            assert shop.billing.take_stripe_event(body(event.to_dict(for_json=True))).status == "done"
    assert len(shop.billing.buckets("team")) == 1


@pytest.mark.parametrize(("fails", "invoice"), [(False, True), SLOW(False, False), SLOW(True, False), SLOW(True, True)])
def test_the_money_comes_days_later_or_not(shop: Shop, fails: bool, invoice: bool) -> None:
    told: list[str] = []
    kept = []
    for name in ("topup_pending", "topup_paid", "topup_failed"):
        receiver = lambda _, name=name, **fact: told.append(name)  # noqa: E731
        getattr(signals, name).connect(receiver, sender=shop.billing)
        kept.append(receiver)
    open_as(shop, CheckoutTerms(invoice=invoice))
    opened = shop.buy()
    assert opened.session is not None
    shop.sandbox.pay_later(opened.session)
    heard(shop)
    pending = shop.billing.find_topup("team", opened.id)
    assert (pending.status, pending.checkout_url, shop.available()) == ("pending", None, 0)
    assert shop.billing.settle(opened.session).granted == ()
    shop.later(days=2)
    shop.sandbox.arrive(opened.session, fails=fails)
    heard(shop)
    found = shop.billing.find_topup("team", opened.id)
    assert (found.status, shop.available()) == (("failed", 0) if fails else ("paid", 100))
    assert told == ["topup_pending", "topup_failed" if fails else "topup_paid"]


@pytest.mark.parametrize("fails", [False, SLOW(True)])
@pytest.mark.database("sqlite")
def test_the_money_comes_days_later_and_nobody_says_so(shop: Shop, fails: bool) -> None:
    """Neither webhook nor buyer: the step asks."""
    shop.events = False
    opened = shop.buy()
    assert opened.session is not None
    shop.sandbox.pay_later(opened.session)
    shop.later(minutes=6)
    assert shop.billing.find_topup("team", opened.id).status == "pending"
    shop.sandbox.arrive(opened.session, fails=fails)
    for _ in range(4):
        shop.later(days=1)
    assert shop.billing.find_topup("team", opened.id).status == ("failed" if fails else "paid")


@pytest.mark.parametrize(("currency", "cents"), [SLOW("jpy", 1500), ("kwd", 3050)])
@pytest.mark.database("sqlite")
def test_currencies_of_no_and_of_three_decimals(shop: Shop, currency: str, cents: int) -> None:
    small = replace(CATALOG.packs["small"], prices={"usd": 1000, "jpy": 1500, "kwd": 3050})
    shop.billing.catalog = replace(CATALOG, packs={"small": small})
    opened = shop.buy("one", currency=currency)
    shop.pay(opened.session)
    heard(shop)
    (bucket,) = shop.billing.buckets("team")
    assert (bucket.paid_cents, bucket.currency) == (cents, currency)
    assert shop.buy("two").currency == currency


@pytest.mark.database("sqlite")
def test_what_was_paid_with_other_terms_than_ours_waits_and_is_told_once(shop: Shop) -> None:
    """Somebody has made a session of their own that names our top-up: neither webhook nor page grants it."""
    told: list[Any] = []
    receiver = lambda _, **fact: told.append(fact["reason"])  # noqa: E731
    signals.review_needed.connect(receiver, sender=shop.billing)
    shop.fail("429", path="/v1/checkout/sessions")
    from billing import StripeUnavailable

    with pytest.raises(StripeUnavailable) as caught:
        shop.buy()
    topup = str(caught.value.purchase)
    (customer,) = shop.customers()
    price: Any = {"currency": "usd", "unit_amount": 100, "product_data": {"name": "Small"}}
    params: Any = {"mode": "payment", "customer": customer, "success_url": "https://app.example.com",
                   "metadata": {"billing_topup": topup}, "line_items": [{"price_data": price}]}  # fmt: skip
    forged = shop.stripe.v1.checkout.sessions.create(params)
    shop.pay(forged.id)
    assert shop.sandbox.delivery.drain(30)
    (waits,) = shop.billing.stripe_events(status="waiting")
    assert "costs 1000 cents in usd, the session was for 100" in str(waits.reason)
    assert told == [waits.reason]
    assert shop.billing.settle(forged.id).waits == waits.reason
    shop.later(minutes=2)
    shop.pay(shop.billing.find_topup("team", topup).session)
    assert shop.available() == 100
    assert shop.billing.now - timedelta(minutes=3) < shop.billing.find_topup("team", topup).created_at


@pytest.mark.parametrize("invoice", [True, SLOW(False)])
@pytest.mark.database("sqlite")
def test_what_goes_back_is_a_share_of_all_that_was_paid_with_tax(shop: Shop, invoice: bool) -> None:
    """Half of 12.00 goes back, which were 10.00 and 2.00 of tax: half of the credits, and of their cents."""
    open_as(shop, CheckoutTerms(invoice=invoice, automatic_tax=True))
    opened = shop.buy()
    assert opened.session is not None
    shop.sandbox.pay(opened.session, country="DE")
    heard(shop)
    intent = shop.stripe.v1.checkout.sessions.retrieve(opened.session).payment_intent
    shop.sandbox.dashboard.refund(str(intent), 600)
    heard(shop)
    assert shop.available() == 50
    taken = [(entry.credits, entry.cents) for entry in shop.billing.entries("team", kind="clawback")]
    assert taken == [(50, 500)]
    shop.sandbox.dashboard.refund(str(intent), 600)
    heard(shop)
    assert shop.available() == 0
