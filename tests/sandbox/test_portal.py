"""The customer portal: a page, and the same by a program."""

from __future__ import annotations

import re
from typing import Any

import pytest
import requests
import stripe

from tests.sandbox.serving import Listener
from tests.sandbox.shop import DECLINED_LATER, Shop, at, shown
from web.sandbox import Sandbox
from web.sandbox.errors import Refused

pytestmark = pytest.mark.slow  # a stand-in's own ways: what the engine stands on is tried by its tests


def opened(shop: Shop, subscription: stripe.Subscription, **fields: Any) -> stripe.billing_portal.Session:
    params: Any = {"customer": str(subscription.customer), "return_url": "http://127.0.0.1:9/back", **fields}
    return shop.v1.billing_portal.sessions.create(params)


def post(url: str, **form: Any) -> requests.Response:
    return requests.post(url, form, timeout=10)


def test_who_cancels_there_has_cancel_at_alone(shop: Shop, sandbox: Sandbox, listener: Listener) -> None:
    """Not `cancel_at_period_end`, which the interface sets."""
    sandbox.start_at(at("2027-01-31 00:00"))
    subscription = shop.subscribe()
    session = opened(shop, subscription)
    page = requests.get(session.url, timeout=10)
    assert page.status_code == 200 and "Cancel the subscription" in page.text and "http://127.0.0.1:9/back" in page.text
    listener.events.clear()
    page = post(session.url, act="cancel", subscription=subscription.id)
    assert page.status_code == 200 and "Ends on 28 Feb 2027" in page.text
    leaving = shop.again(subscription)
    assert (shown(leaving.cancel_at or 0), leaving.cancel_at_period_end) == ("2027-02-28 00:00", False)
    assert listener.types == ["customer.subscription.updated"]  # told before the customer is sent on
    assert "Renews on" in post(session.url, act="keep", subscription=subscription.id).text
    assert shop.again(subscription).cancel_at is None
    sandbox.portal.act(session.id, "cancel")
    sandbox.advance(at("2027-03-01 00:00"))
    assert shop.again(subscription).status == "canceled"
    assert "No subscription runs." in requests.get(session.url, timeout=10).text


def test_another_plan_and_another_card(shop: Shop, sandbox: Sandbox) -> None:
    sandbox.start_at(at("2027-04-01 00:00"))
    subscription, dearer = shop.subscribe(shop.plan(1_000)), shop.plan(2_000)
    sandbox.advance(at("2027-04-11 00:00"))
    session = opened(shop, subscription)
    assert "$20.00 every month" in requests.get(session.url, timeout=10).text
    post(session.url, act="switch", subscription=subscription.id, price=dearer.id, quantity="2")
    changed = shop.again(subscription)
    assert (changed.items.data[0].price.id, changed.items.data[0].quantity) == (dearer.id, 2)
    assert shop.invoices(subscription)[-1].amount_paid == 2_000  # two thirds of 40, less two thirds of 10
    # A card that is declined changes nothing.
    post(session.url, act="card", card=DECLINED_LATER)
    refused = post(session.url, act="switch", subscription=subscription.id, quantity="3")
    assert refused.status_code == 402 and "Your card was declined. Nothing was changed." in refused.text
    assert shop.again(subscription).items.data[0].quantity == 2 and len(shop.invoices(subscription)) == 2
    with pytest.raises(Refused, match="declined"):
        sandbox.portal.act(session.id, "card", card="4000000000000002")
    post(session.url, act="card", card=Sandbox.CARD)
    sandbox.portal.act(session.id, "switch", quantity=3)
    assert shop.again(subscription).items.data[0].quantity == 3


def test_as_it_is_set_up(shop: Shop, sandbox: Sandbox) -> None:
    sandbox.start_at(at("2027-04-01 00:00"))
    subscription, offered, hidden = shop.subscribe(shop.plan(1_000)), shop.plan(3_000), shop.plan(7_777)
    update: Any = {
        "enabled": True,
        "default_allowed_updates": ["price"],
        "proration_behavior": "create_prorations",
        "products": [{"product": str(offered.product), "prices": [offered.id]}],
    }
    cancel: Any = {"enabled": True, "mode": "immediately", "proration_behavior": "always_invoice"}
    setup = shop.v1.billing_portal.configurations.create(
        {"features": {"subscription_update": update, "subscription_cancel": cancel}}
    )
    session = opened(shop, subscription, configuration=setup.id)
    page = requests.get(session.url, timeout=10).text
    assert "$30.00 every month" in page and "$77.77" not in page
    assert "How many" not in page and "Another card" not in page
    sandbox.advance(at("2027-04-16 00:00"))
    for form in ({"price": hidden.id}, {"quantity": "2"}):
        assert post(session.url, act="switch", subscription=subscription.id, **form).status_code == 400
    post(session.url, act="switch", subscription=subscription.id, price=offered.id)
    assert [one.amount for one in shop.v1.invoice_items.list({"pending": True}).data[::-1]] == [-500, 1_500]
    sandbox.portal.act(session.id, "cancel")
    assert shop.again(subscription).status == "canceled"
    assert shop.invoices(subscription)[-1].total == -500  # 1,500 of it is not used either
    off = shop.v1.billing_portal.configurations.update(
        setup.id, {"features": {"subscription_cancel": {"enabled": False}}}
    )
    assert not off.features.subscription_cancel.enabled and off.features.subscription_update.enabled
    assert shop.v1.billing_portal.configurations.retrieve(setup.id).id == setup.id
    assert [one.id for one in shop.v1.billing_portal.configurations.list().data] == [setup.id]


def test_it_opens_from_the_sandboxs_own_page(shop: Shop, sandbox: Sandbox) -> None:
    subscription = shop.subscribe()
    assert "Open their portal" in requests.get(f"{sandbox.url}/_sandbox/", timeout=10).text
    page = post(f"{sandbox.url}/p/session", customer=str(subscription.customer))
    assert page.status_code == 200 and "Cancel the subscription" in page.text and 'href="/_sandbox/"' in page.text
    assert not re.search(r"<script|style=|\son\w+=", page.text)
    assert post(f"{sandbox.url}/p/session", customer="cus_no").status_code == 404


def test_strangers_are_not_there(shop: Shop, sandbox: Sandbox) -> None:
    mine, other = shop.subscribe(), shop.subscribe()
    session = opened(shop, mine)
    assert post(session.url, act="cancel", subscription=other.id).status_code == 404
    assert shop.again(other).cancel_at is None
    assert post(session.url, act="dance", subscription=mine.id).status_code == 400
    assert requests.get(f"{sandbox.url}/p/session/bps_no", timeout=10).status_code == 404
    shop.v1.customers.delete(str(mine.customer))
    assert requests.get(session.url, timeout=10).status_code == 404
