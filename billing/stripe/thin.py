"""Events of either kind: with their object, or thin (`v2.core.event`), which only say of what they speak."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from billing.stripe import payloads
from billing.stripe import reading as read
from billing.stripe.values import Event, PayloadInvalid


def any_event(document: object) -> Event:
    """A webhook's event. Of a thin one the object has to be fetched."""
    if isinstance(document, dict) and document.get("object") == "v2.core.event":
        return _thin(document)
    return payloads.event(document)


def _thin(found: Mapping[str, Any]) -> Event:
    related = read.maybe_mapping(found.get("related_object"), "event.related_object")
    named = None
    if related:
        kind = read.text(related.get("type"), "event.related_object.type")
        named = (kind.removeprefix("v1."), read.text(related.get("id"), "event.related_object.id"))
    return Event(
        id=read.text(found.get("id"), "event.id"),
        type=read.text(found.get("type"), "event.type"),
        created=_time(found.get("created")),
        livemode=read.flag(found.get("livemode"), "event.livemode"),
        api_version=None,
        account=read.maybe_text(found.get("context"), "event.context"),
        object_id=named[1] if named else None,
        object={},
        related=named,
    )


def _time(value: object) -> datetime:
    """RFC 3339, as the newer half of the API writes its times."""
    text = read.text(value, "event.created")
    try:
        at = datetime.fromisoformat(text)
        at = at.astimezone(UTC) if at.tzinfo is not None else at.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise PayloadInvalid("event.created: a time is wanted.") from None
    if not 1970 <= at.year < 3000:
        raise PayloadInvalid("event.created: that is too far away.")
    return at
