"""Webhook endpoints and preferences over HTTP; the customer's page of notices; the way out of a letter."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from standardwebhooks import Webhook

from billing import Sending
from billing.access.tokens import PortalLink, Unsubscribing, sign_portal_link, unsubscribe_address
from billing.base.addresses import EVERYWHERE
from tests.notices.receivers import Hooks, hook_server
from tests.web.service import SECRETS, Service, problem

pytestmark = pytest.mark.quick_on("sqlite")


@pytest.fixture
def hooks(service: Service) -> Iterator[Hooks]:
    service.billing.sending = Sending(private=(EVERYWHERE,))
    with hook_server() as hooks:
        yield hooks


def test_an_endpoints_life(service: Service, hooks: Hooks) -> None:
    made = service.ask("POST", "/v1/webhook-endpoints", {"url": hooks.url(), "events": ["credits.granted"]})
    assert made.status_code == 201
    id, secret = made.get_json()["id"], made.get_json()["secret"]
    assert "secret" not in service.ask("GET", f"/v1/webhook-endpoints/{id}").get_json()
    assert [one["id"] for one in service.ask("GET", "/v1/webhook-endpoints").get_json()["data"]] == [id]
    assert service.ask("POST", f"/v1/webhook-endpoints/{id}/test").get_json() == {"delivered": True, "reason": None}
    _, headers, body = hooks.calls[0]
    assert Webhook(secret).verify(body, headers)["type"] == "webhook.test"
    hooks.answers = [500]
    failed = service.ask("POST", f"/v1/webhook-endpoints/{id}/test").get_json()
    assert failed == {"delivered": False, "reason": "it answered 500 Internal Server Error: well"}
    rotated = service.ask("POST", f"/v1/webhook-endpoints/{id}/rotate", {"both_for": 60})
    assert rotated.get_json()["secret"] != secret and rotated.get_json()["old_secret_until"]
    off = service.ask("PATCH", f"/v1/webhook-endpoints/{id}", {"enabled": False, "description": "later"})
    assert off.get_json()["disabled_at"] and off.get_json()["description"] == "later"
    problem(service.ask("POST", f"/v1/webhook-endpoints/{id}/test"), 422, "invalid")
    assert service.ask("DELETE", f"/v1/webhook-endpoints/{id}").status_code == 200
    problem(service.ask("DELETE", f"/v1/webhook-endpoints/{id}"), 404, "unknown_webhook_endpoint")


def test_endpoints_that_can_not_be(service: Service) -> None:
    refused = [
        ({"url": "http://example.com/"}, "url"),
        ({"url": "https://169.254.169.254/latest"}, "url"),
        ({"url": "https://example.com/", "events": ["credits.spent"]}, "events"),
        ({"url": "https://example.com/", "events": ["nonsense"]}, "events.0"),
    ]
    for body, field in refused:
        assert field in problem(service.ask("POST", "/v1/webhook-endpoints", body), 422, "invalid")["errors"]
    key = service.new_key("read", "spend", "grant", "topup")
    asked = service.ask("GET", "/v1/webhook-endpoints", Authorization=f"Bearer {key}")
    problem(asked, 403, "forbidden")


def test_preferences(service: Service) -> None:
    here = "/v1/customers/team_42/notices"
    assert set(service.ask("GET", here).get_json()["notices"].values()) == {True}
    changed = service.ask("PATCH", here, {"notices": {"low": False}}).get_json()
    assert changed["notices"]["low"] is False and changed["notices"]["granted"] is True
    refused = problem(service.ask("PATCH", here, {"notices": {"payment_failed": False}}), 422, "invalid")
    assert "payment_failed" in refused["errors"]
    problem(service.ask("PATCH", here, {"notices": {"lwo": False}}), 422, "invalid")
    problem(service.ask("GET", "/v1/customers/nobody/notices"), 404, "unknown_customer")


@pytest.fixture
def link(service: Service) -> Callable[[str], str]:
    def of(customer: str) -> str:
        until = service.billing.now + timedelta(days=1)
        return f"/portal/{sign_portal_link(SECRETS.split(','), PortalLink(customer, 'notices', until))}/notices"

    return of


def test_the_page_of_notices(service: Service, link: Callable[[str], str]) -> None:
    page = service.client.get(link("team_42"))
    assert page.status_code == 200 and "We have no address of yours" in page.text
    service.billing.customer("team_42", email="ada@team.example")
    page = service.client.get(link("team_42"))
    assert "ada@team.example" in page.text and page.text.count(" checked") == 7
    saved = service.client.post(link("team_42"), data={"low": "1", "payment_failed": "1"})
    assert saved.status_code == 303
    has = service.billing.notice_preferences("team_42").notices
    assert has["low"] and has["payment_failed"] and not has["granted"] and not has["expiring"]
    assert "Saved." in service.client.get(saved.location).text
    foreign = service.client.post(link("team_42"), headers={"Sec-Fetch-Site": "cross-site"})
    assert foreign.status_code == 403 and service.billing.notice_preferences("team_42").notices["low"]


def test_one_click_unsubscribes_and_a_look_does_not(service: Service) -> None:
    wish = Unsubscribing("team_42", "low")
    path = unsubscribe_address("", SECRETS.split(","), wish)
    assert "Few credits are left" in service.client.get(path).text
    assert service.billing.notice_preferences("team_42").notices["low"]
    for _ in range(2):  # as a mail program does (RFC 8058)
        done = service.client.post(path, data={"List-Unsubscribe": "One-Click"})
        assert done.status_code == 200
    wanted = {name for name, yes in service.billing.notice_preferences("team_42").notices.items() if not yes}
    assert wanted == {"low"}
    assert service.client.post(path, data={"kind": "all"}).status_code == 200
    assert not service.billing.notice_preferences("team_42").notices["expiring"]
    assert service.billing.notice_preferences("team_42").notices["payment_failed"]
    for wrong in (f"{path}x", "/unsubscribe/x", unsubscribe_address("", ("another",), wish),
                  unsubscribe_address("", SECRETS.split(","), Unsubscribing("nobody", "low"))):  # fmt: skip
        assert service.client.post(wrong).status_code == 404
