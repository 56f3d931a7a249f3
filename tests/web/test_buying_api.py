"""Buying over HTTP."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from billing.base.settings import Settings
from billing.testing import TestBilling
from tests.buying.shop import Shop, open_shop
from tests.sandbox.serving import Watch
from tests.web.service import Service, problem, service_on
from web.state import EXTENSION, State

pytestmark = pytest.mark.quick_on("sqlite")


@pytest.fixture
def shop(make_billing: Callable[..., TestBilling], tmp_path: Path, watch: Watch) -> Iterator[Shop]:
    with open_shop(make_billing, tmp_path, watch) as shop:
        yield shop


@pytest.fixture
def service(shop: Shop) -> Service:
    return service_on(shop.billing)


FOREIGN = (
    "https://evil.example.com/",
    "https://billing.example.com.evil.com",
    "javascript:alert(1)",
    "https://billing.example.com@evil.com/",
    "https://evil.com\\@billing.example.com",
    "//evil.com",
)
TOPUPS, SUBSCRIPTIONS = "/v1/customers/team/topups", "/v1/customers/team/subscriptions"


def test_a_topup_from_its_opening_to_its_end(service: Service, shop: Shop) -> None:
    answer = service.ask("POST", TOPUPS, {"pack": "small"}, key="k1")
    assert answer.status_code == 201
    opened = answer.get_json()
    assert (opened["status"], opened["credits"], opened["cents"], opened["currency"]) == ("open", 100, 1000, "usd")
    assert opened["checkout_url"].startswith(shop.sandbox.url)
    again = service.ask("POST", TOPUPS, {"pack": "small"}, key="k1")
    assert (again.status_code, again.headers["Idempotent-Replayed"], again.get_json()) == (201, "true", opened)
    shop.pay(shop.sessions()[0])
    found = service.ask("GET", f"{TOPUPS}/{opened['id']}").get_json()
    assert (found["status"], found["checkout_url"]) == ("paid", None)
    assert service.ask("GET", TOPUPS).get_json() == {"data": [found], "next_cursor": None}
    assert service.ask("GET", "/v1/customers/team/wallet").get_json()["available"] == 100


@pytest.mark.database("sqlite")
def test_a_refund(service: Service, shop: Shop) -> None:
    topup = service.ask("POST", TOPUPS, {"pack": "small"}).get_json()["id"]
    shop.pay(shop.sessions()[0])
    refunds, preview = "/v1/customers/team/refunds", f"/v1/customers/team/refund-preview?purchase={topup}"
    before = service.ask("GET", preview).get_json()
    assert (before["refundable_cents"], before["unused_credits"], before["unused_cents"]) == (1_000, 100, 1_000)
    answer = service.ask("POST", refunds, {"purchase": topup, "cents": 300}, key="r1")
    assert answer.status_code == 201
    given = answer.get_json()
    assert (given["status"], given["cents"], given["currency"]) == ("succeeded", 300, "usd")
    again = service.ask("POST", refunds, {"purchase": topup, "cents": 300}, key="r1")
    assert (again.headers["Idempotent-Replayed"], again.get_json()) == ("true", given)
    assert service.ask("GET", refunds).get_json() == {"data": [given], "next_cursor": None}
    assert service.ask("GET", "/v1/customers/team/wallet").get_json()["available"] == 70
    problem(service.ask("POST", refunds, {"purchase": "top_none"}), 404, "unknown_purchase")
    problem(service.ask("POST", refunds, {"purchase": topup, "cents": 701}), 422, "invalid")
    problem(service.ask("POST", refunds, {"purchase": topup}, key=None), 400, "idempotency_key_missing")
    rest = service.ask("POST", refunds, {"purchase": topup})
    assert rest.status_code == 201
    pages = [service.ask("GET", f"{refunds}?limit=1").get_json()]
    pages.append(service.ask("GET", f"{refunds}?limit=1&cursor={pages[0]['next_cursor']}").get_json())
    assert {page["data"][0]["id"] for page in pages} == {given["id"], rest.get_json()["id"]}
    assert pages[1]["next_cursor"] is None
    problem(service.ask("GET", f"{refunds}?limit=0"), 422, "invalid")
    assert service.ask("GET", f"{TOPUPS}/{topup}").get_json()["status"] == "refunded"


def test_a_buyer_comes_back_to_a_page_of_ours(service: Service, shop: Shop) -> None:
    service.ask("POST", TOPUPS, {"pack": "small"})
    told = shop.stripe.v1.checkout.sessions.retrieve(shop.sessions()[0])
    assert told.success_url is not None
    path = told.success_url.removeprefix("https://billing.example.com")
    shop.pay(told.id)
    page = service.client.get(path)
    assert page.status_code == 200
    assert "Payment received" in page.text


def test_a_subscription(service: Service, shop: Shop) -> None:
    shop.stock()
    assert service.ask("GET", "/v1/customers/team/subscription").get_json()["status"] == "none"
    answer = service.ask("POST", SUBSCRIPTIONS, {"plan": "pro"}, key="s1")
    assert answer.status_code == 201
    assert answer.get_json()["checkout_url"].startswith(shop.sandbox.url)
    assert service.ask("POST", SUBSCRIPTIONS, {"plan": "pro"}, key="s1").headers["Idempotent-Replayed"] == "true"
    shop.pay(shop.sessions()[0])
    found = service.ask("GET", "/v1/customers/team/subscription").get_json()
    assert (found["plan"], found["status"]) == ("pro", "active")
    told = problem(service.ask("POST", SUBSCRIPTIONS, {"plan": "pro"}), 409, "subscription_exists")
    assert told["plan"] == "pro"


@pytest.mark.database("sqlite")
def test_return_addresses_are_allowed_or_refused(service: Service, shop: Shop) -> None:
    for address in FOREIGN:
        told = problem(service.ask("POST", TOPUPS, {"pack": "small", "success_url": address}), 422, "invalid")
        assert list(told["errors"]) == ["success_url"]
    assert "ALLOWED_ORIGINS" in told_of(service, "https://app.example.com/paid")
    settings = Settings.from_env(
        {"SECRET_KEYS": "newest,older", "PUBLIC_URL": "https://billing.example.com",
         "ALLOWED_ORIGINS": "https://app.example.com, http://localhost:3000"}
    )  # fmt: skip
    service.app.extensions[EXTENSION] = State(shop.billing, settings)
    for address in ("https://app.example.com/paid?x=1", "HTTPS://APP.example.com:443/", "http://localhost:3000/a",
                    "https://billing.example.com/x"):  # fmt: skip
        sent = {"pack": "small", "success_url": address, "cancel_url": address}
        assert service.ask("POST", TOPUPS, sent).status_code in (201, 422), address
    problem(service.ask("POST", TOPUPS, {"pack": "small", "cancel_url": "http://localhost:3001/"}), 422, "invalid")


def told_of(service: Service, address: str) -> str:
    answer = service.ask("POST", TOPUPS, {"pack": "small", "success_url": address})
    return " ".join(problem(answer, 422, "invalid")["errors"]["success_url"])


@pytest.mark.database("sqlite")
def test_what_is_refused(service: Service, shop: Shop) -> None:
    problem(service.ask("POST", TOPUPS, {"pack": "small"}, key=None), 400, "idempotency_key_missing")
    problem(service.ask("POST", TOPUPS, {"pack": "huge"}), 422, "unknown_pack")
    problem(service.ask("POST", SUBSCRIPTIONS, {"plan": "huge"}), 422, "unknown_plan")
    problem(service.ask("POST", TOPUPS, {"credits": 5}), 422, "invalid")
    problem(service.ask("POST", "/v1/customers/nobody/topups", {"pack": "small"}), 404, "unknown_customer")
    problem(service.ask("GET", f"{TOPUPS}/top_nobody"), 404, "unknown_topup")
    service.ask("POST", TOPUPS, {"pack": "small"}, key="k")
    problem(service.ask("POST", TOPUPS, {"pack": "listed"}, key="k"), 422, "idempotency_key_reused")
    shop.fail("429")
    unavailable = service.ask("POST", TOPUPS, {"pack": "small"})
    told = problem(unavailable, 503, "stripe_unavailable")
    assert unavailable.headers["Retry-After"] == "5"
    assert service.ask("GET", f"{TOPUPS}/{told['purchase']}").get_json()["status"] == "open"
    shop.billing.gateway = None
    told = problem(service.ask("POST", TOPUPS, {"pack": "small"}), 503, "stripe_not_configured")
    assert "STRIPE_SECRET_KEY" in told["detail"]


@pytest.mark.database("sqlite")
def test_a_key_for_topups_buys_and_does_nothing_else(service: Service) -> None:
    header = {"Authorization": f"Bearer {service.new_key('topup')}"}
    assert service.ask("POST", TOPUPS, {"pack": "small"}, **header).status_code == 201
    problem(service.ask("POST", "/v1/customers/team/spends", {"credits": 5}, **header), 403, "forbidden")
    reader = {"Authorization": f"Bearer {service.new_key('read')}"}
    problem(service.ask("POST", TOPUPS, {"pack": "small"}, **reader), 403, "forbidden")


@pytest.mark.database("sqlite")
def test_who_has_too_little_is_told_where_to_get_more(service: Service) -> None:
    told = problem(service.ask("POST", "/v1/customers/team/spends", {"credits": 5}), 402, "insufficient_credits")
    page = service.client.get(told["topup_url"].removeprefix("https://billing.example.com"))
    assert "Buy 100 credits for $10.00" in page.text
    spends = {"spends": [{"customer": "team", "key": "b", "credits": 5}]}
    (result,) = service.ask("POST", "/v1/spends", spends, key=None).get_json()["results"]
    assert "/topup" in result["problem"]["topup_url"]


@pytest.mark.database("sqlite")
@pytest.mark.parametrize(("page", "says"), [("topup", "<h1>Top up</h1>"), ("plans", "<h1>Plan</h1>")])
def test_a_portal_link_opens_where_it_says(service: Service, page: str, says: str) -> None:
    made = service.ask("POST", "/v1/customers/team/portal-links", {"page": page}, key=None)
    assert made.status_code == 201
    opened = service.client.get(made.get_json()["url"].removeprefix("https://billing.example.com"))
    assert opened.status_code == 200
    assert says in opened.text


def test_any_number_of_credits(service: Service, shop: Shop) -> None:
    from dataclasses import replace

    from tests.buying.test_amounts import AMOUNTS

    shop.billing.catalog = replace(shop.billing.catalog, topups=AMOUNTS)
    (sold,) = service.ask("GET", "/v1/topups").get_json()["data"]
    assert (sold["unit"], sold["min"], sold["per"], sold["price"]["usd"]) == ("credits", 500, 100, 99)
    assert sold["bonus"][0] == {"least": 5000, "percent": 5, "credits": 0}
    opened = service.ask("POST", TOPUPS, {"credits": 5000}, key="k1").get_json()
    assert (opened["pack"], opened["credits"], opened["bonus"], opened["cents"]) == (None, 5250, 250, 4950)
    assert opened["paid_cents"] is None
    shop.pay(shop.sessions()[0])
    assert service.ask("GET", f"{TOPUPS}/{opened['id']}").get_json()["paid_cents"] == 4950
    for body in ({}, {"pack": "small", "credits": 500}, {"credits": 499}, {"credits": "500"}, {"credits": 5.5}):
        assert service.ask("POST", TOPUPS, body, key="k2").status_code == 422
