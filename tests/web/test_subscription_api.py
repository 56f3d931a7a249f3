"""A subscription that is changed, looked at, cancelled and resumed over HTTP."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from billing.testing import TestBilling
from tests.buying.shop import open_shop
from tests.buying.subscriber import CATALOG, START, Subscriber
from tests.sandbox.serving import Watch
from tests.web.service import Service, problem, service_on

pytestmark = pytest.mark.quick_on("sqlite")

SUBSCRIPTION = "/v1/customers/team/subscription"
MAY = "2025-05-01T00:00:00Z"


@pytest.fixture
def team(make_billing: Callable[..., TestBilling], tmp_path: Path, watch: Watch) -> Iterator[Subscriber]:
    with open_shop(make_billing, tmp_path, watch, start=START, catalog=CATALOG) as shop:
        yield Subscriber(shop)


@pytest.fixture
def service(team: Subscriber) -> Service:
    return service_on(team.shop.billing)


def test_a_subscription_is_changed_cancelled_and_resumed(service: Service, team: Subscriber) -> None:
    problem(service.ask("PATCH", SUBSCRIPTION, {"plan": "pro"}), 409, "no_subscription")
    team.subscribe("basic_monthly")
    problem(service.ask("PATCH", SUBSCRIPTION, {"plan": "pro"}, key=None), 400, "idempotency_key_missing")
    problem(service.ask("PATCH", SUBSCRIPTION, {"quantity": 0}), 422, "invalid")
    problem(service.ask("PATCH", SUBSCRIPTION, {"plan": "huge"}), 422, "unknown_plan")
    problem(service.ask("POST", f"{SUBSCRIPTION}/resume"), 409, "nothing_scheduled")
    seen = service.ask("GET", f"{SUBSCRIPTION}-preview?plan=pro&quantity=2").get_json()
    assert (seen["due_cents"], seen["credits"], seen["next_at"], seen["takes_effect_at"]) == (3_000, 400, MAY, None)
    up = service.ask("PATCH", SUBSCRIPTION, {"plan": "pro", "quantity": 2}, key="up")
    done = up.get_json()
    assert (up.status_code, done["plan"], done["quantity"], done["status"]) == (200, "pro", 2, "done")
    again = service.ask("PATCH", SUBSCRIPTION, {"plan": "pro", "quantity": 2}, key="up")
    assert (again.get_json(), again.headers["Idempotent-Replayed"]) == (done, "true")
    problem(service.ask("PATCH", SUBSCRIPTION, {"plan": "basic"}, key="up"), 422, "idempotency_key_reused")
    team.hear()
    assert team.shop.available() == 500
    down = service.ask("PATCH", SUBSCRIPTION, {"quantity": 1}).get_json()
    assert (down["takes_effect_at"], down["quantity"]) == (MAY, 1)
    found = service.ask("GET", SUBSCRIPTION).get_json()
    assert (found["plan"], found["quantity"]) == ("pro", 2)
    assert (found["changes_to"], found["changes_quantity"], found["changes_at"]) == ("pro", 1, MAY)
    assert service.ask("POST", f"{SUBSCRIPTION}/cancel").get_json()["takes_effect_at"] == MAY
    assert service.ask("GET", SUBSCRIPTION).get_json()["cancel_at"] == MAY
    problem(service.ask("PATCH", SUBSCRIPTION, {"quantity": 3}), 409, "subscription_cancels")
    assert service.ask("POST", f"{SUBSCRIPTION}/resume", {}).get_json()["quantity"] == 2
    found = service.ask("GET", SUBSCRIPTION).get_json()
    assert (found["cancel_at"], found["changes_to"], found["quantity"]) == (None, None, 2)
    team.shop.sandbox.decline(team.customer, declines=True)
    assert "declined" in problem(service.ask("PATCH", SUBSCRIPTION, {"quantity": 3}), 422, "stripe_refused")["detail"]
    ended = service.ask("POST", f"{SUBSCRIPTION}/cancel", {"now": True}).get_json()
    assert (ended["act"], ended["status"], ended["takes_effect_at"]) == ("cancel", "done", None)
    problem(service.ask("POST", f"{SUBSCRIPTION}/cancel", {"now": True}), 409, "subscription_ended")
    assert service.ask("GET", SUBSCRIPTION).get_json()["status"] == "canceled"


@pytest.mark.database("sqlite")
def test_who_may(service: Service, team: Subscriber) -> None:
    team.subscribe("basic_monthly")
    service.api_key = service.new_key("read", "spend")
    for method, path in (("PATCH", ""), ("POST", "/cancel"), ("POST", "/resume")):
        problem(service.ask(method, f"{SUBSCRIPTION}{path}", {}), 403, "forbidden")
    assert service.ask("GET", f"{SUBSCRIPTION}-preview?plan=pro").status_code == 200
