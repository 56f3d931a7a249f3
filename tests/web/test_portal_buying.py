"""Buying in the portal: the pages, the way to Stripe, and the way back."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path
from threading import Event, Semaphore
from typing import Any

import pytest
from werkzeug.test import TestResponse

from billing import Gateway, StripeUnavailable
from billing.access.tokens import PortalLink, sign_portal_link
from billing.base.settings import Settings
from billing.testing import TestBilling
from tests.buying.shop import Shop, open_shop
from tests.buying.test_topups import EXPIRED, UNPAID, hold_back
from tests.sales.paid import tell
from tests.sandbox.serving import Watch
from tests.web.service import Service, service_on, settings
from web.state import EXTENSION, MOST_ASKING, State

pytestmark = pytest.mark.quick_on("sqlite")


@pytest.fixture
def shop(make_billing: Callable[..., TestBilling], tmp_path: Path, watch: Watch) -> Iterator[Shop]:
    with open_shop(make_billing, tmp_path, watch) as shop:
        yield shop


@pytest.fixture
def service(shop: Shop) -> Service:
    """Its Checkout is where its Stripe is."""
    service = service_on(shop.billing)
    based = replace(settings(), stripe_api_base=shop.sandbox.url)
    service.app.extensions[EXTENSION] = State(shop.billing, based)
    return service


def portal(service: Service, customer: str = "team") -> str:
    link = PortalLink(customer, "topup", service.billing.now + timedelta(hours=1))
    return "/portal/" + sign_portal_link(settings().secret_keys, link)


class Forms(HTMLParser):
    """A page's forms: where they go, and what they send."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.forms: list[tuple[str, dict[str, str]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        said = dict(attrs)
        if tag == "form":
            self.forms.append((said["action"], {}))
        elif tag == "input" and said.get("type") == "hidden":
            self.forms[-1][1][said["name"]] = said["value"]


def press(service: Service, page: str, **wanted: str) -> TestResponse:
    """The button of the form on that page that sends this."""
    forms = Forms(service.client.get(page).text).forms
    for action, sent in forms:
        if wanted.items() <= sent.items():
            return service.client.post(action, data=sent)
    raise AssertionError(f"no form sends {wanted}: {forms}")


def back(shop: Shop, number: int = 0) -> str:
    """Where the buyer of a session comes back to."""
    told = shop.stripe.v1.checkout.sessions.retrieve(shop.sessions()[number])
    assert told.success_url is not None and told.success_url == told.cancel_url
    return told.success_url.removeprefix("https://billing.example.com")


def test_from_the_packs_to_the_risen_balance(service: Service, shop: Shop) -> None:
    shop.billing.grant("team", 490, reason="Bonus", key="g")
    page = service.client.get(f"{portal(service)}/topup").text
    assert "490</strong> credits available now" in page
    assert "<dd>590</dd>" in page and "$10.00" in page and "<dd>1 year</dd>" in page
    sent = press(service, f"{portal(service)}/topup", pack="small")
    assert sent.status_code == 303
    assert sent.location.startswith(f"{shop.sandbox.url}/c/pay/")
    shop.pay(shop.sessions()[0])
    done = service.client.get(back(shop)).text
    assert "Payment received" in done
    assert '<p class="big">590</p>' in done
    assert "Paid" in service.client.get(f"{portal(service)}/topup").text


def test_the_page_settles_what_the_webhook_has_not_told(service: Service, shop: Shop) -> None:
    shop.events = False
    press(service, f"{portal(service)}/topup", pack="small")
    shop.pay(shop.sessions()[0])
    assert shop.available() == 0
    assert '<p class="big">100</p>' in service.client.get(back(shop)).text
    assert shop.available() == 100


@pytest.mark.database("sqlite")
def test_a_double_click_is_one_purchase(service: Service, shop: Shop) -> None:
    action, sent = Forms(service.client.get(f"{portal(service)}/topup").text).forms[0]
    first, second = (service.client.post(action, data=sent) for _ in range(2))
    assert first.location == second.location
    assert len(shop.sessions()) == 1
    other = service.client.post(action, data={**sent, "pack": "listed"})
    assert other.status_code == 422
    assert "choose again" in other.text


@pytest.mark.database("sqlite")
def test_who_comes_back_without_paying_is_told_so(service: Service, shop: Shop) -> None:
    press(service, f"{portal(service)}/topup", pack="small")
    left = service.client.get(back(shop)).text
    assert "Nothing was charged" in left and "Continue to payment" in left
    shop.pay(shop.sessions()[0], card="4000000000000002")
    assert "card was declined" in service.client.get(back(shop)).text


