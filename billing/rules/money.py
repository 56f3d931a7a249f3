"""Money: whole cents in Stripe's smallest unit of a currency, the currency beside them. Never floats.

Source of the table: Stripe's "Supported currencies" (zero-decimal, three-decimal, special cases). CLDR's and
ISO 4217's exponents differ from it: taken from there, ISK and UGX would be off by a hundred.
"""

from __future__ import annotations

import re
from fractions import Fraction

MOST_CENTS = 10**12

_ZERO = frozenset(
    ("bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "vnd", "vuv", "xaf", "xof", "xpf")
)
_THREE = frozenset(("bhd", "jod", "kwd", "omr", "tnd"))
# Without decimals in daily life, written with two on Stripe's API, where the last two must be 00.
_WHOLE = frozenset(("isk", "ugx"))

# The least that Stripe charges, by the currency that is charged and paid out in. Others it judges by their worth.
_LEAST = {
    "aed": 200, "aud": 50, "bgn": 100, "brl": 50, "cad": 50, "chf": 50, "czk": 1_500, "dkk": 250, "eur": 50, "gbp": 30,
    "hkd": 400, "huf": 17_500, "inr": 50, "jpy": 50, "mxn": 1_000, "myr": 200, "nok": 300, "nzd": 50, "pln": 200,
    "ron": 200, "sek": 300, "sgd": 50, "thb": 1_000, "usd": 50,
}  # fmt: skip

_CURRENCY = re.compile("[a-z]{3}")


def check_currency(currency: object) -> str | None:
    """What is wrong with a currency's name, or None: three lower-case letters, as Stripe writes it."""
    if not isinstance(currency, str) or not _CURRENCY.fullmatch(currency.lower()):
        return f"{currency!r} is no currency: write its three letters, such as usd."
    if currency != currency.lower():
        return f"Write {currency.lower()!r}, in lower case."
    return None


def exponent(currency: str) -> int:
    """How many decimals the currency's cents stand for on Stripe's API: usd 2, jpy 0, kwd 3, isk 2."""
    if currency in _ZERO:
        return 0
    return 3 if currency in _THREE else 2


def step(currency: str) -> int:
    """What cents must be a multiple of for Stripe to charge them: 100 for isk and ugx, 10 with three
    decimals.
    """
    if currency in _WHOLE:
        return 100
    return 10 if currency in _THREE else 1


def least(currency: str) -> int:
    """The fewest cents that Stripe charges in this currency, where that is known; a free order is another matter."""
    return _LEAST.get(currency, step(currency))


def credit_part(net_cents: int, share: Fraction) -> int:
    """The part of a line's net that is for credits, in cents: rounded toward zero, negative lines alike.

    Rule: the handbook's *Credit part*.
    """
    part = abs(net_cents) * share.numerator // share.denominator
    return part if net_cents >= 0 else -part
