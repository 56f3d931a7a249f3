"""Plans over HTTP: a free one is set, one with a price is not, and what is retired is not on sale."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from billing.catalog.loading import parse
from billing.testing import TestBilling
from tests.web.service import Service, problem, service_on

pytestmark = pytest.mark.quick_on("sqlite")

CATALOG = parse("""
[plans.free]
name = "Free"
credits = 50
at_period_end = { roll_over = { max = "50%" } }

[plans.old]
name = "Old"
credits = 10
retired = true

[plans.pro]
name = "Pro"
credits = 5000
prices = ["price_pro"]

[packs.old]
name = "Old"
credits = 10
prices = { usd = 100 }
retired = true
""")


@pytest.fixture
def service(make_billing: Callable[..., TestBilling]) -> Service:
    return service_on(make_billing(catalog=CATALOG))


def test_a_free_plan_is_set_and_dropped(service: Service) -> None:
    made = service.ask("PUT", "/v1/customers/team", {"plan": "free"}, key=None)
    assert (made.status_code, made.get_json()["plan"]) == (201, "free")
    assert service.ask("GET", "/v1/customers/team/wallet").get_json()["available"] == 50
    kept = service.ask("PUT", "/v1/customers/team", {"name": "Team"}, key=None)
    assert kept.get_json()["plan"] == "free"
    dropped = service.ask("PUT", "/v1/customers/team", {"plan": None}, key=None)
    assert dropped.get_json()["plan"] is None
    assert service.ask("GET", "/v1/customers/team").get_json()["plan"] is None
    assert service.ask("GET", "/v1/customers/team/wallet").get_json()["available"] == 50


def test_a_plan_with_a_price_needs_a_checkout(service: Service) -> None:
    refused = problem(service.ask("PUT", "/v1/customers/team", {"plan": "pro"}), 422, "plan_needs_checkout")
    assert refused["plan"] == "pro"
    problem(service.ask("PUT", "/v1/customers/team", {"plan": "old"}), 422, "unknown_plan")
    problem(service.ask("PUT", "/v1/customers/team", {"plan": 5}), 422, "invalid")
    assert service.ask("GET", "/v1/customers/team").status_code == 404


def test_what_is_retired_is_not_on_sale(service: Service) -> None:
    plans = service.ask("GET", "/v1/plans").get_json()["data"]
    assert [(plan["id"], plan["at_period_end"]) for plan in plans] == [
        ("free", {"roll_over": {"max": "50%", "periods": 1}}), ("pro", "expire"),
    ]  # fmt: skip
    assert service.ask("GET", "/v1/packs").get_json()["data"] == []
