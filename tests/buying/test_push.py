"""The catalog to Stripe: once, never an amount edited, and what somebody else changed there is told."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from billing import StripeUnavailable, signals
from billing.catalog.loading import parse
from billing.catalog.push import difference, push
from tests.buying.shop import Shop

pytestmark = pytest.mark.quick_on("sqlite")

SOLD = parse("""
[plans.pro]
name = "Pro"
description = "For teams"
credits = 250
price = { month = { usd = 2000, eur = 1800 }, year = { usd = 20000 } }

[packs.small]
name = "Small"
credits = 100
prices = { usd = 1000, jpy = 1500 }

[packs.free]
name = "Free"
credits = 1
prices = { usd = 0 }
""")

MONTHLY, YEARLY = "billing:plan:pro:month:usd", "billing:plan:pro:year:usd"


def acts(shop: Shop, catalog: Any = SOLD) -> list[tuple[str, str]]:
    """What a push would do."""
    assert shop.billing.gateway is not None
    found = difference(shop.billing.gateway, catalog)
    assert found.problems == ()
    return [(one.act, one.what) for one in found.changes]


def put(shop: Shop, catalog: Any = SOLD) -> None:
    gateway = shop.billing.gateway
    assert gateway is not None
    push(gateway, catalog, difference(gateway, catalog))


def heard(shop: Shop) -> None:
    """Until all that happened was told."""
    assert shop.sandbox.delivery.drain(30)


def dearer(cents: int) -> Any:
    pro = replace(SOLD.plans["pro"], price={"month": {"usd": cents, "eur": 1800}, "year": {"usd": 20000}})
    return replace(SOLD, plans={"pro": pro})


def monthly(shop: Shop) -> list[tuple[int | None, bool, str | None]]:
    """All prices of the plan by month in dollars: cents, on sale, lookup key."""
    listed = shop.stripe.v1.prices.list({"product": "billing_plan_pro", "currency": "usd", "limit": 100}).data
    prices = [one for one in listed if one.recurring and one.recurring.interval == "month"]
    return sorted((one.unit_amount, one.active, one.lookup_key) for one in prices)


@pytest.mark.database("sqlite")
def test_it_is_put_on_sale_once_and_sold_from_there(shop: Shop) -> None:
    shop.billing.catalog = SOLD
    assert len(acts(shop)) == 7  # two products, five prices
    put(shop)
    assert acts(shop) == []
    put(shop)
    assert monthly(shop) == [(2000, True, MONTHLY)]
    product = shop.stripe.v1.products.retrieve("billing_plan_pro")
    assert (product.name, product.description) == ("Pro", "For teams")
    bought = shop.billing.subscribe("team", "pro", key="s", success_url="https://app.example.com")
    heard(shop)
    shop.pay(bought.session)
    heard(shop)
    assert shop.available() == 250


@pytest.mark.database("sqlite")
def test_an_amount_is_never_edited(shop: Shop) -> None:
    """There and back within a day, and whoever subscribed goes on."""
    put(shop)
    for cents, expected in (
        (2500, [(2000, False, None), (2500, True, MONTHLY)]),
        (2000, [(2000, False, None), (2000, True, MONTHLY), (2500, False, None)]),
        (2500, [(2000, False, None), (2000, False, None), (2500, False, None), (2500, True, MONTHLY)]),
    ):
        assert acts(shop, dearer(cents)) == [("replace", MONTHLY)]
        put(shop, dearer(cents))
        assert acts(shop, dearer(cents)) == []
        assert [one for one in monthly(shop) if one[2]] == [one for one in expected if one[2]]
        assert len(monthly(shop)) == len(expected) and sum(active for _, active, _ in monthly(shop)) == 1


@pytest.mark.slow
@pytest.mark.database("sqlite")
def test_what_was_cut_off_goes_on(shop: Shop) -> None:
    """An answer is lost, or the push ends between the new price and the archiving of the old one."""
    gateway = shop.billing.gateway
    assert gateway is not None
    shop.fail("lost", times=9, path="/v1/prices")
    with pytest.raises(StripeUnavailable):
        put(shop)
    shop.sandbox.faults.clear()
    put(shop)
    assert acts(shop) == [] and monthly(shop) == [(2000, True, MONTHLY)]
    old = shop.stripe.v1.prices.list({"lookup_keys": [MONTHLY]}).data[0].id
    shop.fail("500", times=9, path=f"/v1/prices/{old}")
    with pytest.raises(StripeUnavailable):
        put(shop, dearer(2500))
    shop.sandbox.faults.clear()
    assert acts(shop, dearer(2500)) == [("archive", MONTHLY)]
    put(shop, dearer(2500))
    assert acts(shop, dearer(2500)) == []


@pytest.mark.database("sqlite")
def test_what_somebody_changed_at_stripe_is_told_and_mended(shop: Shop) -> None:
    told: list[Any] = []
    receiver = lambda _, **fact: told.append(fact["reason"])  # noqa: E731
    signals.review_needed.connect(receiver, sender=shop.billing)
    shop.billing.catalog = SOLD
    put(shop)
    heard(shop)
    assert told == []
    price = shop.stripe.v1.prices.list({"lookup_keys": [YEARLY]}).data[0].id
    shop.stripe.v1.prices.update(price, {"active": False})
    heard(shop)
    assert [reason.replace(price, "it") for reason in told] == [f"it, which is sold as {YEARLY}, was archived"]
    assert acts(shop) == [("restore", YEARLY)]
    other: Any = {"product": "billing_plan_pro", "currency": "usd", "unit_amount": 99, "lookup_key": MONTHLY,
                  "transfer_lookup_key": True, "recurring": {"interval": "month"}}  # fmt: skip
    shop.stripe.v1.prices.create(other)
    heard(shop)
    assert "at $0.99 per month, the catalog says $20.00 per month" in told[-1]
    shop.stripe.v1.products.update("billing_pack_small", {"name": "Tiny", "active": False})
    assert acts(shop)[:2] == [("restore", "billing_pack_small"), ("replace", MONTHLY)]
    put(shop)
    assert acts(shop) == []
    assert [one for one in monthly(shop) if one[1]] == [(2000, True, MONTHLY)]


@pytest.mark.database("sqlite")
def test_what_a_push_can_not_mend_is_said(shop: Shop) -> None:
    gateway = shop.billing.gateway
    assert gateway is not None
    shop.stock()
    catalog = parse("""
    [plans.a]
    name = "A"
    credits = 1
    prices = ["basic_monthly", "listed_pack", "price_nowhere"]

    [packs.b]
    name = "B"
    credits = 1
    prices = { usd = 600 }
    stripe_prices = ["nowhere"]
    stripe_product = "prod_nowhere"
    """)
    found = difference(gateway, catalog)
    assert [problem.split(":")[-1] for problem in found.problems] == [
        "There is no product prod_nowhere at Stripe.",
        " listed_pack is paid once, and a plan's price must recur.",
        " Stripe has no price price_nowhere.",
        " Stripe has no price nowhere.",
    ]


@pytest.mark.database("sqlite")
def test_what_is_retired_is_archived_and_keeps_its_key(shop: Shop) -> None:
    put(shop)
    retired = replace(SOLD, plans={"pro": replace(SOLD.plans["pro"], retired=True)})
    shop.billing.catalog = retired
    assert [act for act, _ in acts(shop, retired)] == ["archive"] * 3
    put(shop, retired)
    assert acts(shop, retired) == [] and monthly(shop) == [(2000, False, MONTHLY)]
    put(shop)
    assert acts(shop) == [] and monthly(shop) == [(2000, True, MONTHLY)]
