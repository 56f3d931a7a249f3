"""/v1/events and /v1/webhook_endpoints."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from web.sandbox import events
from web.sandbox.api.operation import Asked, Operation, paged, takes, within
from web.sandbox.errors import Refused, missing
from web.sandbox.params import PAGE, SPAN, Fields, Kind, Labels, Several, Text, YesNo, merged
from web.sandbox.resources import webhook_endpoints
from web.sandbox.store import Object
from web.sandbox.work import shown

_LIST = Fields(
    {**PAGE, "created": SPAN, "delivery_success": YesNo(), "type": Text(), "types": Several(Text(), events.MOST_TYPES)}
)
_PLAIN: dict[str, Kind] = {
    "description": Text(),
    "enabled_events": Several(Text()),
    "metadata": Labels(),
    "url": Text(),
}
_ENDPOINT = takes({**_PLAIN, "api_version": Text()}, "enabled_events", "url")
_CHANGED = takes({**_PLAIN, "disabled": YesNo()})


def _retrieve(asked: Asked) -> Object:
    event = events.find(asked.work.rows, asked.id)
    if event is None:
        raise missing("event", asked.id, "id", status=404)
    return event


def _list(asked: Asked) -> Object:
    given = asked.params
    if given.get("type") and given.get("types"):
        raise Refused("You may only specify one of these parameters: type, types.", param="types")
    types = [given["type"]] if given.get("type") else given.get("types")
    found = [
        event
        for event in events.newest_first(asked.work.rows, types, delivered=given.get("delivery_success"))
        if within(given.get("created"), event["created"])
    ]
    return paged(asked, "/v1/events", found, "event")


def _create(asked: Asked) -> Object:
    given = asked.params
    _check(given)
    endpoint = webhook_endpoints.make(
        asked.work,
        given["url"],
        given["enabled_events"],
        description=given.get("description"),
        metadata=merged({}, given.get("metadata")),
        api_version=given.get("api_version"),
    )
    return shown(endpoint) | {"secret": endpoint["_secrets"][0]}


def _update(asked: Asked) -> Object:
    """Its version stays what it was made with."""
    endpoint, given = _endpoint(asked), asked.params
    _check({"url": endpoint["url"], "enabled_events": endpoint["enabled_events"], **given})
    endpoint |= {name: given[name] for name in ("description", "enabled_events", "url") if name in given}
    endpoint["metadata"] = merged(endpoint["metadata"], given.get("metadata"))
    if "disabled" in given:
        endpoint["status"] = "disabled" if given["disabled"] else "enabled"
    return shown(asked.work.keep(endpoint))


def _check(given: Mapping[str, Any]) -> None:
    place = urlsplit(given["url"] or "")
    if place.scheme not in ("http", "https") or not place.hostname:
        raise Refused("Invalid URL: an explicit scheme (such as https) must be provided.", param="url")
    if not given["enabled_events"]:
        raise Refused("You must pass at least one event type.", param="enabled_events")


def _retrieve_endpoint(asked: Asked) -> Object:
    return shown(_endpoint(asked))


def _list_endpoints(asked: Asked) -> Object:
    found = asked.work.rows.select("webhook_endpoint")
    return paged(asked, "/v1/webhook_endpoints", found, "webhook_endpoint")


def _delete_endpoint(asked: Asked) -> Object:
    return webhook_endpoints.remove(asked.work, _endpoint(asked))


def _endpoint(asked: Asked) -> Object:
    return asked.work.addressed("webhook_endpoint", asked.id, "webhook_endpoint")


OPERATIONS = (
    Operation("GET", "/v1/events", _list, _LIST),
    Operation("GET", "/v1/events/{id}", _retrieve),
    Operation("POST", "/v1/webhook_endpoints", _create, _ENDPOINT),
    Operation("GET", "/v1/webhook_endpoints", _list_endpoints, Fields(PAGE)),
    Operation("GET", "/v1/webhook_endpoints/{webhook_endpoint}", _retrieve_endpoint),
    Operation("POST", "/v1/webhook_endpoints/{webhook_endpoint}", _update, _CHANGED),
    Operation("DELETE", "/v1/webhook_endpoints/{webhook_endpoint}", _delete_endpoint, Fields({})),
)
