from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.base.wording import credits_text, date_text, money_text, span_text, time_text
from billing.rules.periods import Span


@pytest.mark.parametrize(
    ("credits", "scale", "text"),
    [
        (1_234_567, 0, "1,234,567"),
        (1_234_567, 2, "12,345.67"),
        (5, 2, "0.05"),
        (-1_250, 2, "-12.50"),
        (0, 0, "0"),
        (0, 3, "0.000"),
        (10**15, 6, "1,000,000,000.000000"),
    ],
)
def test_credits_with_the_units_decimals(credits: int, scale: int, text: str) -> None:
    assert credits_text(credits, scale) == text


@given(st.integers(-(10**15), 10**15), st.integers(0, 9))
def test_no_digit_of_a_number_of_credits_is_lost(credits: int, scale: int) -> None:
    text = credits_text(credits, scale)
    assert int(text.replace(",", "").replace(".", "")) == credits
    assert len(text.partition(".")[2]) == scale


@pytest.mark.parametrize(
    ("cents", "currency", "text"),
    [
        (1_000, "usd", "$10.00"),
        (-1_000, "usd", "-$10.00"),
        (5, "eur", "€0.05"),
        (1_000, "jpy", "¥1,000"),
        (123_456, "chf", "CHF\u00a01,234.56"),
        (-500, "isk", "-ISK\u00a05.00"),
        (1_234_560, "kwd", "KWD\u00a01,234.560"),
        (10**12, "usd", "$10,000,000,000.00"),
        (100, "zzz", "ZZZ\u00a01.00"),
    ],
)
def test_money_with_stripes_decimals(cents: int, currency: str, text: str) -> None:
    assert money_text(cents, currency) == text


def test_times_are_read_in_utc() -> None:
    at = datetime(2026, 3, 1, 0, 30, 59, tzinfo=timezone(timedelta(hours=2)))
    assert time_text(at) == "28 Feb 2026, 22:30 UTC"
    assert date_text(at) == "28 Feb 2026"
    assert date_text(datetime(2026, 11, 5, tzinfo=UTC)) == "5 Nov 2026"
    with pytest.raises(AssertionError):
        time_text(at.replace(tzinfo=None))


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("24 hours", "24 hours"),
        ("7 days", "7 days"),
        ("2 weeks", "14 days"),
        ("12 months", "1 year"),
        ("18 months", "18 months"),
        ("1 month", "1 month"),
        ("90 minutes", "90 minutes"),
        ("1 second", "1 second"),
        ("0 hours", "0 days"),
        ("36500 days", "36,500 days"),
    ],
)
def test_spans_in_the_largest_unit_that_fits(written: str, read: str) -> None:
    assert span_text(Span.parse(written)) == read