@pytest.mark.database("sqlite")
@pytest.mark.parametrize(
    ("changes", "kind", "says", "waits"),
    [
        (UNPAID, "checkout.session.completed", "Your payment is on its way", True),
        (UNPAID, "checkout.session.async_payment_failed", "The payment did not go through", False),
        (EXPIRED, "checkout.session.expired", "This purchase has expired", False),
    ],
)
def test_what_else_may_have_become_of_it(
    service: Service, shop: Shop, changes: dict[str, Any], kind: str, says: str, waits: bool
) -> None:
    press(service, f"{portal(service)}/topup", pack="small")
    assert tell(shop.billing, hold_back(shop, shop.sessions()[0], **changes), kind).status == "done"
    page = service.client.get(back(shop))
    assert says in page.text
    assert page.headers.get("Refresh") == ("5" if waits else None)
    assert ("See the packs" in page.text) == (not waits)
    assert len(re.findall("not(hing was)? charged", page.text)) <= 1, "said once"
    wallet = service.client.get(portal(service)).text
    assert ("did not come" in wallet, "on their way" in wallet) == ("did not" in says, waits)


@pytest.mark.database("sqlite")
def test_stripe_does_not_answer(service: Service, shop: Shop) -> None:
    """Nothing is lost: the purchase has its page, which looks again by itself, and goes on."""
    shop.fail("429", times=9)
    sent = press(service, f"{portal(service)}/topup", pack="small")
    assert (sent.status_code, sent.location.startswith(portal(service))) == (303, True)
    waiting = service.client.get(sent.location)
    assert "Nothing is lost" in waiting.text
    assert waiting.headers["Refresh"] == "5"
    shop.sandbox.faults.clear()
    shop.later(minutes=1)
    assert "Continue to payment" in service.client.get(sent.location).text
    shop.fail("429", times=9, method="GET")
    again = service.client.get(sent.location)
    assert "Nothing is lost" in again.text and "Continue to payment" in again.text
    shop.sandbox.faults.clear()


@pytest.mark.database("sqlite")
def test_nothing_can_be_bought_without_a_key_of_stripes(service: Service, shop: Shop) -> None:
    shop.billing.gateway = None
    for page, wanted in (("topup", {"pack": "small"}), ("plans", {"plan": "pro"})):
        sent = press(service, f"{portal(service)}/{page}", **wanted)
        assert sent.status_code == 503
        assert "You were not charged" in sent.text


def test_a_plan(service: Service, shop: Shop) -> None:
    shop.stock()
    page = service.client.get(f"{portal(service)}/plans").text
    assert "You have no plan yet" in page
    assert "$20.00 per month" in page and "$5.00 per month" in page
    assert "Free" not in page
    sent = press(service, f"{portal(service)}/plans", plan="pro")
    assert sent.location.startswith(f"{shop.sandbox.url}/c/pay/")
    assert "Nothing was charged" in service.client.get(back(shop)).text
    shop.pay(shop.sessions()[0])
    done = service.client.get(back(shop)).text
    assert "Welcome to Pro" in done and '<p class="big">250</p>' in done
    page = service.client.get(f"{portal(service)}/plans").text
    assert "You are on the Pro plan, which renews on 1 Feb 2025." in page
    assert page.count("Your plan</span>") == 1
    refused = service.client.post(f"{portal(service)}/plans", data={"plan": "pro", "key": "another"})
    assert refused.status_code == 409
    assert "no second one was begun" in refused.text


@pytest.mark.database("sqlite")
def test_prices_are_asked_once_and_done_without(service: Service, shop: Shop, watch: Watch) -> None:
    shop.stock()
    shop.fail("429", times=1, path="/v1/prices", method="GET")
    assert service.client.get(f"{portal(service)}/plans").text.count("shown at checkout") == 3
    before = len(watch.asked)
    assert "shown at checkout" in service.client.get(f"{portal(service)}/plans").text
    assert len(watch.asked) == before, "it is left alone for a minute"
    service.app.extensions[EXTENSION] = State(shop.billing, settings())
    assert "$20.00" in service.client.get(f"{portal(service)}/plans").text
    asked = len(watch.asked)
    assert "$20.00" in service.client.get(f"{portal(service)}/plans").text
    assert len(watch.asked) == asked


