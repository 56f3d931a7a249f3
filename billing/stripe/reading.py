"""Reading decoded JSON that may be anything: each reader gives a checked value or raises `PayloadInvalid`.

`where` names the place for people: `invoice.lines.data[0].amount`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from billing.rules.money import check_currency
from billing.stripe.values import PayloadInvalid

MOST_CENTS = 10**12
MOST_QUANTITY = 10**15
# Stripe's own limit for ids.
LONGEST_TEXT = 255
_KINDS: dict[type, str] = {
    bool: "true or false",
    int: "a number",
    float: "a fraction",
    str: "text",
    list: "a list",
    dict: "an object",
}
# Past the year 3000 a plan's or pack's life would run off the calendar.
_LATEST = int(datetime(3000, 1, 1, tzinfo=UTC).timestamp())


def decode(body: bytes) -> dict[str, Any]:
    """The raw body of a webhook, or of a recorded file → its JSON object."""
    try:
        value = json.loads(body.decode("utf-8"), parse_constant=_no_constant)
    except UnicodeDecodeError:
        raise PayloadInvalid("The body is not UTF-8.") from None
    except RecursionError:
        raise PayloadInvalid("The body is nested too deeply.") from None
    except ValueError as error:
        raise PayloadInvalid(f"The body is not JSON: {error}.") from None
    return mapping(value, "body")


def mapping(value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise PayloadInvalid(f"{where}: an object is wanted, this is {_kind(value)}.")
    return value


def maybe_mapping(value: Any, where: str) -> dict[str, Any]:
    """Null and missing are an empty object."""
    return {} if value is None else mapping(value, where)


def of_kind(document: object, kind: str) -> dict[str, Any]:
    """An object of Stripe's of this kind."""
    found = mapping(document, kind)
    if found.get("object") != kind:
        raise PayloadInvalid(f'{kind}: its "object" is not "{kind}".')
    return found


def dig(value: Any, path: str, where: str) -> Any:
    """What stands at the dotted path, None where any step of it is missing or null."""
    for step in path.split("."):
        if value is None:
            return None
        value = mapping(value, where).get(step)
        where = f"{where}.{step}"
    return value


def either(value: Mapping[str, Any], paths: tuple[str, ...], where: str) -> tuple[Any, str]:
    """The first of the paths that holds something, and where that is: the new one, else the old one."""
    for path in paths:
        found = dig(value, path, where)
        if found is not None:
            return found, f"{where}.{path}"
    return None, f"{where}.{paths[0]}"


def items(value: Any, where: str) -> list[Any]:
    """Null and missing are an empty list."""
    if value is None:
        return []
    if not isinstance(value, list):
        raise PayloadInvalid(f"{where}: a list is wanted, this is {_kind(value)}.")
    return value


def text(value: Any, where: str) -> str:
    """Text that a database can hold: neither empty nor endless, without NUL and half characters."""
    if not isinstance(value, str):
        raise PayloadInvalid(f"{where}: text is wanted, this is {_kind(value)}.")
    if not 1 <= len(value) <= LONGEST_TEXT:
        raise PayloadInvalid(f"{where}: 1 to {LONGEST_TEXT} characters are wanted, this has {len(value)}.")
    return _storable(value, where)


def maybe_text(value: Any, where: str) -> str | None:
    """Null, missing and empty are None."""
    return None if value is None or value == "" else text(value, where)


def reference(value: Any, where: str) -> str | None:
    """The id of another object, expanded or not; None for null."""
    if isinstance(value, dict):
        return text(value.get("id"), f"{where}.id")
    return None if value is None else text(value, where)


def whole(value: Any, where: str, most: int = MOST_CENTS) -> int:
    """A whole number from -`most` to `most`."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise PayloadInvalid(f"{where}: a whole number is wanted, this is {_kind(value)}.")
    if not -most <= value <= most:
        raise PayloadInvalid(f"{where}: the number is too large.")
    return value


def maybe_whole(value: Any, where: str) -> int | None:
    return None if value is None else whole(value, where)


def counted(value: Any, where: str) -> int:
    """A whole number that is not negative."""
    number = whole(value, where)
    if number < 0:
        raise PayloadInvalid(f"{where}: it is negative.")
    return number


def quantity(value: Mapping[str, Any], where: str) -> int | None:
    """`quantity`, else the whole part of `quantity_decimal` (as Stripe fills `quantity`), else None."""
    found: Any = value.get("quantity")
    if found is None:
        found = _truncated(value.get("quantity_decimal"), f"{where}.quantity_decimal")
        if found is None:
            return None
    number = whole(found, f"{where}.quantity", MOST_QUANTITY)
    if number < 0:
        raise PayloadInvalid(f"{where}.quantity: it is negative.")
    return number


def flag(value: Any, where: str) -> bool:
    if not isinstance(value, bool):
        raise PayloadInvalid(f"{where}: true or false is wanted, this is {_kind(value)}.")
    return value


def time(value: Any, where: str) -> datetime:
    """Unix seconds → aware UTC."""
    seconds = whole(value, where, _LATEST)
    if seconds < 0:
        raise PayloadInvalid(f"{where}: a time before 1970.")
    return datetime.fromtimestamp(seconds, UTC)


def maybe_time(value: Any, where: str) -> datetime | None:
    return None if value is None else time(value, where)


def currency(value: Any, where: str) -> str:
    """Three letters, lower case."""
    name = text(value, where).lower()
    if check_currency(name) is not None:
        raise PayloadInvalid(f"{where}: three letters are wanted.")
    return name


def metadata(value: Any, where: str) -> dict[str, str]:
    """Stripe's metadata: texts by name."""
    found = {}
    for name, content in maybe_mapping(value, where).items():
        if not isinstance(content, str):
            raise PayloadInvalid(f"{where}: texts are wanted, there is {_kind(content)}.")
        found[_storable(name, where)] = _storable(content, where)
    return found


def _storable(value: str, where: str) -> str:
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        raise PayloadInvalid(f"{where}: the text holds half a character.") from None
    if "\0" in value:
        raise PayloadInvalid(f"{where}: the text holds a NUL character.")
    return value


def _truncated(value: Any, where: str) -> int | None:
    """`"2.5"` (or the SDK's Decimal) → 2."""
    if value is None:
        return None
    if not isinstance(value, str | Decimal) or len(str(value)) > 40:
        raise PayloadInvalid(f"{where}: a decimal number as text is wanted, this is {_kind(value)}.")
    try:
        number = Decimal(value)
    except InvalidOperation:
        raise PayloadInvalid(f"{where}: a decimal number is wanted.") from None
    if not number.is_finite() or abs(number) > MOST_QUANTITY:
        raise PayloadInvalid(f"{where}: the number is too large.")
    return int(number)


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is no number")


def _kind(value: Any) -> str:
    if value is None:
        return "missing or null"
    names = {
        bool: "true or false",
        int: "a number",
        float: "a fraction",
        str: "text",
        list: "a list",
        dict: "an object",
    }
    return names.get(type(value), f"a {type(value).__name__}")
