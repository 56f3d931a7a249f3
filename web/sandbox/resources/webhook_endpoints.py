"""Webhook endpoints: where events are sent, and what they are signed with."""

from __future__ import annotations

from collections.abc import Sequence

from web.sandbox import ids
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
    api_version: str | None = None,
) -> Object:
    """Its secret is shown by the answer to this alone."""
    return work.keep(
        work.new(
            "webhook_endpoint",
            api_version=api_version or API_VERSION,
            application=None,
            description=description,
            enabled_events=list(enabled_events),
            metadata=metadata or {},
            status="enabled",
            url=url,
            _secrets=[secret or ids.webhook_secret()],
        )
    )


def remove(work: Work, endpoint: Object) -> Object:
    """What it was not told yet it will not be told."""
    work.rows.run("DELETE FROM deliveries WHERE endpoint = ? AND state = 'pending'", endpoint["id"])
    work.rows.remove(endpoint["id"])
    return {"id": endpoint["id"], "object": "webhook_endpoint", "deleted": True}
