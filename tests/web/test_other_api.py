"""Customers, the catalog, portal links."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest

from tests.web.service import Service, problem

pytestmark = pytest.mark.quick_on("sqlite")


def test_a_customer_made_changed_and_found(service: Service) -> None:
    made = service.ask("PUT", "/v1/customers/o'brien & söhne", {"name": "O'Brien", "metadata": {"tier": 2}}, key=None)
    assert made.status_code == 201
    assert made.get_json()["id"] == "o'brien & söhne"
    changed = service.ask("PUT", "/v1/customers/o'brien & söhne", {"email": "a@b.example"}, key=None)
    assert changed.status_code == 200
    found = service.ask("GET", "/v1/customers/o%27brien%20%26%20s%C3%B6hne").get_json()
    assert found == changed.get_json()
    assert (found["name"], found["email"], found["metadata"]) == ("O'Brien", "a@b.example", {"tier": 2})
    assert found["created_at"] == "2025-01-01T00:00:00Z"
    problem(service.ask("GET", "/v1/customers/nobody"), 404, "unknown_customer")


def test_a_stripe_customer_is_one_customers_only(service: Service) -> None:
    first = service.ask("PUT", "/v1/customers/team_42", {"stripe_customer_id": "cus_1"})
    assert first.get_json()["stripe_customer_id"] == "cus_1"
    refused = problem(
        service.ask("PUT", "/v1/customers/b", {"stripe_customer_id": "cus_1"}), 409, "stripe_customer_taken"
    )
    assert refused["customer"] == "team_42"
    assert service.ask("GET", "/v1/customers/b").status_code == 404


@pytest.mark.parametrize("name", ["%20team", "%C2%A0", "x" * 256, "a%0Ab", "..%20"])
def test_names_that_no_customer_can_have(service: Service, name: str) -> None:
    answer = service.ask("PUT", f"/v1/customers/{name}", {})
    assert answer.status_code in (404, 422)
    assert answer.content_type == "application/problem+json"


def test_what_is_not_built_is_unknown(service: Service) -> None:
    refused = problem(service.ask("PUT", "/v1/customers/team_42", {"tier": "free", "name": 7}), 422, "invalid")
    assert refused["errors"] == {"tier": ["Unknown field."], "name": ["Not a valid string."]}
    body = {"feature": "image", "quantity": 3}
    refused = problem(service.ask("POST", "/v1/customers/team_42/spends", body), 422, "invalid")
    assert set(refused["errors"]) == {"credits", "quantity"}


def test_customers_a_page_at_a_time(service: Service) -> None:
    for n in range(4):
        service.billing.customer(f"c{n}")
    first = service.ask("GET", "/v1/customers?limit=3").get_json()
    assert [item["id"] for item in first["data"]] == ["c0", "c1", "c2"]
    rest = service.ask("GET", f"/v1/customers?limit=3&cursor={first['next_cursor']}").get_json()
    assert [item["id"] for item in rest["data"]] == ["c3", "team_42"]
    assert rest["next_cursor"] is None


def test_pages_that_cannot_be_asked_for(service: Service) -> None:
    limits = ["limit=0", "limit=101", "limit=ten", "limit=1.0", "limit=", "limit=1&limit=2"]
    for query in [*limits, "cursor=junk", "cursor=MQ", "page=2"]:
        problem(service.ask("GET", f"/v1/customers?{query}"), 422, "invalid")


def test_plans_and_packs(service: Service) -> None:
    plans = service.ask("GET", "/v1/plans").get_json()
    assert plans["next_cursor"] is None
    assert [(plan["id"], plan["credits"], plan["every"], plan["grace"]) for plan in plans["data"]] == [
        ("pro", 5000, "month", "24 hours")
    ]
    packs = service.ask("GET", "/v1/packs").get_json()["data"]
    assert [(pack["id"], pack["prices"], pack["valid_for"]) for pack in packs] == [("small", {"usd": 1000}, "1 year")]


@pytest.mark.parametrize("page", ["wallet", "activity"])
def test_a_portal_link_opens_its_page(service: Service, page: str) -> None:
    made = service.ask("POST", "/v1/customers/team_42/portal-links", {"page": page}, key=None)
    assert made.status_code == 201
    assert made.get_json()["expires_at"] == "2025-01-02T00:00:00Z"
    url = urlsplit(made.get_json()["url"])
    assert (url.scheme, url.netloc) == ("https", "billing.example.com")
    opened = service.client.get(url.path)
    assert opened.status_code == 200
    assert f"<h1>{page.capitalize()}</h1>" in opened.text


def test_portal_links_that_are_not_made(service: Service) -> None:
    problem(service.ask("POST", "/v1/customers/nobody/portal-links"), 404, "unknown_customer")
    problem(service.ask("POST", "/v1/customers/team_42/portal-links", {"page": "admin"}), 422, "invalid")
