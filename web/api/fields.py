"""Fields that take what JSON says and nothing near it, and answer in the forms the interface promises."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import marshmallow as ma

from billing.rules import asking
from billing.rules.wallet.values import LARGEST_CREDITS

_DIGITS = re.compile(r"-?[0-9]{1,18}")
_TIME = re.compile(r"(\d{4}-\d\d-\d\d)[Tt](\d\d:\d\d:\d\d)(\.\d{1,12})?([Zz]|[+-]\d\d:\d\d)")

PRINTABLE = r"^[^\u0000-\u001f\u007f-\u009f]*$"
"""What the pattern of a text says; the whole rule is `billing.rules.asking`."""

Check = Callable[[Any], str | None]


def obeys(check: Check) -> Callable[[Any], None]:
    """A rule of the engine's as a validator."""

    def validate(value: Any) -> None:
        problem = check(value)
        if problem is not None:
            raise ma.ValidationError(problem)

    return validate


class Whole(ma.fields.Integer):
    """A JSON integer: 5 and 5.0, never "5", 5.5 or true."""

    default_error_messages = {"invalid": "Must be a whole number, written as one."}  # noqa: RUF012 - as marshmallow has it

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> int:
        if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
            return int(value)
        if isinstance(value, bool) or not isinstance(value, int):
            raise self.make_error("invalid")
        return value


class QueryWhole(ma.fields.Integer):
    """A whole number in a query string: digits."""

    default_error_messages = {"invalid": "Must be a whole number."}  # noqa: RUF012 - as marshmallow has it

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> int:
        if not isinstance(value, str) or not _DIGITS.fullmatch(value):
            raise self.make_error("invalid")
        return int(value)


class Text(ma.fields.String):
    """1 to 255 printable characters, or as the rule given says."""

    def __init__(self, *, rule: Check = asking.text, shortest: int = 1, longest: int = 255, **kwargs: Any) -> None:
        about = {"minLength": shortest, "maxLength": longest, "pattern": PRINTABLE} | kwargs.pop("metadata", {})
        super().__init__(validate=obeys(rule), metadata=about, **kwargs)


class Flag(ma.fields.Boolean):
    """true or false, not "yes" or 1."""

    default_error_messages = {"invalid": "Must be true or false."}  # noqa: RUF012 - as marshmallow has it

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> bool:
        if not isinstance(value, bool):
            raise self.make_error("invalid")
        return value


class Time(ma.fields.DateTime):
    """An instant: in, RFC 3339 with its zone; out, RFC 3339 in UTC, with microseconds when there are any."""

    default_error_messages = {  # noqa: RUF012 - as marshmallow has it
        "invalid": "Must be a time with its zone, such as 2026-11-20T13:54:00Z."
    }

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> datetime:
        # A plus in a query string arrives as a space.
        match = _TIME.fullmatch(value.replace(" ", "+")) if isinstance(value, str) else None
        if match is None:
            raise self.make_error("invalid")
        day, time, fraction, zone = match.groups()
        # Finer than a microsecond is cut off.
        text = f"{day}T{time}.{(fraction or '.')[1:7]:0<6}{'+00:00' if zone in 'Zz' else zone}"
        try:
            return datetime.fromisoformat(text).astimezone(UTC)
        except (ValueError, OverflowError):
            raise self.make_error("invalid") from None

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> str | None:
        return None if value is None else rfc3339(value)


def rfc3339(moment: datetime) -> str:
    """`2026-11-20T13:54:00Z`, `2026-11-20T13:54:00.000001Z`."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


class Metadata(ma.fields.Dict):
    """Plain JSON of the caller's own, up to 50 keys and 16,000 characters."""

    def __init__(self, **kwargs: Any) -> None:
        about = {"maxProperties": 50, "additionalProperties": True} | kwargs.pop("metadata", {})
        super().__init__(validate=obeys(asking.metadata), metadata=about, **kwargs)


class Slices(ma.fields.Field[Any]):
    """Which bucket paid (or got back) how much, in order: `[{bucket, credits}]`."""

    def __init__(self, **kwargs: Any) -> None:
        item = {
            "type": "object",
            "properties": {"bucket": {"type": "string"}, "credits": {"type": "integer", "minimum": 1}},
            "required": ["bucket", "credits"],
            "additionalProperties": False,
        }
        super().__init__(metadata={"type": "array", "items": item}, **kwargs)

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> Any:
        return [{"bucket": bucket, "credits": credits} for bucket, credits in value]


def credits_field(**kwargs: Any) -> Whole:
    """Credits that can be moved: 1 to 10^15 of the unit's smallest part."""
    return Whole(validate=ma.validate.Range(1, LARGEST_CREDITS), **kwargs)
