from __future__ import annotations

import tomllib
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.catalog.loading import CatalogError, CatalogInvalid, load, parse
from billing.catalog.terms import Catalog, Pack, Plan, Policy, Unit
from billing.rules.periods import Span
from billing.rules.wallet import burndown
from billing.rules.wallet.endterms import RollOver
from billing.rules.wallet.overdraft import NONE, UNLIMITED, Overdraft
from tests.catalog.written import EVERY_KEY, errors, only_error, pack, plan


def test_every_key() -> None:
    catalog = parse(EVERY_KEY)
    assert catalog.policy == Policy(("expires_at", "priority", "id"), Overdraft(100, "carry"))
    assert catalog.units == {"credits": Unit("credits"), "tokens": Unit("tokens", 3)}
    assert catalog.plans == {
        "pro": Plan(
            id="pro",
            name="Pro",
            description="For teams",
            credits=5000,
            unit="tokens",
            every="year",
            prices=("price_1Pro", "pro_yearly"),
            at_period_end="keep",
            grace=Span(seconds=7_200),
            late_grace=Span(seconds=259_200),
            overdraft=UNLIMITED,
            credit_share=Fraction(1, 8),
            trial_credits=30,
            on_upgrade="next_period",
        )
    }
    assert catalog.packs == {
        "small": Pack(
            id="small",
            name="Small",
            description="For a rainy day",
            credits=1000,
            unit="tokens",
            prices={"usd": 1000, "eur": 900},
            stripe_prices=("price_1Small",),
            valid_for=Span(months=12),
        )
    }


def test_roll_over_by_credits_and_by_share() -> None:
    capped = parse(plan(at_period_end="{ roll_over = { max = 2000, periods = 3 } }")).plans["pro"].at_period_end
    shared = parse(plan(at_period_end='{ roll_over = { max = "12.5%" } }')).plans["pro"].at_period_end
    assert (capped, shared) == (RollOver(2000, 3), RollOver(Fraction(1, 8), 1))
    assert isinstance(shared, RollOver)
    assert shared.document() == {"roll_over": {"max": "12.5%", "periods": 1}}


def test_what_is_left_out_has_its_default() -> None:
    assert parse("") == Catalog.DEFAULT
    assert Catalog.DEFAULT.policy == Policy(burndown.DEFAULT, NONE)
    assert Catalog.DEFAULT.units == {"credits": Unit("credits", 0)}
    pro = parse(plan()).plans["pro"]
    assert pro == Plan(id="pro", name="Pro", credits=5)
    assert (pro.unit, pro.every, pro.at_period_end, pro.overdraft) == ("credits", "month", "expire", None)
    assert (pro.grace, pro.late_grace) == (Span(seconds=86_400), Span(seconds=604_800))
    assert pro.credit_share == 1
    assert (pro.trial_credits, pro.on_upgrade) == (0, "difference")
    assert parse(pack()).packs["pro"].valid_for is None
    assert parse("[units.credits]\nscale = 2").units == {"credits": Unit("credits", 2)}


def test_ten_errors_are_shown_as_ten_each_with_its_key_and_line() -> None:
    text = """\
polcy = {}
[policy]
burn_down = "lifo"
overdraft = "some"

[plans.pro]
name = "Pro"
credits = "5000"
every = "fortnight"
prices = [
  "price_1", "price_2",
  "price_1",
]
low_balance = 0
[plans.basic]
name = "Basic"

[packs."Small one"]
name = "Small"
credits = 10
unit = "tokens"
"""
    with pytest.raises(CatalogInvalid) as caught:
        parse(text)
    assert [(error.line, error.path) for error in caught.value.errors] == [
        (1, "polcy"),
        (3, "policy.burn_down"),
        (4, "policy.overdraft"),
        (8, "plans.pro.credits"),
        (9, "plans.pro.every"),
        (12, "plans.pro.prices[2]"),
        (14, "plans.pro.low_balance"),
        (15, "plans.basic.credits"),
        (18, 'packs."Small one"'),
        (21, 'packs."Small one".unit'),
    ]
    assert str(caught.value).count("\n") == 9


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("nme", '"x"', "did you mean 'name'?"),
        ("credit", "5", "did you mean 'credits'?"),
        ("low_balances", '["20%", 0]', "did you mean 'low_balance'?"),
        ("roll_over", "{ max = 2000 }", "known here"),
        ("stripe_prices", '["x"]', "known here"),
    ],
)
def test_an_unknown_key_is_refused_and_the_nearest_known_one_suggested(key: str, value: str, message: str) -> None:
    found = only_error(plan(**{key: value}))
    assert f"plans.pro.{key}: Unknown key {key!r}" in found
    assert message in found


