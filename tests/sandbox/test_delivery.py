"""Deliveries that go wrong, and endpoints that are told in other shapes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
import requests
import stripe

from tests.sandbox.serving import Listener, client
from tests.sandbox.shop import Shop, at
from tests.sandbox.test_refunds import bought
from web.sandbox import Sandbox


@dataclass
class Raw:
    """An endpoint that keeps what comes as it comes."""

    sandbox: Sandbox
    shape: str = "endive"
    url: str = "http://raw.test/hooks"
    heard: list[tuple[bytes, str]] = field(default_factory=list)

    def listen(self, *types: str) -> str:
        return self.sandbox.listen(self.url, "whsec_raw", types or ("*",), self, shape=self.shape)

    def __call__(self, body: bytes, signature: str) -> int:
        self.heard.append((body, signature))
        return 200

    @property
    def events(self) -> list[dict[str, Any]]:
        import json

        return [json.loads(body) for body, _ in self.heard]


def deliver(sandbox: Sandbox, **said: Any) -> dict[str, Any]:
    answer = requests.post(f"{sandbox.url}/_sandbox/deliver", json=said, timeout=10)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def names(listener: Listener) -> list[str]:
    return [event.data.object.name for event in listener.events]


def test_out_of_order(shop: Shop, sandbox: Sandbox, listener: Listener) -> None:
    for order, seed in (("reverse", 0), ("shuffle", 1), ("shuffle", 2)):
        deliver(sandbox, hold=True, order=order, seed=seed)
        for name in "abcdefgh":
            shop.v1.products.create({"name": name})
        deliver(sandbox, hold=False)
        assert sandbox.drain()
    first, second, third = (names(listener)[start : start + 8] for start in (0, 8, 16))
    assert first == list("hgfedcba")
    assert sorted(second) == sorted(third) == list("abcdefgh") and second != third
    deliver(sandbox, order="sent")


def test_some_types_are_held_while_others_pass(shop: Shop, sandbox: Sandbox, listener: Listener) -> None:
    """The invoice is paid before anybody hears of the session."""
    deliver(sandbox, hold=True, types=["checkout.session.completed", "customer.subscription.created"])
    shop.subscribe()
    assert sandbox.drain()
    assert "invoice.paid" in listener.types and "checkout.session.completed" not in listener.types
    assert "customer.subscription.created" not in listener.types
    deliver(sandbox, hold=False, types=[])
    assert sandbox.drain()
    assert listener.types[-2:] == ["customer.subscription.created", "checkout.session.completed"]


def test_a_twin_is_another_event_of_the_same_fact(shop: Shop, sandbox: Sandbox, listener: Listener) -> None:
    deliver(sandbox, twin=True)
    made = shop.v1.products.create({"name": "x"})
    assert sandbox.drain()
    deliver(sandbox, twin=False)
    one, other = listener.events
    assert one.id != other.id and one.data.object.id == other.data.object.id == made.id
    assert {event.id for event in shop.v1.events.list({"type": "product.created"}).data} == {one.id, other.id}
    answers = deliver(sandbox, events=[other.id, one.id], **{"as": "twin"})["answers"]
    assert answers == ["200", "200"] and len({event.id for event in listener.events}) == 4


def test_old_ones_again_in_an_order_of_ones_own(shop: Shop, sandbox: Sandbox, listener: Listener) -> None:
    for name in "abc":
        shop.v1.products.create({"name": name})
    assert sandbox.drain()
    ids = [event.id for event in listener.events]
    deliver(sandbox, events=[ids[2], ids[0]])
    assert names(listener) == ["a", "b", "c", "c", "a"]
    answer = requests.post(f"{sandbox.url}/_sandbox/deliver", json={"events": ["evt_no"]}, timeout=10)
    assert answer.status_code == 400
    for wrong in ({"order": "upwards"}, {"sign": "twice"}, {"colour": "red"}):
        assert requests.post(f"{sandbox.url}/_sandbox/deliver", json=wrong, timeout=10).status_code == 400


def test_later(shop: Shop, sandbox: Sandbox, listener: Listener) -> None:
    deliver(sandbox, delay=1, types="customer.created")
    shop.customer()
    shop.v1.products.create({"name": "x"})
    assert sandbox.drain()
    assert listener.types == ["product.created", "customer.created"]


def test_signatures_that_are_old_wrong_or_stale(shop: Shop, sandbox: Sandbox) -> None:
    raw = Raw(sandbox)
    endpoint = raw.listen()
    secret = sandbox.dashboard.roll_secret(endpoint)

    def opens(with_secret: str) -> bool:
        shop.v1.products.create({"name": "x"})
        assert sandbox.drain()
        try:
            stripe.Webhook.construct_event(*raw.heard[-1], with_secret)
        except stripe.SignatureVerificationError:
            return False
        return True

    assert [opens("whsec_raw"), opens(secret)] == [True, True]
    deliver(sandbox, sign="old")
    assert [opens("whsec_raw"), opens(secret)] == [True, False]
    deliver(sandbox, sign="new")
    assert [opens("whsec_raw"), opens(secret)] == [False, True]
    deliver(sandbox, sign="wrong")
    assert [opens("whsec_raw"), opens(secret)] == [False, False]
    deliver(sandbox, sign="all", age=301)
    assert not opens(secret)
    deliver(sandbox, age=0)
    rolled = requests.post(
        f"{sandbox.url}/_sandbox/endpoint", json={"endpoint": endpoint, "roll": True, "overlap": 0}, timeout=10
    ).json()
    assert [opens(secret), opens(rolled["secret"])] == [False, True]  # the day is over


def test_as_if_from_elsewhere(shop: Shop, sandbox: Sandbox) -> None:
    raw = Raw(sandbox)
    raw.listen()
    deliver(sandbox, live=True, account="acct_1Other")
    shop.customer()
    assert sandbox.drain()
    (told,) = raw.events
    assert (told["livemode"], told["data"]["object"]["livemode"], told["account"]) == (True, True, "acct_1Other")
    deliver(sandbox, live=False, account=None)
    shop.customer()
    assert sandbox.drain()
    assert raw.events[1]["livemode"] is False and "account" not in raw.events[1]


@pytest.mark.parametrize("shape", ["acacia", "hybrid"])
def test_as_before_basil(shop: Shop, sandbox: Sandbox, shape: str) -> None:
    raw = Raw(sandbox, shape)
    raw.listen()
    subscription = shop.subscribe()
    charge = shop.v1.charges.list().data[0]
    shop.v1.refunds.create({"charge": charge.id})
    assert sandbox.drain()
    told = {event["type"]: event["data"]["object"] for event in raw.events}
    assert {event["api_version"] for event in raw.events} == {"2024-09-30.acacia"}
    invoice, running = told["invoice.paid"], told["customer.subscription.created"]
    (line,) = invoice["lines"]["data"]
    assert (invoice["subscription"], invoice["paid"], invoice["charge"]) == (subscription.id, True, charge.id)
    assert invoice["payment_intent"] == charge.payment_intent == told["payment_intent.succeeded"]["id"]
    assert told["charge.refunded"]["invoice"] == invoice["id"]
    assert (line["price"]["id"], line["plan"]["id"]) == (subscription["items"].data[0].price.id,) * 2
    assert (line["type"], line["proration"], line["subscription"]) == ("subscription", False, subscription.id)
    assert running["current_period_end"] == subscription["items"].data[0].current_period_end
    new = shape == "hybrid"
    assert [("parent" in thing) for thing in (invoice, line)] == [new, new] and ("pricing" in line) == new
    assert ("current_period_end" in running["items"]["data"][0]) == new


def test_by_the_version_of_the_endpoint(shop: Shop, sandbox: Sandbox) -> None:
    made = shop.v1.webhook_endpoints.create(
        {"url": "http://127.0.0.1:9/x", "enabled_events": ["charge.succeeded"], "api_version": "2024-06-20"}
    )
    assert made.api_version == "2024-06-20"
    raw = Raw(sandbox, url="http://127.0.0.1:9/x")
    sandbox.delivery.near[raw.url] = raw
    bought(shop)
    assert sandbox.drain() and "invoice" in raw.events[0]["data"]["object"]


def test_thin(shop: Shop, sandbox: Sandbox) -> None:
    raw = Raw(sandbox, "thin")
    raw.listen("invoice.paid", "refund.created", "checkout.session.completed")
    shop.subscribe()
    shop.v1.refunds.create({"charge": shop.v1.charges.list().data[0].id})
    assert sandbox.drain()
    asking = client(sandbox)
    for body, signature in raw.heard:
        told: Any = asking.parse_event_notification(body, signature, "whsec_raw")
        assert told.fetch_related_object().id == told.related_object.id
        assert told.fetch_event().snapshot_event.startswith("evt_")
    assert [event["type"] for event in raw.events] == [
        "v1.invoice.paid",
        "v1.checkout.session.completed",
        "v1.refund.created",
    ]
    assert requests.get(f"{sandbox.url}/v2/core/events/evt_1", timeout=10).status_code == 401


def test_endpoints_change(shop: Shop, sandbox: Sandbox, listener: Listener) -> None:
    (there,) = shop.v1.webhook_endpoints.list().data
    changed = shop.v1.webhook_endpoints.update(there.id, {"enabled_events": ["product.created"], "description": "d"})
    assert (changed.enabled_events, changed.description) == (["product.created"], "d")
    shop.customer()
    shop.v1.products.create({"name": "x"})
    assert sandbox.drain() and listener.types == ["product.created"]
    assert shop.v1.webhook_endpoints.update(there.id, {"disabled": True}).status == "disabled"
    shop.v1.products.create({"name": "y"})
    assert sandbox.drain() and listener.types == ["product.created"]
    strange: Any = {"url": "ftp://x"}
    with pytest.raises(stripe.InvalidRequestError, match="explicit scheme"):
        shop.v1.webhook_endpoints.update(there.id, strange)


def test_events_are_shown_for_thirty_days(shop: Shop, sandbox: Sandbox, listener: Listener) -> None:
    sandbox.start_at(at("2027-01-01 00:00"))
    shop.v1.products.create({"name": "x"})
    (event,) = shop.v1.events.list().data
    sandbox.advance(at("2027-01-31 00:00"))
    assert len(shop.v1.events.list().data) == 1
    sandbox.advance(at("2027-01-31 00:01"))
    assert shop.v1.events.list().data == []
    with pytest.raises(stripe.InvalidRequestError, match="No such event"):
        shop.v1.events.retrieve(event.id)


def test_an_invoice_of_many_lines_shows_the_first(shop: Shop, sandbox: Sandbox) -> None:
    raw = Raw(sandbox)
    raw.listen("invoice.paid")
    customer, price = shop.customer(payment_method="pm_card_visa"), shop.pack(100)
    for _ in range(12):
        shop.v1.invoice_items.create({"customer": customer.id, "pricing": {"price": price.id}})
    made = shop.v1.invoices.create({"customer": customer.id, "pending_invoice_items_behavior": "include"})
    shop.v1.invoices.pay(made.id, {"payment_method": "pm_card_visa"})
    assert sandbox.drain()
    lines = raw.events[0]["data"]["object"]["lines"]
    assert (len(lines["data"]), lines["has_more"]) == (10, True)
    assert len(shop.v1.invoices.line_items.list(made.id, {"limit": 100}).data) == 12


def test_what_the_dashboard_does(shop: Shop, sandbox: Sandbox, listener: Listener) -> None:
    plan = shop.plan(2_000)
    shop.v1.prices.update(plan.id, {"lookup_key": "pro"})
    new = requests.post(
        f"{sandbox.url}/_sandbox/price", json={"price": plan.id, "unit_amount": 2_500}, timeout=10
    ).json()
    assert (new["unit_amount"], new["lookup_key"], new["recurring"]["interval"]) == (2_500, "pro", "month")
    assert not shop.v1.prices.retrieve(plan.id).active
    subscription = shop.subscribe(shop.plan())
    gone = requests.post(f"{sandbox.url}/_sandbox/delete", json={"customer": subscription.customer}, timeout=10).json()
    assert gone["deleted"] and shop.again(subscription).status == "canceled"
    assert sandbox.drain() and listener.types[-2:] == ["customer.deleted", "customer.subscription.deleted"]
