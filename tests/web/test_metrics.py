"""/metrics, and what /readyz says of the jobs."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta

import pytest
from prometheus_client.parser import text_string_to_metric_families

from billing import Billing
from billing.base import outbox
from jobs import runs
from jobs.running import run
from jobs.timetable import TIMETABLE
from tests.sales.paid import body, event, invoice, line
from tests.web.service import Service, settings
from web.state import EXTENSION, State

pytestmark = pytest.mark.quick_on("sqlite")

Figures = dict[tuple[str, str], float]


def read(text: str) -> Figures:
    """Each sample by its name and labels. The package's own parser, as Prometheus reads it."""
    return {
        (sample.name, " ".join(f"{name}={value}" for name, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def figures(service: Service) -> Figures:
    answer = service.client.get("/metrics")
    assert answer.status_code == 200
    assert answer.content_type.startswith("text/plain; version=0.0.4")
    return read(answer.text)


def test_what_waits_and_how_the_jobs_stand(service: Service) -> None:
    billing = service.billing
    found = figures(service)
    assert found["billing_job_runs_total", "job=catch_up"] == 0
    assert found["billing_stripe_events_open", "status=waiting"] == 0
    billing.customer("due")
    billing.grant("due", 5, reason="x", key="g", expires_at=billing.now + timedelta(seconds=30))
    billing.take_stripe_event(body(event(invoice(line("price_basic", 5), customer="cus_stranger"))))
    with billing.database.write() as tx:
        outbox.tell(tx, ("usage.unusual", {"customer": "due"}))
    for name in ("catch_up", "inbox"):
        run(billing, TIMETABLE[name])
    billing.clock.move(billing.now + timedelta(seconds=90))
    found = figures(service)
    assert found["billing_wallets_due", ""] == 1
    assert found["billing_wallets_due_oldest_seconds", ""] == 60
    assert found["billing_stripe_events_open", "status=waiting"] == 1
    assert found["billing_outbox_waiting", ""] >= 2
    assert found["billing_outbox_oldest_seconds", ""] == 90
    assert (found["billing_job_runs_total", "job=catch_up"], found["billing_job_late", "job=catch_up"]) == (1, 0)
    assert found["billing_job_waits_seconds", "job=catch_up"] == 75
    assert found["billing_notices_waiting", ""] == found["billing_webhook_endpoints_disabled", ""] == 0
    endpoint = billing.add_webhook_endpoint("https://example.com/hook")
    run(billing, TIMETABLE["spread"])
    run(billing, TIMETABLE["catch_up"])
    assert figures(service)["billing_notices_waiting", ""] >= 1
    billing.change_webhook_endpoint(endpoint.id, enabled=False)
    found = figures(service)
    assert found["billing_notices_given_up", ""] == 0
    assert found["billing_webhook_endpoints_disabled", ""] == 1
    assert found["billing_job_done_total", "job=spread"] >= 2
    assert found["billing_wallets_due", ""] == found["billing_wallets_due_oldest_seconds", ""] == 0
    assert found["billing_job_done_total", "job=catch_up"] == 1
    assert found["billing_job_waits_seconds", "job=catch_up"] == 0


def test_a_job_that_is_late_or_fails_is_shown(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    billing, inbox = service.billing, TIMETABLE["inbox"]

    def jobs() -> dict[str, str]:
        ready = service.client.get("/readyz")
        assert (ready.status_code, ready.get_json()["status"]) == (200, "ready"), "it serves all the same"
        said: dict[str, str] = ready.get_json()["jobs"]
        return said

    assert set(jobs().values()) == {"it has never run"}
    run(billing, inbox)
    assert jobs()["inbox"] == "ok"
    billing.clock.move(billing.now + inbox.patience + inbox.every)
    assert jobs()["inbox"] == "ok", "just not late yet"
    billing.clock.move(billing.now + timedelta(seconds=1))
    assert "late" in jobs()["inbox"]
    assert figures(service)["billing_job_late", "job=inbox"] == 1
    with monkeypatch.context() as broken:
        broken.setattr(Billing, "handle_stripe_events", lambda _: 1 / 0)
        run(billing, inbox)
    assert "failed" in jobs()["inbox"]
    found = figures(service)
    assert (found["billing_job_fails", "job=inbox"], found["billing_job_failed_runs_total", "job=inbox"]) == (1, 1)
    billing.clock.move(billing.now + inbox.every)
    run(billing, inbox)
    assert jobs()["inbox"] == "ok"
    with billing.database.write() as tx:
        ahead = runs.claim(tx, inbox, inbox.slot_of(tx.now + timedelta(days=9)), "whose clock is wrong")
        assert isinstance(ahead, runs.Run)
        runs.finish(tx, inbox, ahead, "done", 1)
    assert "lies ahead" in jobs()["inbox"]
    assert figures(service)["billing_job_late", "job=inbox"] == 1, "nothing is run until then"


def test_requests_are_counted_by_route(service: Service) -> None:
    before = figures(service)
    service.ask("GET", "/v1/customers/nobody-in-particular/wallet")
    service.client.get("/portal/a-secret")
    service.client.get("/no/such/page")
    after = service.client.get("/metrics").text
    assert "nobody-in-particular" not in after and "a-secret" not in after and "/no/such" not in after
    found = read(after)
    wallet = "method=GET route=/v1/customers/<name:customer>/wallet status=404"
    assert found["billing_http_requests_total", wallet] == before.get(("billing_http_requests_total", wallet), 0) + 1
    assert ("billing_http_requests_total", "method=GET route=none status=404") in found
    assert ("billing_http_request_seconds_count", "method=GET route=/portal/<token>") in found


def test_with_a_token_for_its_bearer_only(service: Service) -> None:
    token = "a-long-token-of-ours"
    service.app.extensions[EXTENSION] = State(service.billing, replace(settings(), metrics_token=token))
    refused = service.client.get("/metrics")
    assert (refused.status_code, refused.headers["WWW-Authenticate"]) == (401, "Bearer")
    assert not re.search("billing_", refused.text)
    for wrong in ("Bearer other", token, "Bearer ä"):
        assert service.client.get("/metrics", headers={"Authorization": wrong}).status_code == 401
    assert service.client.get("/metrics", headers={"Authorization": f"Bearer {token}"}).status_code == 200
