"""/v1/events and /v1/webhook_endpoints."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

from web.sandbox import events
from web.sandbox.api.operation import Asked, Operation, paged, takes, within
from web.sandbox.errors import Refused, missing
from web.sandbox.params import PAGE, SPAN, Fields, Labels, Several, Text, YesNo, merged
from web.sandbox.resources import webhook_endpoints
from web.sandbox.store import Object
from web.sandbox.work import API_VERSION, shown

_LIST = Fields(
    {**PAGE, "created": SPAN, "delivery_success": YesNo(), "type": Text(), "types": Several(Text(), events.MOST_TYPES)}
)
_ENDPOINT = takes(
    {
        "api_version": Text(),
        "description": Text(),
        "enabled_events": Several(Text()),
        "metadata": Labels(),
        "url": Text(),
    },
    "enabled_events",
    "url",
)
_CHANGE = takes(
    {
        "description": Text(),
        "disabled": YesNo(),
        "enabled_events": Several(Text()),
        "metadata": Labels(),
        "url": Text(),
    }
)
_VERSION = re.compile(r"20\d\d-\d\d-\d\d(\.[a-z]+)?")
MOST_ENDPOINTS = 16


def _retrieve(asked: Asked) -> Object:
    event = events.find(asked.work.rows, asked.id)
    if event is None or event["created"] < asked.work.now - events.KEPT_FOR:
        raise missing("event", asked.id, "id", status=404)
    return event


def _list(asked: Asked) -> Object:
    given = asked.params
    if given.get("type") and given.get("types"):
        raise Refused("You may only specify one of these parameters: type, types.", param="types")
    types = [given["type"]] if given.get("type") else given.get("types")
    since, delivered = asked.work.now - events.KEPT_FOR, given.get("delivery_success")
    found = events.newest_first(asked.work.rows, types, delivered=delivered, since=since)
    page = paged(asked, "/v1/events", [one for one in found if within(given.get("created"), one["created"])], "event")
    return page | {"data": [events.find(asked.work.rows, one["id"]) for one in page["data"]]}


def _create(asked: Asked) -> Object:
    given = asked.params
    _judge(given)
    version = given.get("api_version") or API_VERSION
    if not _VERSION.fullmatch(version):
        raise Refused(f"Invalid API version: {version}", param="api_version")
    if len(asked.work.rows.select("webhook_endpoint")) >= MOST_ENDPOINTS:
        raise Refused(f"You have reached the maximum of {MOST_ENDPOINTS} webhook endpoints.")
    endpoint = webhook_endpoints.make(
        asked.work,
        given["url"],
        given["enabled_events"],
        description=given.get("description"),
        metadata=merged({}, given.get("metadata")),
        version=version,
    )
    return shown(endpoint) | {"secret": endpoint["_secrets"][0]}


def _judge(given: dict[str, Any]) -> None:
    """An address to send to, and something to send."""
    place = urlsplit(given.get("url") or "")
    if "url" in given and (place.scheme not in ("http", "https") or not place.hostname):
        raise Refused("Invalid URL: an explicit scheme (such as https) must be provided.", param="url")
    if "enabled_events" in given and not given["enabled_events"]:
        raise Refused("You must pass at least one event type.", param="enabled_events")


def _update_endpoint(asked: Asked) -> Object:
    _judge(asked.params)
    return shown(webhook_endpoints.change(asked.work, _endpoint(asked), asked.params))


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
    Operation("POST", "/v1/webhook_endpoints/{webhook_endpoint}", _update_endpoint, _CHANGE),
    Operation("DELETE", "/v1/webhook_endpoints/{webhook_endpoint}", _delete_endpoint, Fields({})),
)
