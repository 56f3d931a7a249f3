"""Is it there, can it work, what did it do."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import structlog

from billing.access.tokens import PortalLink, sign_portal_link
from billing.base import schema
from billing.base.clock import OffsetClock, SystemClock
from billing.base.db import Database
from tests.web.service import Service, settings
from web import logs
from web.app import create_app
from web.state import EXTENSION, State


def test_healthy_and_ready(service: Service) -> None:
    assert service.client.get("/healthz").get_json() == {"status": "ok"}
    ready = service.client.get("/readyz")
    assert ready.status_code == 200
    assert ready.get_json()["checks"] == {"database": "ok", "migrations": "ok", "clock": "ok"}


def test_not_ready_for_what_it_was_told_to_look_at(service: Service) -> None:
    def broken() -> str | None:
        raise RuntimeError("secret")

    checks = {"demo": lambda: "Not seeded yet.", "other": broken}
    service.app.extensions[EXTENSION] = State(service.billing, settings(), checks)
    ready = service.client.get("/readyz")
    assert ready.status_code == 503
    assert ready.get_json()["checks"]["demo"] == "Not seeded yet."
    assert "secret" not in ready.text


def test_not_ready_without_its_tables(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schema, "check", lambda _: ["Run billing db upgrade."])
    ready = service.client.get("/readyz")
    assert ready.status_code == 503
    assert ready.get_json()["checks"]["migrations"] == "Run billing db upgrade."


def test_not_ready_with_a_wrong_clock(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service.billing, "clock", SystemClock())
    monkeypatch.setattr(Database, "skew", lambda _: 86_400.0)
    ready = service.client.get("/readyz")
    assert ready.status_code == 503
    assert "+86400 seconds" in ready.get_json()["checks"]["clock"]
    monkeypatch.setattr(service.billing, "clock", OffsetClock(timedelta(days=1)))
    assert service.client.get("/readyz").status_code == 200


@pytest.mark.database("sqlite")
def test_request_ids_in_and_out(service: Service) -> None:
    given = service.ask("GET", "/v1/plans", X_Request_Id="abc-123")
    assert given.headers["X-Request-Id"] == "abc-123"
    made = {service.ask("GET", "/v1/plans").headers["X-Request-Id"] for _ in range(3)}
    assert len(made) == 3
    odd = service.ask("GET", "/v1/plans", X_Request_Id="<b>" * 100)
    assert odd.headers["X-Request-Id"] not in ("<b>" * 100, "")


@pytest.mark.database("sqlite")
def test_the_log_says_what_happened_and_no_secret(service: Service) -> None:
    token = sign_portal_link(settings().secret_keys, PortalLink("team_42", "wallet", service.billing.now))
    lines: list[dict[str, Any]] = []
    with structlog.testing.capture_logs() as captured:
        service.ask("POST", "/v1/customers/team_42/spends", {"credits": 1, "description": "private"}, key="k1")
        service.client.get(f"/portal/{token}")
        service.client.get("/healthz")
        lines.extend(captured)  # type: ignore[arg-type]
    assert [(line["route"], line["status"]) for line in lines] == [
        ("/v1/customers/<name:customer>/spends", 402),
        ("/portal/<token>", 410),
    ]
    assert (lines[0]["customer"], lines[0]["method"]) == ("team_42", "POST")
    assert lines[0]["api_key"] == service.api_key.split("_")[1]
    text = repr(lines)
    assert service.api_key.split("_")[2] not in text
    assert token not in text
    assert "private" not in text


@pytest.mark.database("sqlite")
def test_two_applications_in_one_process(service: Service) -> None:
    other = create_app(service.billing, settings(), checks={"more": lambda: None})
    assert other.test_client().get("/readyz").get_json()["checks"]["more"] == "ok"
    assert other.test_client().get("/openapi.json").get_json() == service.client.get("/openapi.json").get_json()


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """What a served process would write."""
    stream, before = io.StringIO(), list(logging.getLogger().handlers)
    logs.configure(stream)
    yield stream
    logging.getLogger().handlers[:] = before


def test_the_log_is_a_json_object_per_line_without_locals(log: io.StringIO) -> None:
    try:
        private = "what nobody should read"
        assert private
        raise ValueError("broken")
    except ValueError as error:
        structlog.get_logger("billing.web").error("unexpected", exc_info=error)
        logging.getLogger("billing.engine").exception("wallet %s could not be caught up", 7)
    ours, engines = map(json.loads, log.getvalue().splitlines())
    assert (ours["event"], ours["level"]) == ("unexpected", "error")
    assert ours["timestamp"].endswith("Z")
    assert (engines["event"], engines["level"]) == ("wallet 7 could not be caught up", "error")
    assert engines["logger"] == "billing.engine"
    assert all("broken" in json.dumps(line["exception"]) for line in (ours, engines))
    assert "what nobody should read" not in log.getvalue()


def test_what_opens_a_door_is_in_no_line_whoever_writes_it(log: io.StringIO) -> None:
    token = sign_portal_link(settings().secret_keys, PortalLink("team_42", "wallet", datetime(2025, 1, 1, tzinfo=UTC)))
    doors = [token, "bk_abc123_0123456789", "whsec_0123456789", "sk_" + "live_0123456789", "rk_test_0123456789"]
    for door in doors[1:]:
        logging.getLogger("billing.test").error("given %s", door)
    logging.getLogger("billing.test").error("Error handling request GET /portal/%s/activity?unit=x", token)
    structlog.get_logger("billing.web").error("unexpected", detail=f"/portal/{token}", exc_info=ValueError(doors[2]))
    assert len(log.getvalue().splitlines()) == len(doors) + 1
    for door in doors:
        assert door.rpartition("_")[2] not in log.getvalue()
