"""One piece of work: what a request or a stop of the clock reads and changes, and the events that tell of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from web.sandbox import ids
from web.sandbox.errors import missing
from web.sandbox.store import Object, Rows

API_VERSION = "2026-10-28.endive"


@dataclass
class Work:
    """Lives as long as its transaction. `now` is the second it happens in, by the sandbox's clock."""

    rows: Rows
    now: int
    page_url: str = ""
    request: str | None = None
    key: str | None = None
    events: list[str] = field(default_factory=list)
    moves_to: int | None = None
    """Where the sandbox's clock goes when this is done."""
    _endpoints: list[Object] | None = None

    def new(self, kind: str, **fields: Any) -> Object:
        """A thing that is not kept yet."""
        return {"id": ids.new(kind), "object": kind, "created": self.now, "livemode": False, **fields}

    def keep(self, thing: Object) -> Object:
        return self.rows.put(thing)

    def find(self, kind: str, id: str | None) -> Object | None:
        found = self.rows.find(id) if id else None
        return found if found is not None and found["object"] == kind else None

    def named(self, kind: str, id: str, param: str) -> Object:
        """What a parameter names; refused where it is not there."""
        found = self.find(kind, id)
        if found is None:
            raise missing(kind, id, param)
        return found

    def addressed(self, kind: str, id: str, param: str = "id") -> Object:
        """What the address names: 404 where it is not there."""
        found = self.find(kind, id)
        if found is None:
            raise missing(kind, id, param, status=404)
        return found

    @contextmanager
    def changing(self, thing: Object, event: str | None = None) -> Iterator[Object]:
        """Keeps what the block does to it and, if something shows, tells of it with what was there before."""
        before = json.dumps(shown(thing))
        yield thing
        self.keep(thing)
        if event is None:
            return
        previous = difference(json.loads(before), shown(thing))
        if previous:
            self.emit(event, thing, previous)

    def emit(self, happened: str, thing: Object, previous: Object | None = None) -> None:
        """An event, stored with what it tells of, for every endpoint that wants it."""
        data: Object = {"object": shown(thing)}
        if previous is not None:
            data["previous_attributes"] = previous
        event = {
            "id": ids.new("event"),
            "object": "event",
            "api_version": API_VERSION,
            "created": self.now,
            "data": data,
            "livemode": False,
            "request": {"id": self.request, "idempotency_key": self.key},
            "type": happened,
        }
        wanted = [endpoint for endpoint in self.endpoints() if wants(endpoint, happened)]
        self.rows.run(
            "INSERT INTO events (id, type, created, body) VALUES (?, ?, ?, ?)",
            event["id"],
            happened,
            self.now,
            json.dumps(event),
        )
        for endpoint in wanted:
            self.rows.run(
                "INSERT INTO deliveries (event, endpoint, state) VALUES (?, ?, 'pending')", event["id"], endpoint["id"]
            )
        self.events.append(str(event["id"]))

    def endpoints(self) -> list[Object]:
        if self._endpoints is None:
            self._endpoints = list(reversed(self.rows.select("webhook_endpoint")))
        return self._endpoints


def id_of(thing: Object | None) -> str | None:
    return None if thing is None else str(thing["id"])


def wants(endpoint: Object, happened: str) -> bool:
    """Whether the endpoint is told of such events."""
    return endpoint["status"] == "enabled" and bool({"*", happened} & set(endpoint["enabled_events"]))


def shown(thing: Object) -> Object:
    """As Stripe shows it: without the sandbox's own names, however deep they stand."""
    return {
        name: value if name == "metadata" else _shown(value)
        for name, value in thing.items()
        if not name.startswith("_")
    }


def _shown(value: Any) -> Any:
    if isinstance(value, dict):
        return shown(value)
    return [_shown(one) for one in value] if isinstance(value, list) else value


def difference(before: Object, after: Object) -> Object:
    """What stood before where it differs now, as deep as it goes: an event's `previous_attributes`."""
    found: Object = {}
    for name in before.keys() | after.keys():
        old, new = before.get(name), after.get(name)
        if old == new:
            continue
        both = isinstance(old, dict) and isinstance(new, dict)
        found[name] = difference(old, new) if both and name != "metadata" else old  # type: ignore[arg-type]
    return dict(sorted(found.items()))
