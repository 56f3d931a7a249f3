"""The page where any number of credits is bought, and what is on its way."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.buying.shop import Shop
from tests.web import test_portal_buying as shared
from tests.web.service import Service
from tests.web.test_portal_buying import back, portal, press
from web.state import EXTENSION, MOST_ASKING

pytestmark = pytest.mark.quick_on("sqlite")

shop = shared.shop
service = shared.service


def test_any_number_of_credits_from_the_question_to_the_risen_balance(service: Service, shop: Shop) -> None:
    from tests.buying.test_amounts import AMOUNTS

    shop.billing.catalog = replace(shop.billing.catalog, packs={}, topups=AMOUNTS)
    page = f"{portal(service)}/topup"
    first = service.client.get(page).text
    assert "Buy 500 credits for $4.95" in first
    assert "$0.99 for 100" in first and "from 5,000: 5 % on top" in first
    for wrong, words in (("505", "in steps of 10"), ("99999999", "500 to 50,000"), ("a lot", "Write a number")):
        told = service.client.get(page, query_string={"unit": "credits", "credits": wrong}).text
        assert words in told and "<dt>Price</dt>" not in told
    asked = f"{page}?unit=credits&credits=5010"
    assert "<dd>250</dd>" in service.client.get(asked).text
    sent = press(service, asked, credits="5010", currency="usd")
    assert sent.status_code == 303
    shop.pay(shop.sessions()[0])
    done = service.client.get(back(shop)).text
    assert "5,260 credits were added" in done and "$49.60" in done
    assert "5,260 credits" in service.client.get(page).text


@pytest.mark.database("sqlite")
def test_what_another_sends_for_credits_buys_nothing(service: Service, shop: Shop) -> None:
    from tests.buying.test_amounts import AMOUNTS

    shop.billing.catalog = replace(shop.billing.catalog, topups=AMOUNTS)
    asked = {"key": "k", "unit": "credits", "credits": "500", "currency": "usd"}
    for changes in ({"credits": "-500"}, {"credits": "5e2"}, {"unit": "tokens"}, {"currency": "gbp"}, {"currency": ""}):
        answer = service.client.post(f"{portal(service)}/credits", data={**asked, **changes})
        assert answer.status_code == 422, changes
    assert shop.sessions() == []


@pytest.mark.database("sqlite")
def test_while_stripe_is_silent_buyers_do_not_hold_every_thread(
    service: Service, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    from web import state

    monkeypatch.setattr(state, "PATIENCE", 0.01)
    asking = service.app.extensions[EXTENSION].asking
    for _ in range(MOST_ASKING):
        asking.acquire()
    assert press(service, f"{portal(service)}/topup", pack="small").status_code == 503
    answer = service.ask("POST", "/v1/customers/team/topups", {"pack": "small"}, key="k")
    assert (answer.status_code, answer.get_json()["code"]) == (503, "stripe_unavailable")
    asking.release()
    assert press(service, f"{portal(service)}/topup", pack="small").status_code == 303
    assert press(service, f"{portal(service)}/topup", pack="small").status_code == 303


def test_what_is_on_its_way_is_seen_on_every_page_and_over_http(service: Service, shop: Shop) -> None:
    press(service, f"{portal(service)}/topup", pack="small")
    shop.sandbox.pay_later(shop.sessions()[0])
    assert "Your payment is on its way" in service.client.get(back(shop)).text
    assert "100 credits are on their way." in service.client.get(portal(service)).text
    assert "On its way" in service.client.get(f"{portal(service)}/topup").text
    (over_http,) = service.ask("GET", "/v1/customers/team/topups").get_json()["data"]
    assert (over_http["status"], over_http["paid_cents"], over_http["checkout_url"]) == ("pending", None, None)
    shop.sandbox.arrive(shop.sessions()[0])
    assert "Payment received" in service.client.get(back(shop)).text
    assert "on their way" not in service.client.get(portal(service)).text
