"""Any number of credits, what a plan costs, and how Checkout is opened: as the catalog says it."""

from __future__ import annotations

import pytest

from billing.catalog.loading import parse
from billing.catalog.prices import owner_of
from billing.catalog.terms import Amounts, CheckoutTerms
from billing.rules.periods import Span
from billing.rules.sale.amounts import Bonus
from tests.catalog.written import errors, only_error, pack, plan

EVERY_KEY = """
[units.tokens]
scale = 3

[topups.tokens]
name = "Tokens"
description = "As many as you like"
min = 500
max = 100_000
step = 100
per = 100
price = { usd = 99, kwd = 305 }
bonus = [{ from = 5000, percent = 5 }, { from = 20000, credits = 3000 }]
valid_for = "12 months"
stripe_product = "prod_1"
promotion_codes = false

[checkout]
promotion_codes = true
invoice = true
automatic_tax = true
tax_behavior = "inclusive"
tax_ids = true
"""


def topups(**keys: str) -> str:
    table = {"min": "500", "max": "100000", "price": "{ usd = 1 }"} | keys
    return "[topups.credits]\n" + "".join(f"{key} = {value}\n" for key, value in table.items() if value)


def test_every_key() -> None:
    catalog = parse(EVERY_KEY)
    tiers = (Bonus(5000, percent=5), Bonus(20_000, credits=3000))
    assert catalog.topups == {
        "tokens": Amounts(
            "tokens", 500, 100_000, {"usd": 99, "kwd": 305}, 100, 100, tiers, "Tokens", "As many as you like",
            Span(months=12), "prod_1", False,
        )
    }  # fmt: skip
    assert catalog.checkout == CheckoutTerms(True, True, True, "inclusive", True)
    assert catalog.version != parse(EVERY_KEY.replace("percent = 5", "percent = 6")).version
    assert parse("").checkout == CheckoutTerms()


@pytest.mark.parametrize(
    ("table", "key", "message"),
    [
        (topups(max="100"), "max", "less than min"),
        (topups(step="200"), "min", "no multiple of step"),
        (topups(price=""), "price", "missing"),
        (topups(price="{}"), "price", "table of currency and cents"),
        (topups(price="{ usd = 0 }"), "price.usd", "whole cents from 1"),
        (topups(price="{ usd = 0.99 }"), "price.usd", "whole cents from 1"),
        (topups(price="{ dollars = 1 }"), "price.dollars", "three letters"),
        (topups(min="49"), "price.usd", "The fewest, 49, cost 49: Stripe charges no less than 50 in usd."),
        (topups(price="{ usd = 1000 }"), "price.usd", "The most, 100,000, cost 100,000,000: Stripe charges no more"),
        (topups(bonus="3"), "bonus", "list of steps"),
        (topups(bonus="[{ from = 500 }]"), "bonus[0]", "from and percent"),
        (topups(bonus="[{ from = 500, percent = 1.5 }]"), "bonus[0]", "percent: write a whole number"),
        (topups(bonus="[{ from = 500, percent = 5, to = 3 }]"), "bonus[0]", "Unknown key 'to'"),
        (topups(bonus="[{ from = 900, percent = 5 }, { from = 900, percent = 6 }]"), "bonus[1]", "in order"),
        (topups(bonus="[{ from = 500, percent = 9 }, { from = 900, percent = 5 }]"), "bonus[1]", "must not get less"),
        (topups(valid_for='"0 days"'), "valid_for", "longer than nothing"),
        (topups().replace("topups.credits", "topups.credit"), "", "did you mean 'credits'?"),
        ('[checkout]\ntax_behavior = "none"', "tax_behavior", "one of 'exclusive', 'inclusive'"),
        ("[checkout]\ninvoice = 1", "invoice", "true or false"),
    ],
)
def test_what_can_not_be_used_is_told_where_it_stands(table: str, key: str, message: str) -> None:
    found = only_error(table)
    assert message in found
    assert f"{key}: " in found


def test_a_plan_says_its_price_for_its_own_interval_or_for_several() -> None:
    one = parse(plan(price="{ usd = 2000 }", every='"week"')).plans["pro"]
    assert one.price == {"week": {"usd": 2000}}
    assert one.prices == ("billing:plan:pro:week:usd",)
    both = plan(prices='["pro_old"]', price="{ month = { usd = 2000, eur = 1800 }, year = { usd = 20000 } }")
    two = parse(both).plans["pro"]
    assert two.prices == (
        "pro_old",
        "billing:plan:pro:month:usd",
        "billing:plan:pro:month:eur",
        "billing:plan:pro:year:usd",
    )
    assert owner_of(parse(both), "price_1", "billing:plan:pro:year:usd") == two
    for price, message in (("3", "table of currency"), ("{ decade = { usd = 1 } }", "one of 'day'"),
                           ("{ month = { usd = 1 } }", "no less than 50")):  # fmt: skip
        assert message in only_error(plan(price=price))


def test_a_packs_price_is_known_at_stripe_by_a_key_of_ours() -> None:
    catalog = parse(pack(prices="{ usd = 1000, jpy = 1500 }"))
    assert owner_of(catalog, "price_x", "billing:pack:pro:jpy") == catalog.packs["pro"]


def test_what_stripe_would_never_charge_is_no_price() -> None:
    assert only_error(pack(prices="{ usd = 49 }")).endswith("Stripe charges no less than 50 in usd.")
    assert parse(pack(prices="{ usd = 0, kwd = 10, jpy = 50 }")).packs["pro"].prices["usd"] == 0
    assert len(errors(pack(prices="{ gbp = 29, jpy = 49, kwd = 15 }"))) == 3
