"""Events as they are read: with how many endpoints still wait to be told."""

from __future__ import annotations

import json
from collections.abc import Sequence

from web.sandbox import ids
from web.sandbox.store import Object, Rows

MOST_TYPES = 20
KEPT_FOR = 30 * 24 * 60 * 60
"""Seconds after which nobody is shown an event any more."""

_SELECT = """
SELECT type, body,
    (SELECT count(*) FROM deliveries d WHERE d.event = e.id AND d.state = 'pending') AS pending
FROM events e
"""


def find(rows: Rows, id: str) -> Object | None:
    """The event, whatever has become of what it tells of."""
    found = rows.run(f"{_SELECT} WHERE e.id = ?", id)
    return _event(found[0]["body"], found[0]["pending"]) if found else None


def twin(rows: Rows, id: str, endpoint: str | None = None) -> str:
    """Another event that tells of the same, as Stripe makes one now and then; waiting for that endpoint."""
    found = rows.run("SELECT type, created, body FROM events WHERE id = ?", id)
    event = json.loads(found[0]["body"]) | {"id": ids.new("event")}
    body = json.dumps(event)
    rows.run(
        "INSERT INTO events (id, type, created, body) VALUES (?, ?, ?, ?)",
        event["id"],
        found[0]["type"],
        found[0]["created"],
        body,
    )
    if endpoint is not None:
        rows.run("INSERT INTO deliveries (event, endpoint, state) VALUES (?, ?, 'pending')", event["id"], endpoint)
    return str(event["id"])


def newest_first(
    rows: Rows, types: Sequence[str] | None = None, *, delivered: bool | None = None, since: int = 0
) -> list[Object]:
    """The ids and times of all of these types (`invoice.*` names a family) since then; delivered, or not delivered
    (yet), if that is asked for.
    """
    found = rows.run(
        "SELECT e.id, e.type, e.created, NOT EXISTS"
        " (SELECT 1 FROM deliveries d WHERE d.event = e.id AND d.state != 'succeeded') AS delivered"
        " FROM events e WHERE e.created >= ? ORDER BY e.seq DESC",
        since,
    )
    if types:
        found = [row for row in found if any(_fits(row["type"], wanted) for wanted in types)]
    told = [row for row in found if delivered is None or bool(row["delivered"]) == delivered]
    return [{"id": row["id"], "created": row["created"]} for row in told]


def _event(body: str, pending: int) -> Object:
    event: Object = json.loads(body)
    return event | {"pending_webhooks": pending}


def _fits(happened: str, wanted: str) -> bool:
    family = wanted.endswith(".*") and happened.startswith(wanted[:-1])
    return happened == wanted or family or wanted == "*"
