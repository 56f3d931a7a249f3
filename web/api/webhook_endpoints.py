"""Webhook endpoints: where programs are told of events, signed by Standard Webhooks."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import marshmallow as ma

from billing.notices.endpoints import ALL, LONGEST_ROTATION, ROTATION
from billing.notices.kinds import EVENTS
from web.api.fields import Flag, Text, Time, Whole
from web.api.paging import PageQuery, page, page_of
from web.api.resource import Resource
from web.state import engine

webhook_endpoints = Resource(
    "webhook endpoints", "/v1/webhook-endpoints", "Where programs are told of events, signed by Standard Webhooks."
)

_URL = {"description": "https://…; what is behind it must be on the public internet."}
_UNKNOWN = ("unknown_webhook_endpoint",)


def _events(**more: Any) -> ma.fields.List[Any]:
    """Names of events, or `*` for all but credits.spent."""
    return ma.fields.List(
        ma.fields.String(validate=ma.validate.OneOf((ALL, *EVENTS))),
        validate=ma.validate.Length(1, 100),
        metadata={"description": f"Names of events; `{ALL}` is all but credits.spent."},
        **more,
    )


class WebhookEndpointBody(ma.Schema):
    """A new endpoint."""

    url = Text(required=True, rule=lambda _: None, longest=2000, metadata=_URL)
    events = _events(load_default=(ALL,))
    description = Text(load_default=None)


class WebhookEndpointChange(ma.Schema):
    """What is changed. What is left out stays as it is."""

    url = Text(rule=lambda _: None, longest=2000, metadata=_URL)
    events = _events()
    description = Text()
    enabled = Flag(metadata={"description": "false: nothing is sent there until it is true again."})


class RotationBody(ma.Schema):
    """How long both secrets sign."""

    both_for = Whole(
        load_default=int(ROTATION.total_seconds()),
        validate=ma.validate.Range(0, int(LONGEST_ROTATION.total_seconds())),
        metadata={"description": "Seconds for which what is sent is signed with the old secret, too."},
    )


class WebhookEndpointAnswer(ma.Schema):
    """An endpoint. `failing_since`: nothing has got through since then, and why."""

    id = ma.fields.String(required=True)
    url = ma.fields.String(required=True)
    events = ma.fields.List(ma.fields.String(), required=True)
    description = ma.fields.String(required=True, allow_none=True)
    created_at = Time(required=True)
    disabled_at = Time(required=True, allow_none=True)
    disabled_reason = ma.fields.String(required=True, allow_none=True)
    old_secret_until = Time(required=True, allow_none=True)
    failing_since = Time(required=True, allow_none=True)
    failing_reason = ma.fields.String(required=True, allow_none=True)


class WebhookEndpointWithSecretAnswer(WebhookEndpointAnswer):
    """An endpoint with its secret, which is shown this once."""

    secret = ma.fields.String(required=True)


class WebhookTestAnswer(ma.Schema):
    """What came of it."""

    delivered = ma.fields.Boolean(required=True)
    reason = ma.fields.String(required=True, allow_none=True, metadata={"description": "Why it was not delivered."})


@webhook_endpoints.operation(
    "POST", "", scope="admin", body=WebhookEndpointBody, answer=WebhookEndpointWithSecretAnswer, status=201
)  # fmt: skip
def add_webhook_endpoint(body: dict[str, Any]) -> Any:
    """Make an endpoint. Its secret is in this answer alone."""
    return engine().add_webhook_endpoint(body["url"], body["events"], description=body["description"])


@webhook_endpoints.operation(
    "GET", "", scope="admin", query=PageQuery, answer=page_of(WebhookEndpointAnswer, "WebhookEndpoints")
)  # fmt: skip
def list_webhook_endpoints(query: dict[str, Any]) -> Any:
    """All endpoints, in the order of their ids."""
    return page(
        query, lambda after, limit: engine().webhook_endpoints(after=after, limit=limit), lambda item: item.id, str
    )


@webhook_endpoints.operation("GET", "/<name:endpoint>", scope="admin", answer=WebhookEndpointAnswer, refusals=_UNKNOWN)
def get_webhook_endpoint(endpoint: str) -> Any:
    """One endpoint."""
    return engine().find_webhook_endpoint(endpoint)


@webhook_endpoints.operation(
    "PATCH", "/<name:endpoint>", scope="admin", body=WebhookEndpointChange, answer=WebhookEndpointAnswer,
    refusals=_UNKNOWN,
)  # fmt: skip
def change_webhook_endpoint(endpoint: str, body: dict[str, Any]) -> Any:
    """Change an endpoint, or switch it off and on."""
    return engine().change_webhook_endpoint(endpoint, **body)


@webhook_endpoints.operation(
    "DELETE", "/<name:endpoint>", scope="admin", answer=WebhookEndpointAnswer, refusals=_UNKNOWN
)  # fmt: skip
def remove_webhook_endpoint(endpoint: str) -> Any:
    """Remove an endpoint. What waited for it is dropped."""
    return engine().remove_webhook_endpoint(endpoint)


@webhook_endpoints.operation(
    "POST", "/<name:endpoint>/rotate", scope="admin", body=RotationBody, answer=WebhookEndpointWithSecretAnswer,
    refusals=_UNKNOWN,
)  # fmt: skip
def rotate_webhook_secret(endpoint: str, body: dict[str, Any]) -> Any:
    """Make a new secret. The old one goes on signing beside it for a while."""
    return engine().rotate_webhook_secret(endpoint, timedelta(seconds=body["both_for"]))


@webhook_endpoints.operation(
    "POST", "/<name:endpoint>/test", scope="admin", answer=WebhookTestAnswer, refusals=_UNKNOWN
)  # fmt: skip
def test_webhook_endpoint(endpoint: str) -> Any:
    """Send it one event `webhook.test` now."""
    outcome = engine().test_webhook_endpoint(endpoint)
    return {"delivered": outcome.status == "sent", "reason": outcome.reason}
