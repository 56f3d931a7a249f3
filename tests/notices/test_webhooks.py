"""Webhooks to a real server, verified by Standard Webhooks' own library; receivers that fail, hang or never end."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from billing import Invalid, UnknownWebhookEndpoint
from billing.base.addresses import EVERYWHERE
from billing.base.clock import SystemClock
from billing.notices.channels import webhooks
from billing.notices.leasing import DELAYS
from billing.notices.values import Sending
from billing.testing import TestBilling
from tests.notices.receivers import Hooks, talking
from tests.notices.told import run, tell

pytestmark = pytest.mark.quick_on("sqlite")


@pytest.fixture
def billing(make_billing: Callable[..., TestBilling]) -> TestBilling:
    billing = make_billing(sending=Sending(private=(EVERYWHERE,)))
    billing.customer("team_42")
    return billing


def test_an_event_as_it_arrives(billing: TestBilling, hooks: Hooks) -> None:
    made = billing.add_webhook_endpoint(hooks.url("/hook?tenant=7"), ["credits.granted", "credits.low"])
    assert made.secret is not None and billing.find_webhook_endpoint(made.id).secret is None
    bucket = billing.grant("team_42", 100, reason="goodwill", key="g")
    billing.spend("team_42", 100, key="s")
    tell(billing, "unusual")
    run(billing)
    [(path, headers, body)] = hooks.calls
    content = Webhook(made.secret).verify(body, headers)
    assert path == "/hook?tenant=7"
    assert content["type"] == "credits.granted"
    assert content["timestamp"] == "2025-01-01T00:00:00Z"
    assert content["data"]["customer"] == "team_42" and content["data"]["cause"] == bucket.origin
    assert headers["webhook-id"].startswith("evt_")
    with pytest.raises(WebhookVerificationError):
        Webhook(made.secret).verify(body.replace("team_42", "team_43"), headers)


def test_500_then_200_is_the_same_event_again(billing: TestBilling, hooks: Hooks) -> None:
    billing.add_webhook_endpoint(hooks.url())
    hooks.answers = [500]
    tell(billing, "low")
    run(billing)
    [notice] = billing.notices()
    assert (notice.status, notice.reason) == ("waiting", "it answered 500 Internal Server Error: well")
    billing.advance(by=timedelta(seconds=5))
    run(billing)
    assert [one.status for one in billing.notices()] == ["sent"]
    assert len(set(hooks.ids)) == 1 and hooks.calls[0][2] == hooks.calls[1][2]


def test_what_waits_for_an_endpoint_that_is_mended_is_tried_at_once(billing: TestBilling, hooks: Hooks) -> None:
    made = billing.add_webhook_endpoint(hooks.url("/wrong"))
    hooks.answers = [404, 404]
    tell(billing, "low")
    run(billing)
    billing.advance(by=timedelta(seconds=5))
    run(billing)
    billing.change_webhook_endpoint(made.id, url=hooks.url("/right"))
    run(billing)
    assert [path for path, _, _ in hooks.calls] == ["/wrong", "/wrong", "/right"]


def test_what_got_old_while_nobody_was_there_to_send_it_is_tried(billing: TestBilling, hooks: Hooks) -> None:
    billing.add_webhook_endpoint(hooks.url(), ["topup.paid"])
    tell(billing, "topup_paid")
    billing.spread_notices()
    billing.advance(by=timedelta(days=30))
    run(billing)
    assert [(one.status, one.attempts) for one in billing.notices()] == [("sent", 1)]


def test_given_up_after_three_days_visibly_and_replayed(billing: TestBilling, hooks: Hooks) -> None:
    made = billing.add_webhook_endpoint(hooks.url(), ["credits.low", "review.needed"])
    hooks.answers = [503] * 1000
    tell(billing, "low")
    run(billing)
    for delay in DELAYS["webhook"]:
        assert billing.notices()[-1].status == "waiting"
        billing.advance(by=timedelta(seconds=delay))
        run(billing)
        billing.advance(by=timedelta(minutes=10))  # it is left alone for a while after some failures
        run(billing)
    low = next(one for one in billing.notices() if one.type == "credits.low")
    assert (low.status, low.attempts) == ("given_up", len(DELAYS["webhook"]) + 1)
    assert sum(DELAYS["webhook"]) == pytest.approx(timedelta(days=3).total_seconds(), rel=0.1)
    assert billing.find_webhook_endpoint(made.id).failing_since is not None
    told = [one for one in billing.notices() if one.type == "review.needed"]
    assert len(told) == 1  # and when that is given up nobody is told of it in turn
    for _ in range(20):
        billing.advance(by=timedelta(hours=12))
        run(billing)
    assert [one.status for one in billing.notices()] == ["given_up", "given_up"]
    assert len({one.event for one in billing.notices()}) == 2
    hooks.answers.clear()
    assert [one.status for one in billing.replay_failed_notices()] == ["sent", "sent"]
    assert billing.find_webhook_endpoint(made.id).failing_since is None


@pytest.mark.parametrize(
    ("retry_after", "minutes"),
    [("1200", 20), ("in 20 minutes", 20), ("9" * 5000, 60), ("-1", 0), ("soon", 0), ("Mon, 99 Foo", 0)],
)
def test_a_receiver_says_when_it_wants_to_be_asked_again(
    billing: TestBilling, hooks: Hooks, retry_after: str, minutes: int
) -> None:
    """By seconds or by a date, an hour at most; and what else waits for it waits, too."""
    billing.add_webhook_endpoint(hooks.url())
    hooks.answers = [429, 429]
    date = format_datetime(SystemClock().now() + timedelta(minutes=20, seconds=1))
    hooks.retry_after = date if retry_after == "in 20 minutes" else retry_after
    tell(billing, "low", "granted")
    run(billing)
    assert len(hooks.calls) == (1 if minutes else 2)
    if minutes:
        billing.advance(by=timedelta(minutes=minutes, seconds=-1))
        run(billing)
        assert len(hooks.calls) == 1
    hooks.answers.clear()
    billing.advance(by=timedelta(seconds=6))
    run(billing)
    assert billing.notice_counts() == {"sent": 2}


def test_410_disables_the_endpoint(billing: TestBilling, hooks: Hooks) -> None:
    made = billing.add_webhook_endpoint(hooks.url())
    hooks.answers = [410]
    tell(billing, "low", "granted")
    run(billing)
    assert len(hooks.calls) == 1
    assert billing.find_webhook_endpoint(made.id).disabled_reason == "it answered 410 Gone: well"
    assert sorted(one.status for one in billing.notices() if one.type != "review.needed") == ["dropped", "given_up"]
    [dropped] = billing.notices(status="dropped")
    assert billing.replay_notice(dropped.id).status == "dropped"
    billing.change_webhook_endpoint(made.id, enabled=True)
    assert billing.replay_notice(dropped.id).status == "sent"
    tell(billing, "unusual")
    run(billing)
    assert "usage.unusual" in {json.loads(body)["type"] for _, _, body in hooks.calls}


def test_a_redirect_is_not_followed_and_an_endless_answer_not_read(
    billing: TestBilling, hooks: Hooks, monkeypatch: pytest.MonkeyPatch
) -> None:
    billing.add_webhook_endpoint(hooks.url())
    hooks.answers = [302]
    tell(billing, "low")
    run(billing)
    assert billing.notices()[0].reason == "it answered 302 Found: redirects are not followed"
    assert len(hooks.calls) == 1

    def endless(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 500 No\r\ntransfer-encoding: chunked\r\n\r\n")
        while True:
            connection.sendall(b"400\r\n" + b"x" * 1024 + b"\r\n")

    with talking(endless) as port:
        other = billing.add_webhook_endpoint(f"http://127.0.0.1:{port}/")
        began = time.monotonic()
        assert "500" in str(billing.test_webhook_endpoint(other.id).reason)
        assert time.monotonic() - began < 5


@pytest.mark.quick_on("postgresql")  # which keeps no NUL
def test_what_a_receiver_says_is_kept_as_far_as_it_can_be_shown(billing: TestBilling) -> None:
    def rude(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 500 No\r\ncontent-length: 11\r\n\r\na\x00b\x1b[31m\xff\nc")

    with talking(rude) as port:
        billing.add_webhook_endpoint(f"http://127.0.0.1:{port}/", ["credits.low"])
        tell(billing, "low")
        run(billing)
    [notice] = billing.notices()
    assert notice.reason == "it answered 500 Internal Server Error: a b [31m\ufffd c" and notice.attempts == 1


def test_a_slow_receiver_and_a_flood_hold_up_nobody(
    billing: TestBilling, hooks: Hooks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhooks, "SECONDS", 0.5)

    def drip(connection: socket.socket) -> None:
        for sign in b"HTTP/1.1 200 OK\r\n" * 100:
            connection.sendall(bytes([sign]))
            time.sleep(0.05)

    with talking(drip) as slow, talking(lambda one: time.sleep(60) if one.recv(1) else None) as silent:
        for port in (slow, silent):
            billing.add_webhook_endpoint(f"http://127.0.0.1:{port}/")
        good = billing.add_webhook_endpoint(hooks.url())
        for _ in range(60):
            tell(billing, "low")
        began = time.monotonic()
        run(billing)
        assert time.monotonic() - began < 8
    assert len(hooks.calls) == len(set(hooks.ids)) == 60
    waiting = [one for one in billing.notices(limit=1000) if one.target != good.id]
    assert {one.status for one in waiting} == {"waiting"}
    assert sum(one.attempts for one in waiting) == 6  # three each, and then they are left alone
    assert {one.reason for one in waiting} >= {"it did not answer within 0 seconds"}


def test_a_name_of_many_places_where_nobody_answers_costs_no_more_than_one(
    billing: TestBilling, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhooks, "SECONDS", 0.5)
    monkeypatch.setattr(webhooks, "CONNECT_SECONDS", 0.2)
    with closing(socket.create_server(("127.0.0.1", 0), backlog=0)) as full:
        port = full.getsockname()[1]
        with closing(socket.create_connection(("127.0.0.1", port))):  # nobody else is let in
            monkeypatch.setattr(webhooks, "reach", lambda *_: [(socket.AF_INET, "127.0.0.1")] * 30)
            made = billing.add_webhook_endpoint(f"http://127.0.0.1:{port}/")
            began = time.monotonic()
            assert "did not answer" in str(billing.test_webhook_endpoint(made.id).reason)
            assert time.monotonic() - began < 2


def test_rotated_secrets_both_sign_for_a_time(billing: TestBilling, hooks: Hooks) -> None:
    made = billing.add_webhook_endpoint(hooks.url())
    rotated = billing.rotate_webhook_secret(made.id, timedelta(hours=1))
    assert made.secret and rotated.secret and made.secret != rotated.secret
    assert billing.test_webhook_endpoint(made.id).status == "sent"
    _, headers, body = hooks.calls[0]
    assert Webhook(made.secret).verify(body, headers) == Webhook(rotated.secret).verify(body, headers)
    billing.advance(by=timedelta(hours=1))
    tell(billing, "low")
    run(billing)
    _, headers, body = hooks.calls[1]
    Webhook(rotated.secret).verify(body, headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(made.secret).verify(body, headers)


def test_what_waits_for_a_removed_endpoint_is_dropped(billing: TestBilling, hooks: Hooks) -> None:
    made = billing.add_webhook_endpoint(hooks.url())
    tell(billing, "low")
    billing.spread_notices()
    billing.remove_webhook_endpoint(made.id)
    run(billing)
    assert [(one.status, one.reason) for one in billing.notices()] == [("dropped", "the endpoint was removed")]
    assert hooks.calls == []
    assert billing.replay_notice(billing.notices()[0].id).reason == "the endpoint was removed"
    for act in (billing.remove_webhook_endpoint, billing.rotate_webhook_secret, billing.test_webhook_endpoint):
        with pytest.raises(UnknownWebhookEndpoint):
            act(made.id)


@pytest.mark.parametrize(
    ("given", "field", "said"),
    [
        ({"url": "ftp://example.com"}, "url", "https://example.com/hooks"),
        ({"url": "https://user:pass@example.com/"}, "url", "no user"),
        ({"url": "https://exa mple.com/"}, "url", "printable"),
        ({"events": []}, "events", "list of events"),
        ({"events": ["credits.lwo"]}, "events", "no event 'credits.lwo'"),
        ({"events": ["credits.spent"]}, "events", "spent_events = true"),
    ],
)
def test_what_can_not_be_an_endpoint(billing: TestBilling, given: dict[str, Any], field: str, said: str) -> None:
    with pytest.raises(Invalid) as refused:
        billing.add_webhook_endpoint(**{"url": "https://example.com/", "events": ["*"]} | given)
    assert said in refused.value.errors[field][0]
