"""Webhook endpoints: where events are sent, and what they are signed with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from web.sandbox import ids, old_shapes
from web.sandbox.errors import Refused
from web.sandbox.params import merged
from web.sandbox.store import Object
from web.sandbox.work import API_VERSION, Work


def make(
    work: Work,
    url: str,
    enabled_events: Sequence[str],
    *,
    secret: str | None = None,
    description: str | None = None,
    metadata: dict[str, str] | None = None,
    version: str = API_VERSION,
) -> Object:
    """Its secret is shown by the answer to this alone."""
    return work.keep(
        work.new(
            "webhook_endpoint",
            api_version=version,
            application=None,
            description=description,
            enabled_events=list(enabled_events),
            metadata=metadata or {},
            status="enabled",
            url=url,
            _secrets=[secret or ids.webhook_secret()],
            _shape=old_shapes.shape_of(version),
        )
    )


def change(work: Work, endpoint: Object, given: dict[str, Any]) -> Object:
    """Where it is told, and of what. Disabled it is told of nothing more, not even of what it did not take yet."""
    for name in ("url", "enabled_events", "description"):
        if name in given:
            endpoint[name] = given[name]
    if "disabled" in given:
        endpoint["status"] = "disabled" if given["disabled"] else "enabled"
    endpoint["metadata"] = merged(endpoint["metadata"], given.get("metadata"))
    return work.keep(endpoint)


def roll(work: Work, endpoint: Object, good_until: int) -> str:
    """A new secret; the old one signs, too, until then by real time. The new one."""
    secret = ids.webhook_secret()
    work.keep(endpoint | {"_secrets": [secret, endpoint["_secrets"][0]], "_old_until": good_until})
    return secret


def reshape(work: Work, endpoint: Object, shape: str) -> Object:
    """In which shape it is told from now on, what waits included."""
    if shape not in old_shapes.SHAPES:
        raise Refused(f"shape is one of {', '.join(old_shapes.SHAPES)}", param="shape")
    version = old_shapes.ACACIA if shape in ("acacia", "hybrid") else API_VERSION
    return work.keep(endpoint | {"_shape": shape, "api_version": version})


def remove(work: Work, endpoint: Object) -> Object:
    """What it was not told yet it will not be told."""
    work.rows.run("DELETE FROM deliveries WHERE endpoint = ? AND state = 'pending'", endpoint["id"])
    work.rows.remove(endpoint["id"])
    return {"id": endpoint["id"], "object": "webhook_endpoint", "deleted": True}
