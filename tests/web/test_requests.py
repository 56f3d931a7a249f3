"""How requests are read and turned away: keys, bodies, headers, errors."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from billing import Billing, DatabaseUnavailable, SystemClock
from billing.access.tokens import PortalLink, sign_portal_link
from tests.web.service import Service, problem, settings

pytestmark = pytest.mark.database("sqlite")  # reading a request has nothing to do with the database

SPENDS = "/v1/customers/team_42/spends"

WEBHOOKS = "/v1/webhook-endpoints"
ROUTES = [
    ("PUT", "/v1/customers/team_42", "admin"),
    ("GET", "/v1/customers/team_42", "read"),
    ("GET", "/v1/customers", "read"),
    ("GET", "/v1/customers/team_42/wallet", "read"),
    ("PATCH", "/v1/customers/team_42/wallet", "admin"),
    ("POST", SPENDS, "spend"),
    ("POST", "/v1/spends", "spend"),
    ("POST", f"{SPENDS}/spend_1_1/reversals", "spend"),
    ("POST", "/v1/customers/team_42/holds", "spend"),
    ("POST", "/v1/customers/team_42/holds/hold_1_1/capture", "spend"),
    ("POST", "/v1/customers/team_42/holds/hold_1_1/release", "spend"),
    ("POST", "/v1/customers/team_42/grants", "grant"),
    ("GET", "/v1/customers/team_42/grants", "read"),
    ("GET", "/v1/customers/team_42/buckets", "read"),
    ("POST", "/v1/customers/team_42/buckets/bkt_1_1/void", "grant"),
    ("POST", "/v1/customers/team_42/buckets/bkt_1_1/extend", "grant"),
    ("GET", "/v1/customers/team_42/entries", "read"),
    ("POST", "/v1/customers/team_42/topups", "topup"),
    ("GET", "/v1/customers/team_42/topups", "read"),
    ("GET", "/v1/customers/team_42/topups/top_1", "read"),
    ("POST", "/v1/customers/team_42/subscriptions", "topup"),
    ("GET", "/v1/customers/team_42/subscription", "read"),
    ("GET", "/v1/customers/team_42/subscription-preview", "read"),
    ("PATCH", "/v1/customers/team_42/subscription", "topup"),
    ("POST", "/v1/customers/team_42/subscription/cancel", "topup"),
    ("POST", "/v1/customers/team_42/subscription/resume", "topup"),
    ("GET", "/v1/plans", "read"),
    ("GET", "/v1/packs", "read"),
    ("GET", "/v1/topups", "read"),
    ("POST", "/v1/customers/team_42/portal-links", "read"),
    ("POST", "/v1/customers/team_42/auto-topup-preview", "read"),
    ("POST", "/v1/customers/team_42/auto-topup-resume", "admin"),
    ("POST", "/v1/customers/team_42/refunds", "admin"),
    ("GET", "/v1/customers/team_42/refunds", "read"),
    ("GET", "/v1/customers/team_42/refund-preview", "read"),
    ("GET", "/v1/customers/team_42/notices", "read"),
    ("PATCH", "/v1/customers/team_42/notices", "admin"),
    ("POST", WEBHOOKS, "admin"),
    ("GET", WEBHOOKS, "admin"),
    ("GET", f"{WEBHOOKS}/whe_1", "admin"),
    ("PATCH", f"{WEBHOOKS}/whe_1", "admin"),
    ("DELETE", f"{WEBHOOKS}/whe_1", "admin"),
    ("POST", f"{WEBHOOKS}/whe_1/rotate", "admin"),
    ("POST", f"{WEBHOOKS}/whe_1/test", "admin"),
]
KEYED = [path for method, path, _ in ROUTES if method == "POST" and path != "/v1/spends"]
KEYED = [
    path
    for path in KEYED
    if not path.endswith(("/capture", "/release", "/portal-links", "-preview", "-resume")) and WEBHOOKS not in path
]


def test_every_route_is_listed_here(service: Service) -> None:
    described = service.client.get("/openapi.json").get_json()["paths"]
    assert sum(len(methods) for methods in described.values()) - _parameters(described) == len(ROUTES)


def _parameters(described: dict[str, Any]) -> int:
    return sum("parameters" in methods for methods in described.values())


@pytest.mark.parametrize(("method", "path", "scope"), ROUTES)
def test_every_route_asks_who_is_there(service: Service, method: str, path: str, scope: str) -> None:
    for header in ("", "Bearer", "Bearer wrong", "Basic dXNlcjpwYXNz", "Bearer bk_none_none"):
        answer = service.ask(method, path, Authorization=header)
        problem(answer, 401, "unauthorized")
        assert answer.headers["WWW-Authenticate"].startswith("Bearer ")
    others = [one for one in ("read", "spend", "grant", "topup") if one != scope]
    answer = service.ask(method, path, Authorization=f"Bearer {service.new_key(*others)}")
    problem(answer, 403, "forbidden")
    allowed = service.ask(method, path, Authorization=f"bearer {service.new_key(scope)}")
    assert allowed.status_code not in (401, 403)


@pytest.mark.parametrize("path", KEYED)
def test_what_moves_credits_needs_an_idempotency_key(service: Service, path: str) -> None:
    for key in (None, " ", '""'):
        headers = {} if key is None else {"Idempotency_Key": key}
        problem(service.ask("POST", path, {}, key=None, **headers), 400, "idempotency_key_missing")


@pytest.mark.parametrize("key", ["é", "x" * 256, "hold:hold_1_1", '"a\tb"'])
def test_keys_that_cannot_be_used(service: Service, key: str) -> None:
    refused = problem(service.ask("POST", SPENDS, {"credits": 1}, key=key), 422, "invalid")
    assert set(refused["errors"]) == {"Idempotency-Key"}


@pytest.mark.parametrize("credits", ["5", 5.5, 0, -1, True, None, [], {}, 10**15 + 1, 10**40, 1e300, "NaN"])
def test_credits_are_whole_numbers(service: Service, credits: object) -> None:
    refused = problem(service.ask("POST", SPENDS, {"credits": credits}), 422, "invalid")
    assert set(refused["errors"]) == {"credits"}


@pytest.mark.parametrize("number", ["9" * 5000, "1e400", "-1e400", "1" + "0" * 60])
def test_numbers_beyond_all_bounds(service: Service, number: str) -> None:
    refused = problem(_raw(service, b'{"credits": ' + number.encode() + b"}"), 422, "invalid")
    assert set(refused["errors"]) == {"credits"}


def test_all_that_is_wrong_at_once(service: Service) -> None:
    body = {"credits": "5", "unit": "", "feature": "a\nb", "metadata": [], "whatever": 1}
    refused = problem(service.ask("POST", SPENDS, body), 422, "invalid")
    assert set(refused["errors"]) == {"credits", "unit", "feature", "metadata", "whatever"}


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b'{"credits": NaN}',
        b'{"credits": -Infinity}',
        b'{"credits": 1, "credits": 2}',
        b'{"credits": 1}x',
        b'\xff\xfe{"credits": 1}',
        b"[" * 100_000,
        b'{"metadata":' * 50_000,
        b"\x00",
        b"'credits'",
    ],
)
def test_what_is_not_json(service: Service, body: bytes) -> None:
    problem(_raw(service, body), 400, "malformed")


@pytest.mark.parametrize("body", [b"[]", b"5", b'"text"', b"null", b"true"])
def test_json_that_is_no_object(service: Service, body: bytes) -> None:
    problem(_raw(service, body), 422, "invalid")


@pytest.mark.parametrize("text", ["\\ud800", "\\u0000", "a\\u0007"])
def test_texts_that_cannot_be_kept(service: Service, text: str) -> None:
    problem(_raw(service, f'{{"credits": 1, "member": "{text}"}}'.encode()), 422, "invalid")
    problem(_raw(service, f'{{"credits": 1, "metadata": {{"a": "\\u0000{text}"}}}}'.encode()), 422, "invalid")


def test_other_media_types(service: Service) -> None:
    for media in ("text/plain", "application/x-www-form-urlencoded", ""):
        problem(_raw(service, b'{"credits": 1}', media), 415, "unsupported_media_type")


def test_bodies_that_are_too_large(service: Service) -> None:
    problem(_raw(service, b" " * (2 * 1024 * 1024 + 1)), 413, "too_large")


def test_unknown_query_parameters(service: Service) -> None:
    problem(service.ask("GET", "/v1/customers/team_42/wallet?units=credits"), 422, "invalid")
    problem(service.ask("GET", "/v1/customers/team_42/wallet?unit=credits&unit=tokens"), 422, "invalid")


def test_webhooks_answer_problems_too(service: Service) -> None:
    problem(service.client.post("/webhooks/stripe", data=b"{}"), 400, "malformed")
    problem(service.client.post("/webhooks/stripe", data=b" " * (1024 * 1024 + 1)), 413, "too_large")
    problem(service.client.get("/webhooks/stripe"), 405, "method_not_allowed")


def test_routes_and_methods_that_are_not_there(service: Service) -> None:
    problem(service.client.get("/v1/nothing"), 404, "not_found")
    problem(service.client.get("/nothing"), 404, "not_found")
    typed = service.client.get("/nothing", headers={"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
    assert (typed.status_code, typed.mimetype) == (404, "text/html"), "who typed it wrong reads a page"
    problem(service.client.get("/v1/customers/a/b/c"), 404, "not_found")
    answer = service.client.delete("/v1/plans")
    problem(answer, 405, "method_not_allowed")
    assert "GET" in answer.headers["Allow"]


def test_what_goes_wrong_on_our_side_shows_nothing_of_it(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("secret figures")

    monkeypatch.setattr(Billing, "wallet", broken)
    answer = service.ask("GET", "/v1/customers/team_42/wallet")
    problem(answer, 500, "internal")
    assert "secret" not in answer.text
    assert answer.headers["X-Request-Id"] == answer.get_json()["request_id"]


def test_a_database_that_is_gone(service: Service) -> None:
    with service.billing.database.write() as tx:
        tx.connection.exec_driver_sql("DROP TABLE billing_api_keys")
    answer = service.ask("GET", "/v1/plans")
    problem(answer, 503, "database_unavailable")
    assert answer.headers["Retry-After"] == "5"


def test_a_clock_a_day_ahead_writes_nothing(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    class DayAhead(SystemClock):
        def now(self) -> datetime:
            return super().now() + timedelta(days=1)

    monkeypatch.setattr(service.billing.database, "clock", DayAhead())
    answer = service.ask("PUT", "/v1/customers/new", {})
    problem(answer, 503, "clock_skew")
    assert answer.headers["Retry-After"] == "60"
    problem(service.ask("GET", "/v1/customers/new"), 404, "unknown_customer")


def test_people_are_told_on_a_page(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(*_: object) -> None:
        raise DatabaseUnavailable("It is gone.")

    monkeypatch.setattr("web.portal.views.snapshot", gone)
    link = PortalLink("team_42", "wallet", service.billing.now + timedelta(hours=1))
    answer = service.client.get(f"/portal/{sign_portal_link(settings().secret_keys, link)}")
    assert answer.status_code == 503
    assert answer.mimetype == "text/html"
    assert "Try again in a moment." in answer.text


def test_a_stale_key_is_kept_under_the_newest_secret(service: Service) -> None:
    from billing.access import keys

    with service.billing.database.write() as tx:
        _, text = keys.create(tx, ("older",), "old", ["read"])
    assert service.ask("GET", "/v1/plans", Authorization=f"Bearer {text}").status_code == 200
    with service.billing.database.read() as tx:
        assert keys.find(tx, ("newest",), text) is not None


def test_a_revoked_key(service: Service) -> None:
    from billing.access import keys

    text = service.new_key("read")
    with service.billing.database.write() as tx:
        keys.revoke(tx, text.split("_")[1])
    problem(service.ask("GET", "/v1/plans", Authorization=f"Bearer {text}"), 401, "unauthorized")


def _raw(service: Service, body: bytes, media: str = "application/json") -> Any:
    headers = {"Authorization": f"Bearer {service.api_key}", "Idempotency-Key": "raw"}
    return service.client.post(SPENDS, data=body, content_type=media, headers=headers)
