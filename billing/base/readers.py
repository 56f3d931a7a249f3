"""Whom a text is written for: in which language, with whose numbers and in whose time zone."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from decimal import Decimal
from zoneinfo import ZoneInfo

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_datetime
from babel.numbers import format_currency, format_decimal

from billing.base.wording import decimal_of, money_text, pattern_of
from billing.rules.money import exponent

LANGUAGES = ("en", "de")
"""What people are written to in; English where theirs is none of these."""

_DATES = {"en": "d MMM y", "de": "d. MMM y"}
_USUAL = {"en": "en_US", "de": "de_DE"}


@dataclass(frozen=True, slots=True)
class Reader:
    """One who reads. An instant is shown in their zone with the zone's name: it is the same one everywhere."""

    language: str = "en"
    locale: str = "en_US"
    zone: tzinfo = UTC

    @classmethod
    def of(cls, locale: str | None, timezone: str | None) -> Reader:
        """By what is known of them: `de-AT`, `Europe/Vienna`. What can't be understood is English, is UTC."""
        language, known = "en", _USUAL["en"]
        said = (locale or "en").strip().replace("-", "_")
        wanted = _locale(said) or _locale(said.partition("_")[0])
        if wanted is not None and wanted.language in LANGUAGES:
            language = wanted.language
            known = str(wanted) if wanted.territory else _USUAL[language]
        return cls(language, known, zone_of(timezone) or UTC)

    def credits(self, credits: int, scale: int = 0) -> str:
        """`12,345`; at scale 2 `123.45`; in German `12.345`."""
        return format_decimal(decimal_of(credits, scale), format=pattern_of(scale), locale=self.locale)

    def money(self, cents: int, currency: str) -> str:
        """`$10.00`, in German `10,00 $`. How many decimals a currency has is Stripe's to say."""
        if self.language == "en":
            return money_text(cents, currency, self.locale)
        places = exponent(currency)
        usual = Locale.parse(self.locale).currency_formats["standard"].pattern.split(";")[0]
        return format_currency(
            decimal_of(cents, places),
            currency.upper(),
            format=usual.replace("#,##0.00", pattern_of(places)),
            locale=self.locale,
            currency_digits=False,
        )

    def percent(self, number: str) -> str:
        """`12.5%`; in German `12,5 %`."""
        shown = format_decimal(Decimal(number), format="0.#########", locale=self.locale)
        return f"{shown}%" if self.language == "en" else f"{shown}\u00a0%"

    def time(self, at: datetime) -> str:
        """To the minute, with the zone: `1 Feb 2026, 00:00 CET`."""
        local = at.astimezone(self.zone)
        shown = format_datetime(local, f"{_DATES[self.language]}, HH:mm", tzinfo=self.zone, locale=self.locale)
        return f"{shown} {_zone_name(local)}"

    def date(self, at: datetime) -> str:
        """The day in their zone: `1 Feb 2026`."""
        return self.day(at.astimezone(self.zone).date())

    def day(self, day: dt.date) -> str:
        """A day of the calendar, wherever it was."""
        return format_date(day, _DATES[self.language], locale=self.locale)


def zone_of(name: str | None) -> tzinfo | None:
    """A zone by its IANA name; None where there is no such zone."""
    if not name:
        return None
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, LookupError):  # what is no name at all may be a folder's, or too long
        return None


def _zone_name(local: datetime) -> str:
    """`CET`; where a zone has no letters of its own, `UTC+03` and `UTC+05:30`."""
    name = local.tzname() or ""
    if not name or name[0] in "+-":
        offset = local.strftime("%z")
        return f"UTC{offset[:3]}{'' if offset[3:] == '00' else ':' + offset[3:]}"
    return name


def _locale(text: str) -> Locale | None:
    try:
        return Locale.parse(text)
    except (ValueError, TypeError, LookupError, UnknownLocaleError):
        return None