@pytest.mark.parametrize(
    "text",
    [
        "features.image.credits = 12",
        "policy.expiry_notice = [0]",
        "units.credits.name = 'c'",
        "[packs.pro]\nname='p'\ncredits=1\nevery='day'",
    ],
)
def test_an_unknown_key_is_refused_everywhere(text: str) -> None:
    assert "Unknown key" in only_error(text)


def test_one_price_stands_in_one_place() -> None:
    text = plan(prices='["price_1"]') + pack(stripe_prices='["price_0", "price_1"]')
    assert only_error(text) == (
        "line 8: packs.pro.stripe_prices[1]: The Stripe price 'price_1' is already taken by plans.pro.prices[0],"
        " line 4: it can mean one thing only."
    )
    assert "plans.pro.prices[1]" in only_error(plan(prices='["price_1", "price_1"]'))


def test_tables_that_are_none() -> None:
    assert errors("plans = 3\npacks = []\nunits = 'x'\npolicy = 1") == [
        "line 1: plans: Write tables, such as [plans.pro].",
        "line 2: packs: Write tables, such as [packs.pro].",
        "line 3: units: Write tables, such as [units.pro].",
        "line 4: policy: Write a table of keys.",
    ]
    assert errors("[plans]\npro = 3\n[[packs.small]]\nname = 'x'") == [
        "line 2: plans.pro: Write a table of keys.",
        "line 3: packs.small: Write a table of keys.",
    ]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a = 1\nb = = 2", 2),
        ("a = 1\n\nb = [1,\n", 3),
        ("[plans]\n[plans]\n", 2),
        ("a = " + "[" * 5000, None),
        ("a = " + "9" * 5000, None),
    ],
)
def test_what_is_no_toml(text: str, line: int | None) -> None:
    with pytest.raises(CatalogInvalid) as caught:
        parse(text)
    (error,) = caught.value.errors
    assert (error.path, error.line) == ("", line)


def test_a_file(tmp_path: Path) -> None:
    file = tmp_path / "catalog.toml"
    file.write_bytes(b"\xef\xbb\xbf" + EVERY_KEY.replace("\n", "\r\n").encode())
    assert load(file) == load(str(file)) == parse(EVERY_KEY)
    file.write_text("[policy]\nburn = 1\n")
    with pytest.raises(CatalogInvalid, match=r"catalog\.toml: line 2: policy\.burn: Unknown key"):
        load(file)
    file.write_bytes(b"[policy]\n\n# caf\xe9\n")
    with pytest.raises(CatalogInvalid, match=r"line 3: Write the file in UTF-8"):
        load(file)
    with pytest.raises(CatalogInvalid, match="can't be read") as caught:
        load(tmp_path / "nowhere.toml")
    assert caught.value.errors == [CatalogError("", None, "The file can't be read: No such file or directory.")]


words = st.sampled_from(
    [
        "policy",
        "plans",
        "packs",
        "units",
        "pro",
        "name",
        "credits",
        "prices",
        "stripe_prices",
        "overdraft",
        "_schema",
        "unit",
        "grace",
        "burn_down",
    ]
)
anything = st.recursive(
    st.sampled_from(["1", "1.5", "true", '"x"', '"credits"', "2026-01-01", "nan", '"7 days"']),
    lambda inner: st.one_of(
        st.lists(inner, max_size=2).map(lambda items: f"[{', '.join(items)}]"),
        st.builds("{{ {} = {} }}".format, words, inner),
    ),
    max_leaves=4,
)
keys = st.lists(words, min_size=1, max_size=3).map(".".join)


@given(st.lists(st.builds("{} = {}".format, keys, anything), max_size=4))
def test_no_toml_at_all_does_more_than_be_refused(statements: list[str]) -> None:
    text = "\n".join(statements)
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    try:
        parse(text)
    except CatalogInvalid as invalid:
        found = invalid.errors
    else:
        found = []
    assert all(error.message and (error.line or not error.path) for error in found)
