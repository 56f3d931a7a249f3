"""What may stand as a value in the catalog: literally what is written → a value of ours, or `Wrong`.

Strict: a boolean, a float or a text is no whole number, and nothing is turned into something else to make it
fit.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable
from fractions import Fraction
from typing import Any

from billing.rules import money
from billing.rules.periods import Span
from billing.rules.wallet import burndown
from billing.rules.wallet.endterms import RollOver
from billing.rules.wallet.overdraft import MOST_CREDITS, Overdraft
from billing.rules.wallet.overdraft import parse as parse_overdraft
from billing.rules.wallet.thresholds import Thresholds
from billing.rules.wallet.thresholds import parse as parse_thresholds

_ID = re.compile(r"[a-z0-9][a-z0-9_-]*")
_PERCENT = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,9})?)%")


class Wrong(ValueError):
    """What is wrong with a value: a sentence, or sentences by the key or position inside it."""

    def __init__(self, what: str | dict[Any, list[str]]) -> None:
        self.what = what
        super().__init__(what)


def no_such(noun: str, name: str, known: Iterable[str]) -> str:
    """The sentence about an unknown name, with the nearest known one."""
    nearest = difflib.get_close_matches(name, known := list(known), n=1, cutoff=0.72)
    hint = f"did you mean {nearest[0]!r}?" if nearest else f"known here: {', '.join(known) or 'none'}."
    return f"Unknown {noun} {name!r}: {hint}"


def identity(value: str) -> str:
    """A plan's, pack's or unit's id."""
    if not _ID.fullmatch(value):
        raise Wrong("Write the id in a-z, 0-9, _ and -, beginning with a letter or digit.")
    return value


def whole(least: int, most: int) -> Callable[[Any], int]:
    def read(value: Any) -> int:
        if type(value) is not int or not least <= value <= most:
            raise Wrong(f"Write a whole number from {least:,} to {most:,}.")
        return value

    return read


def name(value: Any) -> str:
    if not isinstance(value, str) or not value.strip() or not value.isprintable():
        raise Wrong('Write a text of one line, such as "Pro".')
    return value


def text(value: Any) -> str:
    if not isinstance(value, str) or not value.replace("\n", "").isprintable():
        raise Wrong("Write a text.")
    return value


def yes_or_no(value: Any) -> bool:
    if type(value) is not bool:
        raise Wrong("Write true or false.")
    return value


def one_of(known: tuple[str, ...]) -> Callable[[Any], str]:
    def read(value: Any) -> str:
        if isinstance(value, str) and value in known:
            return value
        raise Wrong(f"Write one of {', '.join(map(repr, known))}.")

    return read


def span(value: Any) -> Span:
    try:
        return Span.parse(value)
    except ValueError as error:
        raise Wrong(str(error)) from None


def some_time(value: Any) -> Span:
    read = span(value)
    if not read:
        raise Wrong("Write a span longer than nothing.")
    return read


def share(value: Any) -> Fraction:
    written = _PERCENT.fullmatch(value) if isinstance(value, str) else None
    part = Fraction(written.group(1)) / 100 if written else None
    if part is None or part > 1:
        raise Wrong('Write a percentage from "0%" to "100%", such as "12.5%".')
    return part


MOST_PERIODS = 1_200

_ROLL_OVER = "{ roll_over = { max = 2000, periods = 1 } }"


def at_period_end(value: Any) -> str | RollOver:
    """What becomes of what is left at a period's end."""
    if isinstance(value, str) and value in ("expire", "keep"):
        return value
    if not isinstance(value, dict):
        raise Wrong(f"Write one of 'expire', 'keep' or {_ROLL_OVER}.")
    wrong: dict[Any, Any] = {key: [no_such("key", key, ["roll_over"])] for key in value if key != "roll_over"}
    table = value.get("roll_over")
    if not isinstance(table, dict):
        raise Wrong({**wrong, "roll_over": [f"Write how much goes on, and how often, such as {_ROLL_OVER}."]})
    inner: dict[Any, Any] = {
        key: [no_such("key", key, ["max", "periods"])] for key in table if key not in ("max", "periods")
    }
    found: dict[str, Any] = {}
    for key, read in (("max", _most), ("periods", whole(1, MOST_PERIODS))):
        try:
            found[key] = read(table.get(key, 1 if key == "periods" else None))
        except Wrong as error:
            inner[key] = [error.what]
    if wrong or inner:
        raise Wrong(wrong | ({"roll_over": inner} if inner else {}))
    return RollOver(found["max"], found["periods"])


def _most(value: Any) -> int | Fraction:
    if isinstance(value, str):
        try:
            most = share(value)
        except Wrong:
            most = Fraction(0)
        if most:
            return most
    elif type(value) is int and 1 <= value <= MOST_CREDITS:
        return value
    raise Wrong(
        f'Write the most credits that go on, from 1 to {MOST_CREDITS:,}, or a share of the plan\'s, such as "50%".'
    )


def overdraft_terms(value: Any) -> Overdraft:
    read = parse_overdraft(value)
    if isinstance(read, str):
        raise Wrong(read)
    return read


def low_balance(value: Any) -> Thresholds:
    read = parse_thresholds(value)
    if isinstance(read, str):
        raise Wrong(read)
    return read


def burn_down(value: Any) -> tuple[str, ...]:
    listed = isinstance(value, list) and all(isinstance(key, str) for key in value)
    read = burndown.parse(value if listed or isinstance(value, str) else None)
    if isinstance(read, str):
        raise Wrong(read)
    return read


def stripe_prices(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise Wrong('Write a list of Stripe price ids or lookup keys, such as ["price_1Abc"].')
    wrong = {
        position: ['Write a Stripe price id or lookup key, such as "price_1Abc".']
        for position, price in enumerate(value)
        if not _is_price(price)
    }
    if wrong:
        raise Wrong(wrong)
    return tuple(value)


def _is_price(value: Any) -> bool:
    return isinstance(value, str) and value != "" and value.isprintable() and " " not in value


def prices(value: Any) -> dict[str, int]:
    if not isinstance(value, dict):
        raise Wrong("Write a table of currency and cents, such as { usd = 1000 }.")
    wrong = {currency: text for currency, cents in value.items() if (text := _wrong_price(currency, cents))}
    if wrong:
        raise Wrong({currency: [text] for currency, text in wrong.items()})
    return dict(value)


def _wrong_price(currency: str, cents: Any) -> str | None:
    if text := money.check_currency(currency):
        return text
    if type(cents) is not int or not 0 <= cents <= money.MOST_CENTS:
        return f"Write whole cents from 0 to {money.MOST_CENTS:,}: 1000 is 10.00."
    if cents % money.step(currency):
        return f"Stripe charges {currency} in multiples of {money.step(currency)} only."
    if 0 < cents < money.least(currency):
        return f"Stripe charges no less than {money.least(currency)} in {currency}."
    return None
