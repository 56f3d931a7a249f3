"""From the customer's own page to Stripe's customer portal, and back with another plan."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from billing import Invalid, UnknownCustomer
from billing.testing import TestBilling
from tests.buying.shop import Shop, open_shop
from tests.sandbox.serving import Watch
from tests.web.service import Service, service_on, settings
from tests.web.test_portal_buying import back, portal, press
from web.state import EXTENSION, State

BACK = "https://app.example.com/plan"


@pytest.fixture
def shop(make_billing: Callable[..., TestBilling], tmp_path: Path, watch: Watch) -> Iterator[Shop]:
    with open_shop(make_billing, tmp_path, watch) as shop:
        yield shop


@pytest.fixture
def service(shop: Shop) -> Service:
    """Its Stripe's pages are where its Stripe is."""
    service = service_on(shop.billing)
    based = replace(settings(), stripe_api_base=shop.sandbox.url)
    service.app.extensions[EXTENSION] = State(shop.billing, based)
    return service


def subscribed(service: Service, shop: Shop) -> None:
    shop.stock()
    press(service, f"{portal(service)}/plans", plan="basic")
    shop.pay(shop.sessions()[0])
    assert "Welcome to Basic" in service.client.get(back(shop)).text


def looks_after(service: Service) -> str:
    """What the way to Stripe is called on the page of plans; nothing where there is none."""
    found = re.search(r'aria-describedby="manage">([^<]*)<', service.client.get(f"{portal(service)}/plans").text)
    return found.group(1) if found else ""


def test_a_subscriber_changes_the_plan_at_stripe(service: Service, shop: Shop) -> None:
    subscribed(service, shop)
    page = service.client.get(f"{portal(service)}/plans").text
    assert "Manage subscription</button>" in page and "Ask us to change" not in page
    sent = service.client.post(f"{portal(service)}/subscription")
    assert sent.status_code == 303
    assert sent.location.startswith(f"{shop.sandbox.url}/p/session/bps_")
    session = sent.location.rpartition("/")[2]
    known = shop.sandbox.portal.show(session)
    assert known["session"]["return_url"] == f"https://billing.example.com{portal(service)}/plans"
    [pro] = shop.stripe.v1.prices.list({"lookup_keys": ["pro_monthly"]}).data
    shop.sandbox.portal.act(session, "switch", price=pro.id)
    shop.sandbox.drain()
    assert "You are on the Pro plan" in service.client.get(f"{portal(service)}/plans").text
    assert shop.available() == 250
    assert not shop.billing.audit()


@pytest.mark.database("sqlite")
def test_who_bought_nothing_has_nothing_to_look_after(service: Service, shop: Shop) -> None:
    shop.stock()
    assert "Manage subscription" not in service.client.get(f"{portal(service)}/plans").text
    assert service.client.post(f"{portal(service)}/subscription").status_code == 409


@pytest.mark.database("sqlite")
def test_who_has_only_seen_a_checkout_has_nothing_to_look_after(service: Service, shop: Shop) -> None:
    """Stripe knows them from then on, but nothing of theirs."""
    shop.stock()
    press(service, f"{portal(service)}/plans", plan="basic")
    press(service, f"{portal(service)}/topup", pack="small")
    assert shop.customers() and not looks_after(service)


@pytest.mark.database("sqlite")
def test_who_paid_for_a_topup_alone_sees_invoices_and_cards(service: Service, shop: Shop) -> None:
    shop.stock()
    press(service, f"{portal(service)}/topup", pack="small")
    shop.pay(shop.sessions()[0])
    shop.told()
    assert looks_after(service) == "Invoices and cards"
    assert service.client.post(f"{portal(service)}/subscription").status_code == 303
    service.app.extensions[EXTENSION] = State(shop.billing, settings())
    apart = service.client.post(f"{portal(service)}/subscription").text
    assert "Your invoices and cards" in apart and "cancel your plan" not in apart


@pytest.mark.database("sqlite")
def test_whose_plan_has_ended_sees_what_was_paid(service: Service, shop: Shop) -> None:
    subscribed(service, shop)
    assert looks_after(service) == "Manage subscription"
    shop.billing.cancel("team", now=True, key="end")
    shop.told()
    page = service.client.get(f"{portal(service)}/plans").text
    assert "Your Basic plan ended" in page and "Subscribe to Basic" in page
    assert looks_after(service) == "Invoices and cards"


@pytest.mark.database("sqlite")
def test_other_sites_open_nothing(service: Service, shop: Shop) -> None:
    subscribed(service, shop)
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example.com"}):
        assert service.client.post(f"{portal(service)}/subscription", headers=headers).status_code == 403


@pytest.mark.database("sqlite")
def test_what_can_go_wrong_is_said(service: Service, shop: Shop) -> None:
    subscribed(service, shop)
    shop.fail("500", times=3)
    silent = service.client.post(f"{portal(service)}/subscription")
    assert (silent.status_code, "One moment" in silent.text) == (503, True)
    service.app.extensions[EXTENSION] = State(shop.billing, settings())  # its portal is at a domain nobody knew before
    apart = service.client.post(f"{portal(service)}/subscription")
    assert apart.status_code == 200
    assert f'href="{shop.sandbox.url}/p/session/bps_' in apart.text
    shop.billing.gateway = None
    assert service.client.post(f"{portal(service)}/subscription").status_code == 503
    assert "Manage subscription" not in service.client.get(f"{portal(service)}/plans").text


@pytest.mark.database("sqlite")
def test_the_engine_asks_for_it(shop: Shop) -> None:
    assert shop.billing.customer_portal("team", return_url=BACK) is None
    with pytest.raises(UnknownCustomer):
        shop.billing.customer_portal("nobody", return_url=BACK)
    with pytest.raises(Invalid):
        shop.billing.customer_portal("team", return_url="javascript:alert(1)")
