"""Credits, money and times as people read them (English, UTC; `readers` has other languages and zones). For display
only: nothing is reckoned with these.

Babel does the words and signs; how many decimals a currency has is ours to say (`billing.rules.money`).
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

from babel.dates import format_date, format_datetime
from babel.numbers import format_currency, format_decimal, get_currency_symbol

from billing.rules.money import exponent
from billing.rules.periods import Span

_LOCALE = "en_US"
_PARTS = ((86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second"))


def credits_text(credits: int, scale: int = 0) -> str:
    """Whole credits with the unit's `scale` decimals: 1234567 → "1,234,567", at scale 2 "12,345.67"."""
    return format_decimal(decimal_of(credits, scale), format=pattern_of(scale), locale=_LOCALE)


def money_text(cents: int, currency: str, locale: str = _LOCALE) -> str:
    """Cents of a currency: (1000, "usd") → "$10.00", "jpy" → "¥1,000", "chf" → "CHF 10.00". `locale`: English."""
    code, places = currency.upper(), exponent(currency)
    sign = "¤\u00a0" if get_currency_symbol(code, locale)[-1].isalpha() else "¤"
    return format_currency(
        decimal_of(cents, places),
        code,
        format=f"{sign}{pattern_of(places)};-{sign}{pattern_of(places)}",
        locale=locale,
        currency_digits=False,
    )


def time_text(at: datetime) -> str:
    """To the minute: "20 Nov 2026, 13:54 UTC"."""
    return format_datetime(_utc(at), "d MMM y, HH:mm 'UTC'", locale=_LOCALE)


def date_text(at: datetime) -> str:
    """The day in UTC: "20 Nov 2026"."""
    return format_date(_utc(at).date(), "d MMM y", locale=_LOCALE)


def span_text(span: Span) -> str:
    """In the largest unit that fits without a rest: "1 year", "18 months", "24 hours", "14 days"."""
    if span.months:
        count, noun = (span.months // 12, "year") if span.months % 12 == 0 else (span.months, "month")
    elif span.seconds == 86_400:
        count, noun = 24, "hour"
    else:
        count, noun = next((span.seconds // size, noun) for size, noun in _PARTS if span.seconds % size == 0)
    return f"{credits_text(count)} {noun}{'' if count == 1 else 's'}"


def pattern_of(places: int) -> str:
    """How a number with so many decimals is written, in Unicode's notation."""
    return "#,##0." + "0" * places if places else "#,##0"


def decimal_of(number: int, places: int) -> Decimal:
    """Whole parts as the number that people see: (12345, 2) → 123.45."""
    # Built from its digits: arithmetic would round to the context's precision.
    return Decimal((int(number < 0), tuple(int(digit) for digit in str(abs(number))), -places))


def _utc(at: datetime) -> datetime:
    assert at.tzinfo is not None, f"{at!r} has no time zone"
    return at.astimezone(UTC)
