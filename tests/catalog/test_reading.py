from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import pytest

from billing.catalog.loading import parse
from billing.rules.periods import Span
from billing.rules.wallet.overdraft import NONE, UNLIMITED, Overdraft
from tests.catalog.written import only_error, pack, plan


@pytest.mark.parametrize("credits", ["0", "-5", "true", "5.0", '"5"', "1_000_000_000_000_001", "[5]", "nan"])
@pytest.mark.parametrize("table", [plan, pack])
def test_credits_are_whole_numbers(table: Callable[..., str], credits: str) -> None:
    assert "whole number from 1 to 1,000,000,000,000,000" in only_error(table(credits=credits))


def test_the_largest_numbers() -> None:
    text = pack(credits=str(10**15), prices=f"{{ usd = {10**12}, eur = 0 }}")
    assert parse(text).packs["pro"].prices == {"usd": 10**12, "eur": 0}


@pytest.mark.parametrize(
    ("prices", "key", "message"),
    [
        ("{ USD = 1 }", "prices.USD", "Write 'usd', in lower case."),
        ("{ dollars = 1 }", "prices.dollars", "three letters"),
        ("{ usd = 10.00 }", "prices.usd", "whole cents"),
        ("{ usd = true }", "prices.usd", "whole cents"),
        ("{ usd = -1 }", "prices.usd", "whole cents"),
        ("{ usd = 1_000_000_000_001 }", "prices.usd", "whole cents"),
        ("{ isk = 150 }", "prices.isk", "multiples of 100"),
        ("{ kwd = 1001 }", "prices.kwd", "multiples of 10"),
        ('["price_1"]', "prices", "table of currency and cents"),
    ],
)
def test_a_packs_prices_are_cents_by_currency(prices: str, key: str, message: str) -> None:
    found = only_error(pack(prices=prices))
    assert found.startswith(f"line 4: packs.pro.{key}: ")
    assert message in found


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("name", '""', "text of one line"),
        ("name", '"a\\nb"', "text of one line"),
        ("name", "3", "text of one line"),
        ("description", '"a\\u0000b"', "Write a text"),
        ("every", "3", "one of 'day', 'week', 'month', 'year'"),
        ("at_period_end", '"renew"', "one of 'expire', 'keep' or { roll_over"),
        ("grace", '"soon"', "no span of time"),
        ("late_grace", "7", "no span of time"),
        ("overdraft", '"lots"', "unlimited"),
        ("overdraft", "{ limit = -1 }", "limit is a whole number"),
        ("overdraft", '{ limit = 1, debt = "invoice" }', "debt is one of repay, carry, forgive"),
        ("overdraft", '{ limt = 1, debt = "carry" }', "limt"),
        ("overdraft", "3", "unlimited"),
        ("credit_share", '"101%"', "percentage"),
        ("credit_share", '"-1%"', "percentage"),
        ("credit_share", '"50"', "percentage"),
        ("credit_share", "0.5", "percentage"),
        ("prices", '"price_1"', "list of Stripe price ids"),
        ("prices", "{ usd = 1000 }", "list of Stripe price ids"),
        ("unit", '"tokens"', "Unknown unit 'tokens': known here: credits."),
        ("unit", '"credit"', "did you mean 'credits'?"),
        ("unit", "3", "text of one line"),
    ],
)
def test_other_values_that_can_not_be_used(key: str, value: str, message: str) -> None:
    found = only_error(plan(**{key: value}))
    assert f"plans.pro.{key}: " in found
    assert message in found


@pytest.mark.parametrize(
    ("text", "share"),
    [
        ("0%", Fraction(0)),
        ("100%", Fraction(1)),
        ("12.5%", Fraction(1, 8)),
        ("33.333333333%", Fraction(33333333333, 10**11)),
    ],
)
def test_shares_are_exact(text: str, share: Fraction) -> None:
    assert parse(plan(credit_share=f'"{text}"')).plans["pro"].credit_share == share


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ('"none"', NONE),
        ('"unlimited"', UNLIMITED),
        ('{ limit = 100, debt = "forgive" }', Overdraft(100, "forgive")),
        ("{ limit = 7 }", Overdraft(7, "repay")),
        ('{ limit = "unlimited", debt = "carry" }', Overdraft(None, "carry")),
    ],
)
def test_the_forms_of_an_overdraft(written: str, read: Overdraft) -> None:
    assert parse(f"[policy]\noverdraft = {written}").policy.overdraft == read
    assert parse(plan(overdraft=written)).plans["pro"].overdraft == read


@pytest.mark.parametrize(
    ("written", "keys"),
    [
        ('"fifo"', ("granted_at", "id")),
        ('["priority"]', ("priority", "id")),
        ('["id", "priority"]', ("id", "priority")),
    ],
)
def test_the_forms_of_a_burn_down(written: str, keys: tuple[str, ...]) -> None:
    assert parse(f"[policy]\nburn_down = {written}").policy.burn_down == keys


@pytest.mark.parametrize(
    "written", ['"lifo"', "[]", '["prority"]', '["id", "id"]', "3", '["id", ["id"]]', "[1]", "{ a = 1 }"]
)
def test_a_burn_down_that_is_none(written: str) -> None:
    assert only_error(f"[policy]\nburn_down = {written}").startswith("line 2: policy.burn_down: ")


@pytest.mark.parametrize("name", ["Pro", "-pro", "_pro", '"pro plan"', '"prö"', '""', '"pro\\n"'])
def test_ids_are_plain(name: str) -> None:
    for kind in ("plans", "packs"):
        assert "Write the id in a-z" in only_error(f"[{kind}.{name}]\nname = 'x'\ncredits = 1")
    assert "Write the id in a-z" in only_error(f"[units.{name}]\nscale = 1")


def test_a_pack_that_ends_at_once_is_no_pack() -> None:
    assert "longer than nothing" in only_error(pack(valid_for='"0 days"'))


def test_no_grace_is_a_choice() -> None:
    assert parse(plan(grace='"0 hours"')).plans["pro"].grace == Span()


@pytest.mark.parametrize("scale", ["-1", "10", "2.0", "false", '"2"'])
def test_a_scale_is_a_few_decimals(scale: str) -> None:
    assert only_error(f"units.tokens.scale = {scale}").endswith("Write a whole number from 0 to 9.")


@pytest.mark.parametrize("price", ['""', '"a b"', "3", '"a\\tb"'])
def test_a_stripe_price_is_a_word(price: str) -> None:
    assert only_error(plan(prices=f'["ok", {price}]')).startswith("line 4: plans.pro.prices[1]: ")


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("{ roll_over = 3 }", "at_period_end.roll_over: Write how much goes on"),
        ("{ roll_over = { periods = 1 } }", "at_period_end.roll_over.max: Write the most credits"),
        ("{ roll_over = { max = 0 } }", "at_period_end.roll_over.max: Write the most credits"),
        ('{ roll_over = { max = "0%" } }', "at_period_end.roll_over.max: Write the most credits"),
        ('{ roll_over = { max = "101%" } }', "at_period_end.roll_over.max: Write the most credits"),
        ("{ roll_over = { max = 5, periods = 0 } }", "at_period_end.roll_over.periods: Write a whole"),
        ("{ roll_over = { max = 5, period = 1 } }", "did you mean 'periods'?"),
        ("{ rollover = { max = 5 }, roll_over = { max = 5 } }", "did you mean 'roll_over'?"),
        ('"roll_over"', "one of 'expire', 'keep'"),
    ],
)
def test_roll_over_says_how_much_and_how_often(value: str, message: str) -> None:
    assert message in only_error(plan(at_period_end=value))
