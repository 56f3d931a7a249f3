from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.rules.money import check_currency, credit_part, exponent, step

cents = st.integers(-(10**12), 10**12)
shares = st.integers(0, 9_999).map(lambda part: Fraction(part, 9_999))


@pytest.mark.parametrize(
    ("currency", "decimals", "multiple"),
    [
        ("usd", 2, 1),
        ("eur", 2, 1),
        ("jpy", 0, 1),
        ("krw", 0, 1),
        ("mga", 0, 1),
        ("xpf", 0, 1),
        ("kwd", 3, 10),
        ("tnd", 3, 10),
        ("isk", 2, 100),
        ("ugx", 2, 100),
        ("rsd", 2, 1),
        ("huf", 2, 1),
    ],
)
def test_stripes_decimals_not_the_worlds(currency: str, decimals: int, multiple: int) -> None:
    assert (exponent(currency), step(currency)) == (decimals, multiple)


def test_a_currency_is_three_lower_case_letters() -> None:
    assert check_currency("usd") is None
    assert check_currency("USD") == "Write 'usd', in lower case."
    for wrong in ("", "us", "usdt", "u$d", "ééé", "usd\n", 3, None):
        assert "three letters" in str(check_currency(wrong))


@pytest.mark.parametrize(
    ("net", "share", "part"),
    [
        (999, Fraction(1, 2), 499),
        (-999, Fraction(1, 2), -499),
        (1000, Fraction(1, 8), 125),
        (1000, Fraction(1), 1000),
        (1000, Fraction(0), 0),
        (-1, Fraction(999, 1000), 0),
        (10**12, Fraction(1, 3), 333_333_333_333),
    ],
)
def test_the_credit_part_is_rounded_toward_zero(net: int, share: Fraction, part: int) -> None:
    assert credit_part(net, share) == part


@given(cents, shares)
def test_the_credit_part_of_what_is_given_back_mirrors_that_of_what_is_paid(net: int, share: Fraction) -> None:
    assert credit_part(-net, share) == -credit_part(net, share)
    assert 0 <= abs(net) * share - abs(credit_part(net, share)) < 1
