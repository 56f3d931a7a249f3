"""What a request may look like: each check answers with what is wrong, or None."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from billing.rules.refusals import Invalid
from billing.rules.wallet.values import LARGEST_CENTS, LARGEST_CREDITS

RESERVED_KEYS = "hold:"
"""Keys beginning so are ours: a late capture is a spend under `hold:<id>`."""

_LONGEST = 255


def refuse(**problems: str | None) -> Invalid | None:
    """All fields that are wrong, at once; None when none is."""
    if not any(problems.values()):  # nearly always, and thousands of times a second
        return None
    return Invalid({name: [problem] for name, problem in problems.items() if problem is not None})


def credits(value: Any) -> str | None:
    """A whole number of credits that can be moved: 1 to 10^15."""
    return _whole(value, 1, LARGEST_CREDITS, "credits")


def cents(value: Any) -> str | None:
    """Money in the currency's smallest unit: 0 to 10^12."""
    return _whole(value, 0, LARGEST_CENTS, "cents")


def priority(value: Any) -> str | None:
    return _whole(value, 0, 1_000_000, "small first")


def seconds(value: Any) -> str | None:
    """How long a hold lasts: up to 31 days."""
    return _whole(value, 1, 31 * 86_400, "seconds")


def key(value: Any) -> str | None:
    """An idempotency key of the caller's own choosing."""
    problem = text(value)
    if problem is None and value.startswith(RESERVED_KEYS):
        return f"Keys that begin with {RESERVED_KEYS!r} are reserved."
    return problem


def text(value: Any) -> str | None:
    """1 to 255 printable characters."""
    if not isinstance(value, str) or not 1 <= len(value) <= _LONGEST or not value.isprintable():
        return f"Must be a text of 1 to {_LONGEST} printable characters."
    return _storable(value)


def name(value: Any) -> str | None:
    """A customer's id: like a text, and without slashes or spaces at its ends, so that it can stand in an address."""
    problem = text(value)
    if problem is None and ("/" in value or value != value.strip() or value in (".", "..")):
        return "Must not hold a slash, nor begin or end with a space."
    if problem is None and "\ufffd" in value:  # what a server reads where an address is not UTF-8: two would be one
        return "Must be written in UTF-8."
    return problem


def maybe(check: Callable[[Any], str | None], value: Any) -> str | None:
    """None is fine, too."""
    return None if value is None else check(value)


def description(value: Any) -> str | None:
    """Free text, up to 1,000 characters."""
    if not isinstance(value, str) or len(value) > 1000:
        return "Must be a text of up to 1,000 characters."
    return _storable(value)


def features(value: Any) -> str | None:
    if isinstance(value, str) or not isinstance(value, Sequence):
        return "Must be a list of feature names."
    if len(value) > 100 or len(set(map(repr, value))) != len(value):
        return "Must name each feature once, at most 100."
    return next((problem for problem in map(text, value) if problem), None)


def currency(value: Any) -> str | None:
    if (
        not isinstance(value, str)
        or len(value) != 3
        or not value.isascii()
        or not value.isalpha()
        or not value.islower()
    ):
        return "Must be a currency of three lower-case letters, such as usd."
    return None


def instant(value: Any) -> str | None:
    if not isinstance(value, datetime) or value.utcoffset() is None:
        return "Must be a time with its zone, such as datetime.now(UTC)."
    if not 1970 <= value.year <= 9000:
        return "Must lie between the years 1970 and 9000."
    return None


def flag(value: Any) -> str | None:
    return None if isinstance(value, bool) else "Must be true or false."


def count(value: Any) -> str | None:
    """How many rows of a list: 1 to 10,000."""
    return _whole(value, 1, 10_000, "rows")


def number(value: Any) -> str | None:
    """The number of an entry."""
    return _whole(value, 0, 2**62, "an entry's number")


def metadata(value: Any) -> str | None:
    """Plain JSON with text keys, up to 50 of them and 16,000 characters."""
    if not isinstance(value, Mapping) or len(value) > 50:
        return "Must be an object of at most 50 keys."
    problem = _plain(dict(value), 0)
    if problem is None and len(repr(value)) > 16_000:
        return "Must not be longer than 16,000 characters."
    return problem


def address(value: Any) -> str | None:
    """Where a buyer comes back to: an absolute http or https address of up to 2,000 characters."""
    if not isinstance(value, str) or not value.isascii() or not value.isprintable() or len(value) > 2000:
        return "Must be an address of up to 2,000 printable ASCII characters, such as https://app.example.com/paid."
    scheme, _, rest = value.partition("://")
    if scheme not in ("http", "https") or not rest.partition("/")[0] or " " in value or "\\" in value:
        return "Must be a whole address that begins with https:// or http://."
    return None


def _plain(value: Any, depth: int) -> str | None:
    if depth > 5:
        return "Must not be nested more than five deep."
    if value is None or isinstance(value, bool | int):
        return None if not isinstance(value, int) or abs(value) < 2**63 else "Numbers must fit 63 bits."
    if isinstance(value, str):
        return _storable(value)
    if isinstance(value, float):
        return None if value == value and abs(value) != float("inf") else "Must not hold NaN or infinity."
    if isinstance(value, dict):
        if not all(isinstance(key, str) and _storable(key) is None for key in value):
            return "Keys must be texts."
        return next((problem for part in value.values() if (problem := _plain(part, depth + 1))), None)
    if isinstance(value, list | tuple):
        return next((problem for part in value if (problem := _plain(part, depth + 1))), None)
    return "Must be plain JSON: text, numbers, true, false, null, lists and objects."


def _storable(value: str) -> str | None:
    """PostgreSQL keeps no NUL and neither database keeps half a surrogate pair."""
    if "\x00" in value:
        return "Must not hold a NUL character."
    try:
        value.encode()
    except UnicodeEncodeError:
        return "Must be valid Unicode."
    return None


def _whole(value: Any, least: int, most: int, what: str) -> str | None:
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        return f"Must be a whole number from {least:,} to {most:,} ({what})."
    return None
