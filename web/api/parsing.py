"""Reading requests strictly: JSON that every reader understands alike, and no field or parameter that nobody knows."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import marshmallow as ma
from flask import Request
from webargs.flaskparser import FlaskParser
from werkzeug.exceptions import UnsupportedMediaType

from billing.rules.refusals import Invalid
from web.errors import Problem

_LONGEST_NUMBER = 40
"""Digits. No field takes a longer number, and turning very long ones into integers takes ever longer."""


class StrictParser(FlaskParser):
    """Unknown fields and query parameters are refused; what is wrong is an `Invalid` with a message per field."""

    DEFAULT_UNKNOWN_BY_LOCATION = {  # noqa: RUF012 - as webargs has it
        **FlaskParser.DEFAULT_UNKNOWN_BY_LOCATION,
        "json": ma.RAISE,
        "query": ma.RAISE,
    }

    def load_json(self, req: Request, schema: ma.Schema) -> Any:
        """The body; an empty one counts as `{}`. 415 for another media type, 400 for what isn't JSON."""
        body = req.get_data(cache=True)
        if not body.strip():
            return {}
        if req.mimetype != "application/json" and not req.mimetype.endswith("+json"):
            raise UnsupportedMediaType
        return read_json(body)

    def load_querystring(self, req: Request, schema: ma.Schema) -> Any:
        """The query's parameters, each at most once: two values for one name are read differently by everyone."""
        twice = sorted(name for name, values in req.args.lists() if len(values) > 1)
        if twice:
            raise Invalid({name: ["Give it once."] for name in twice})
        return super().load_querystring(req, schema)

    def handle_error(self, error: ma.ValidationError, req: Request, schema: ma.Schema, **_: Any) -> Any:
        """All that is wrong, flat: `spends.3.credits` names a field of an item of a list."""
        location = error.messages_dict
        assert len(location) == 1
        raise invalid(next(iter(location.values()))) from error


def read_json(body: bytes) -> Any:
    """JSON in UTF-8, without NaN, without a name twice in one object. `Problem` malformed for anything else."""
    try:
        text = body.decode("utf-8")
        return json.loads(text, parse_int=_integer, parse_constant=_constant, object_pairs_hook=_object)
    except UnicodeDecodeError:
        detail = "The body must be JSON in UTF-8."
    except json.JSONDecodeError as error:
        detail = f"The body is not JSON: {error.msg}, at line {error.lineno}, column {error.colno}."
    except RecursionError:
        detail = "The body is nested too deeply."
    except ValueError as error:
        detail = f"The body is not JSON that can be relied on: {error}."
    raise Problem("malformed", detail)


def invalid(messages: Any) -> Invalid:
    """Marshmallow's nested messages as one flat `Invalid`."""
    flat: dict[str, list[str]] = {}
    _flatten("", messages, flat)
    return Invalid(flat)


def _flatten(path: str, messages: Any, flat: dict[str, list[str]]) -> None:
    if isinstance(messages, dict):
        for name, inner in messages.items():
            here = path if name in ("_schema", "value") else f"{path}.{name}" if path else str(name)
            _flatten(here, inner, flat)
    else:
        texts = messages if isinstance(messages, list) else [messages]
        flat.setdefault(path or "body", []).extend(str(text) for text in texts)


def _integer(digits: str) -> int | float:
    return int(digits) if len(digits) <= _LONGEST_NUMBER else float("inf")


def _constant(name: str) -> Any:
    raise ValueError(f"{name} is not a number")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        counted = Counter(name for name, _ in pairs)
        twice = next(name for name, times in counted.items() if times > 1)
        raise ValueError(f"the name {twice[:50]!r} stands twice in one object")
    return made
