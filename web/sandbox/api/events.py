"""/v1/events and /v1/webhook_endpoints."""

from __future__ import annotations

from urllib.parse import urlsplit

from web.sandbox import events
from web.sandbox.api.operation import Asked, Operation, paged, takes, within
from web.sandbox.errors import Refused, missing
from web.sandbox.params import PAGE, SPAN, Fields, Labels, Several, Text, YesNo, merged
from web.sandbox.resources import webhook_endpoints
from web.sandbox.store import Object
from web.sandbox.work import shown

_LIST = Fields(
    {**PAGE, "created": SPAN, "delivery_success": YesNo(), "type": Text(), "types": Several(Text(), events.MOST_TYPES)}
)
_ENDPOINT = takes(
    {"description": Text(), "enabled_events": Several(Text()), "metadata": Labels(), "url": Text()},
    "enabled_events",
    "url",
)


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
    place = urlsplit(given["url"] or "")
    if place.scheme not in ("http", "https") or not place.hostname:
        raise Refused("Invalid URL: an explicit scheme (such as https) must be provided.", param="url")
    if not given["enabled_events"]:
        raise Refused("You must pass at least one event type.", param="enabled_events")
    endpoint = webhook_endpoints.make(
        asked.work,
        given["url"],
        given["enabled_events"],
        description=given.get("description"),
        metadata=merged({}, given.get("metadata")),
    )
    return shown(endpoint) | {"secret": endpoint["_secrets"][0]}


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
    Operation("DELETE", "/v1/webhook_endpoints/{webhook_endpoint}", _delete_endpoint, Fields({})),
)
