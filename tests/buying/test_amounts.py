"""Any number of credits: what it costs, what comes on top, and that a pack is not the only thing to buy."""

from __future__ import annotations

from dataclasses import replace

import pytest

from billing import IdempotencyKeyReused, Invalid, UnknownUnit
from billing.catalog.loading import parse
from billing.engine import importing
from billing.sales.import_file import Balance
from billing.testing import START
from tests.buying.shop import CATALOG, Shop
from tests.listening.hearing import happened, tell

pytestmark = pytest.mark.quick_on("sqlite")

AMOUNTS = parse("""
[units.images]

[topups.credits]
min = 500
max = 50000
step = 10
per = 100
price = { usd = 99, jpy = 150, kwd = 305 }
bonus = [{ from = 5000, percent = 5 }, { from = 20000, percent = 10 }]
valid_for = "6 months"
""").topups


def sell(shop: Shop) -> None:
    shop.billing.catalog = replace(CATALOG, topups=AMOUNTS)


def test_it_is_opened_paid_and_there_with_what_comes_on_top(shop: Shop) -> None:
    sell(shop)
    opened = shop.buy(pack=None, credits=5010)
    assert (opened.pack, opened.credits, opened.bonus, opened.cents) == (None, 5260, 250, 4960)
    assert opened.session is not None and opened.paid_cents is None
    told = shop.stripe.v1.checkout.sessions.retrieve(opened.session, {"expand": ["line_items"]})
    assert told.line_items is not None
    assert [(line.description, line.amount_total) for line in told.line_items.data] == [
        ("5,010 credits and 250 on top", 4960)
    ]
    shop.pay(opened.session)
    (bucket,) = shop.billing.buckets("team")
    assert (bucket.origin, bucket.granted, bucket.paid_cents) == (f"topup:{opened.id}", 5260, 4960)
    assert bucket.expires_at == START.replace(month=(START.month + 5) % 12 + 1, year=START.year + (START.month > 6))
    paid = shop.billing.find_topup("team", opened.id)
    assert (paid.status, paid.paid_cents) == ("paid", 4960)
    assert [entry.description for entry in shop.billing.entries("team")] == ["Top-up"]
    assert shop.billing.audit() == []


@pytest.mark.parametrize(("currency", "cents"), [("jpy", 750), ("kwd", 1530)])
@pytest.mark.database("sqlite")
def test_currencies_have_stripes_own_exponents(shop: Shop, currency: str, cents: int) -> None:
    """500 credits at 150 yen, or 0.305 dinars, for a hundred; a dinar's last figure is a nought."""
    sell(shop)
    opened = shop.buy(pack=None, credits=500, currency=currency)
    assert (opened.cents, opened.currency) == (cents, currency)
    shop.pay(opened.session)
    (bucket,) = shop.billing.buckets("team")
    assert (bucket.paid_cents, bucket.currency) == (cents, currency)


@pytest.mark.database("sqlite")
def test_what_is_refused(shop: Shop) -> None:
    sell(shop)
    for credits, message in ((490, "from 500 to 50,000"), (50_010, "from 500 to 50,000"), (505, "in steps of 10")):
        with pytest.raises(Invalid, match=message):
            shop.buy(pack=None, credits=credits)
    with pytest.raises(Invalid, match="usd, jpy, kwd"):
        shop.buy(pack=None, credits=500, currency="eur")
    with pytest.raises(Invalid, match="one of both"):
        shop.buy(credits=500)
    with pytest.raises(Invalid, match="one of both"):
        shop.buy(pack=None)
    with pytest.raises(Invalid, match="sold in packs only"):
        shop.buy(pack=None, credits=500, unit="images")
    with pytest.raises(UnknownUnit):
        shop.buy(pack=None, credits=500, unit="tokens")
    assert shop.sessions() == []


@pytest.mark.database("sqlite")
def test_the_same_key_is_the_same_number(shop: Shop) -> None:
    sell(shop)
    opened = shop.buy(pack=None, credits=500)
    shop.billing.catalog = replace(CATALOG, topups={})  # sold no more, and yet this one can be paid
    assert shop.buy(pack=None, credits=500) == opened
    for other in ({"credits": 510}, {"credits": 500, "unit": "images"}, {"credits": 500, "currency": "jpy"}):
        with pytest.raises(IdempotencyKeyReused):
            shop.buy(pack=None, **other)
    with pytest.raises(IdempotencyKeyReused):
        shop.buy()
    shop.pay(opened.session)
    assert shop.available() == 500


@pytest.mark.database("sqlite")
def test_what_a_pack_costs_less_than_stripe_charges_is_told_before_it_is_asked(shop: Shop) -> None:
    packs = {"tiny": replace(CATALOG.packs["small"], id="tiny", prices={"usd": 49, "jpy": 50})}
    shop.billing.catalog = replace(CATALOG, packs=packs)
    with pytest.raises(Invalid, match=r"costs \$0.49: Stripe charges no less than \$0.50"):
        shop.buy(pack="tiny")
    assert shop.buy(pack="tiny", currency="jpy").cents == 50


@pytest.mark.parametrize("by_webhook", [True, False])
def test_what_is_bought_from_us_is_of_our_time(shop: Shop, by_webhook: bool) -> None:
    """The buyer is taken over between paying and our hearing of it: a top-up is in no balance from elsewhere."""
    opened = shop.buy()
    shop.events = False
    shop.pay(opened.session)
    stripe_id = shop.billing.find_customer("team").stripe_customer_id
    shop.later(minutes=1)
    row = Balance(2, "team", 60, None, 0, None, "credits", None, None, stripe_id, None)
    assert importing.bring(shop.billing, [row], shop.billing.now).begun == 1
    if by_webhook:
        tell(shop, happened(shop, "checkout.session.completed"))
    else:
        shop.billing.settle(opened.session)
    assert shop.available() == 160
