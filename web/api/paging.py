"""Lists a page at a time, by opaque cursors: what is added meanwhile neither repeats nor hides an item."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import marshmallow as ma

from billing.rules.refusals import Invalid
from web.api.fields import QueryWhole, Text

Item = TypeVar("Item")
LARGEST = 100


class PageQuery(ma.Schema):
    """Which part of a list."""

    limit = QueryWhole(
        load_default=LARGEST, validate=ma.validate.Range(1, LARGEST), metadata={"description": "Items on a page."}
    )
    cursor = Text(longest=1000, rule=lambda _: None, metadata={"description": "The `next_cursor` of the page before."})


def page_of(item: type[ma.Schema], name: str) -> type[ma.Schema]:
    """The schema of a page of such items."""
    fields: dict[str, ma.fields.Field[Any]] = {
        "data": ma.fields.List(ma.fields.Nested(item), required=True),
        "next_cursor": ma.fields.String(
            required=True, allow_none=True, metadata={"description": "Where the next page begins; null on the last."}
        ),
    }
    return ma.Schema.from_dict(fields, name=name)


def page(
    query: dict[str, Any], read: Callable[[Any, int], Sequence[Item]], place: Callable[[Item], Any], kind: type
) -> dict[str, Any]:
    """Reads one item more than asked for, to know whether there is more. `place` is what a cursor remembers."""
    limit: int = query["limit"]
    items = list(read(_place(query.get("cursor"), kind), limit + 1))
    more = len(items) > limit
    return {"data": items[:limit], "next_cursor": _cursor(place(items[limit - 1])) if more else None}


def _cursor(place: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(place).encode()).decode().rstrip("=")


def _place(cursor: str | None, kind: type) -> Any:
    if cursor is None:
        return None
    try:
        place = json.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True))
    except (binascii.Error, ValueError, RecursionError):
        place = None
    if type(place) is not kind or (isinstance(place, int) and not 0 <= place < 2**62):
        raise Invalid.field("cursor", "Must be the next_cursor of a page before, as it was given.")
    return place