@pytest.mark.database("sqlite")
@pytest.mark.parametrize(
    "headers",
    [{"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Origin": "https://evil.example.com"},
     {"Origin": "null"}],
)  # fmt: skip
def test_another_site_can_press_no_button(service: Service, shop: Shop, headers: dict[str, str]) -> None:
    for page, sent in (("topup", {"pack": "small", "key": "k"}), ("plans", {"plan": "pro", "key": "k"})):
        assert service.client.post(f"{portal(service)}/{page}", data=sent, headers=headers).status_code == 403
    assert shop.sessions() == []


@pytest.mark.database("sqlite")
def test_its_own_pages_can(service: Service) -> None:
    for origin in ("https://billing.example.com", "http://localhost"):
        sent = {"pack": "small", "key": f"k {origin}"}
        headers = {"Sec-Fetch-Site": "same-origin", "Origin": origin}
        assert service.client.post(f"{portal(service)}/topup", data=sent, headers=headers).status_code == 303


@pytest.mark.database("sqlite")
def test_forms_may_lead_to_checkout_and_nowhere_else(service: Service, shop: Shop) -> None:
    service.app.extensions[EXTENSION] = State(shop.billing, settings())
    policy = service.client.get(f"{portal(service)}/topup").headers["Content-Security-Policy"]
    assert "form-action 'self' https://checkout.stripe.com https://billing.stripe.com;" in policy
    based = {"SECRET_KEYS": "newest,older", "STRIPE_API_BASE": "http://127.0.0.1:4242/"}
    service.app.extensions[EXTENSION] = State(shop.billing, Settings.from_env(based))
    policy = service.client.get(f"{portal(service)}/topup").headers["Content-Security-Policy"]
    assert "form-action 'self' https://checkout.stripe.com https://billing.stripe.com http://127.0.0.1:4242;" in policy
    assert "form-action 'self';" in service.client.get("/docs").headers["Content-Security-Policy"]


@pytest.mark.database("sqlite")
def test_a_checkout_at_a_domain_of_its_own_is_a_click_further(service: Service, shop: Shop) -> None:
    """The policy holds a form to places known before; a link on the purchase's own page may lead anywhere."""
    service.app.extensions[EXTENSION] = State(shop.billing, settings())
    sent = press(service, f"{portal(service)}/topup", pack="small")
    assert (sent.status_code, sent.location.startswith(f"{portal(service)}/topups/top_")) == (303, True)
    assert f'href="{shop.sandbox.url}/c/pay/' in service.client.get(sent.location).text


@pytest.mark.database("sqlite")
def test_while_stripe_is_silent_those_who_wait_for_it_hold_half_of_the_threads(
    service: Service, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened, silent, asking = shop.buy(), Event(), Semaphore(0)

    def session(*_: object) -> None:
        asking.release()
        assert silent.wait(60)
        raise StripeUnavailable("silence")

    monkeypatch.setattr(Gateway, "session", session)
    page = f"{portal(service)}/topups/{opened.id}"
    with ThreadPoolExecutor(MOST_ASKING) as pool:
        waiting = [pool.submit(lambda: service.app.test_client().get(page)) for _ in range(MOST_ASKING)]
        assert all(asking.acquire(timeout=30) for _ in range(MOST_ASKING))
        answer = service.client.get(page)
        silent.set()
    assert "Nothing is lost" in answer.text
    assert not asking.acquire(blocking=False)
    assert all("Nothing is lost" in one.result().text for one in waiting)


@pytest.mark.database("sqlite")
def test_a_customer_sees_no_purchase_of_anothers(service: Service, shop: Shop) -> None:
    shop.billing.customer("other")
    opened = shop.buy(customer="other")
    for page in (f"topups/{opened.id}", "topups/top_nobody", "plans/chk_nobody"):
        answer = service.client.get(f"{portal(service)}/{page}")
        assert answer.status_code == 404
        assert "no such purchase" in answer.text


@pytest.mark.database("sqlite")
def test_no_page_has_code_in_it(service: Service, shop: Shop) -> None:
    opened = shop.buy()
    for page in ("topup", "plans", f"topups/{opened.id}"):
        text = service.client.get(f"{portal(service)}/{page}").text
        assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=|javascript:", text, re.IGNORECASE)


@pytest.mark.database("sqlite")
def test_names_are_shown_as_they_are(make_billing: Any, service: Service, shop: Shop) -> None:
    shop.billing.customer("team", name="<script>alert(1)</script>")
    assert "<script>alert" not in service.client.get(f"{portal(service)}/topup").text
