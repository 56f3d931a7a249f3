"""Real invoices through the webhook and the inbox, on both databases: each is granted once, or waits and says why."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from billing.base.clock import SystemClock
from billing.catalog.loading import parse
from billing.catalog.terms import Catalog
from billing.inbox.values import StripeEvent
from billing.stripe import signature
from billing.testing import TestBilling
from tests.stories.books import all_entries, books
from tests.stripe import recorded
from tests.web.service import service_on

pytestmark = [recorded.needed, pytest.mark.quick_on("sqlite")]

SECRET = "whsec_recorded"

CATALOG = parse("""
[plans.monthly]
name = "Monthly"
credits = 100
prices = ["small-monthly", "default"]

[plans.yearly]
name = "Yearly"
credits = 200
prices = ["small-annual"]

[packs.pack]
name = "Pack"
credits = 10
prices = { usd = 100 }
stripe_prices = [
    "price_NORMALIZED", "price_1PmHofKXBGcbgpbZCVOHQep3", "price_1SRzrgKXBGcbgpbZvfGLni0c",
    "price_1ILVZaKXBGcbgpbZQ26kgXWG", "price_1KOpJJKXBGcbgpbZyDoF66XQ",
]
""")


def price(line: recorded.Json) -> str:
    found: str = ((line.get("pricing") or {}).get("price_details") or {}).get("price") or line["price"]["id"]
    return found


def off(line: recorded.Json) -> int:
    return sum(one["amount"] for one in line["discount_amounts"])


def is_change(document: recorded.Json) -> bool:
    return any(line["amount"] < 0 for line in document["lines"]["data"])


def paid_invoices() -> dict[str, recorded.Json]:
    """The invoices that are paid and name their lines apart, by file."""
    found = {}
    for name, document in recorded.documents().items():
        event = document.get("object") == "event" if isinstance(document, dict) else False
        held = document["data"]["object"] if event else document
        lines = held.get("lines", {}).get("data", []) if held.get("object") == "invoice" else []
        told = event and document["type"] != "invoice.paid"
        apart = len({line["id"] for line in lines}) == len(lines)
        if held.get("object") == "invoice" and held["status"] == "paid" and apart and not told:
            found[name] = held
    return found


INVOICES = paid_invoices()
GRANTED = {name: held for name, held in INVOICES.items() if not is_change(held) and held["lines"]["data"]}
CHANGES = {name: held for name, held in INVOICES.items() if is_change(held)}


def as_event(held: recorded.Json, id: str) -> recorded.Json:
    created = held["status_transitions"]["paid_at"]
    return {"id": id, "object": "event", "type": "invoice.paid", "created": created, "livemode": False,
            "api_version": "2025-11-17.clover", "data": {"object": held}}  # fmt: skip


@dataclass
class Stripe:
    """Sends what it has recorded to an engine's webhook, signed."""

    billing: TestBilling

    def send(self, held: recorded.Json, id: str = "evt_fresh") -> StripeEvent:
        body = json.dumps(as_event(held, id)).encode()
        header = signature.sign(body, SECRET, SystemClock().now())
        answer = service_on(self.billing).client.post(
            "/webhooks/stripe", data=body, headers={"Stripe-Signature": header, "Content-Type": "application/json"}
        )
        assert answer.status_code == 200, answer.text
        return next(event for event in self.billing.stripe_events() if event.id == id)


Open = Callable[..., Stripe]


@pytest.fixture
def opened(make_billing: Callable[..., TestBilling]) -> Open:
    """An engine at the later of the line's period start and the time it was paid, the Stripe customer linked."""

    def open_for(held: recorded.Json, catalog: Catalog = CATALOG) -> Stripe:
        starts = [line["period"]["start"] for line in held["lines"]["data"]]
        at = max([held["status_transitions"]["paid_at"], *starts])
        billing = make_billing(catalog=catalog, start=datetime.fromtimestamp(at, UTC), webhook_secrets=[SECRET])
        billing.customer("team", stripe_customer_id=held["customer"])
        return Stripe(billing)

    return open_for


def expected(held: recorded.Json) -> list[tuple[str, int, int]]:
    """(kind, credits, cents) of each line, read without any code of ours."""
    plans = {"small-monthly": 100, "default": 100, "small-annual": 200}
    return sorted(
        ("plan" if price(line) in plans else "pack", plans.get(price(line), 10) * line["quantity"],
         line["amount"] - off(line))
        for line in held["lines"]["data"]
    )  # fmt: skip


def granted(billing: TestBilling) -> list[tuple[str, int, int]]:
    kinds = {"allocation": "plan", "topup": "pack"}
    found = [(kinds[one.origin.partition(":")[0]], one.granted, one.paid_cents) for one in billing.buckets("team")]
    return sorted(found)


def state(billing: TestBilling) -> object:
    return billing.wallet("team"), billing.buckets("team"), all_entries(billing, "team")


def test_there_is_what_is_to_be_replayed() -> None:
    created = [held for held in INVOICES.values() if held["billing_reason"] == "subscription_create"]
    assert len(created) == 13
    assert len([name for name in GRANTED if name.startswith("events/invoice.paid")]) == 7
    assert len(CHANGES) == 3


@pytest.mark.parametrize("name", GRANTED)
def test_a_paid_invoice_is_granted_once(opened: Open, name: str) -> None:
    held = GRANTED[name]
    stripe = opened(held)
    assert stripe.send(held).status == "done"
    assert granted(stripe.billing) == expected(held)
    assert sum(books(all_entries(stripe.billing, "team"))) == sum(cents for _, _, cents in expected(held))
    assert stripe.billing.wallet("team").available == sum(credits for _, credits, _ in expected(held))
    before = state(stripe.billing)
    assert stripe.send(held).status == "done"
    assert stripe.send(held, "evt_twin").status == "done"
    assert state(stripe.billing) == before


@pytest.mark.parametrize("name", CHANGES)
def test_a_switch_sells_the_year_and_takes_the_month_back_once_that_is_known(opened: Open, name: str) -> None:
    held = CHANGES[name]
    month, year = held["lines"]["data"]
    stripe = opened(held)
    waits = stripe.send(held)
    assert waits.status == "waiting" and "was changed in a period that was never granted here" in (waits.reason or "")
    assert [bucket.granted for bucket in stripe.billing.buckets("team")] == [200]
    assert sum(books(all_entries(stripe.billing, "team"))) == year["amount"]
    stripe.send(bought_before(held, month), "evt_before")
    assert stripe.billing.replay_stripe_event(waits.id).status == "done"
    stands = books(all_entries(stripe.billing, "team"))
    assert (stands.deferred, stands.credited) == (year["amount"], -month["amount"])
    assert stripe.billing.wallet("team").available == 200


def bought_before(held: recorded.Json, month: recorded.Json) -> recorded.Json:
    """The invoice that sold what the negative line gives back, whole: it was changed in its first seconds."""
    earlier = copy.deepcopy(held)
    start = month["period"]["end"] - 30 * 86_400
    bought = {**copy.deepcopy(month), "id": "il_before", "amount": -month["amount"], "discount_amounts": []}
    bought["period"] = {"start": start, "end": month["period"]["end"]}
    bought["parent"]["subscription_item_details"]["proration"] = False
    earlier |= {"id": "in_before", "billing_reason": "subscription_create", "created": start}
    earlier["status_transitions"]["paid_at"] = start
    earlier["lines"]["data"] = [bought]
    return earlier


@pytest.mark.parametrize("name", [name for name, held in INVOICES.items() if not held["lines"]["data"]])
def test_an_invoice_without_lines_brings_nothing(opened: Open, name: str) -> None:
    stripe = opened(INVOICES[name])
    assert stripe.send(INVOICES[name]).status == "done"
    assert stripe.billing.buckets("team") == []


SOME = [name for name in GRANTED if "2lines" in name or name.endswith("invoice.paid.1.json") or "coupons" in name]


@pytest.mark.parametrize("name", SOME)
def test_what_nothing_is_sold_for_is_granted_once_it_is(
    opened: Open, make_billing: Callable[..., TestBilling], name: str
) -> None:
    held = GRANTED[name]
    stripe = opened(held, Catalog.DEFAULT)
    waits = stripe.send(held)
    assert (waits.status, stripe.billing.buckets("team")) == ("waiting", [])
    assert "unknown price" in (waits.reason or "")
    mapped = make_billing(catalog=CATALOG, start=stripe.billing.now, webhook_secrets=[SECRET])
    assert mapped.replay_stripe_event(waits.id).status == "done"
    assert granted(mapped) == expected(held)
    assert mapped.replay_stripe_event(waits.id).status == "done"
    assert granted(mapped) == expected(held)


def test_a_negative_line_is_netted_and_a_net_below_zero_waits(opened: Open) -> None:
    """Made up from a recorded one: those with negative lines repeat their lines' ids."""
    held = copy.deepcopy(GRANTED["events/invoice.paid.1.json"])
    first = held["lines"]["data"][0]
    back: dict[str, Any] = {**copy.deepcopy(first), "id": "il_back", "amount": -8_000, "quantity": 1}
    held["lines"]["data"].append(back)
    stripe = opened(held)
    assert stripe.send(held).status == "done"
    assert granted(stripe.billing) == [("pack", 10 * first["quantity"], 40_000)]

    back["amount"] = -50_000
    held["id"], first["id"], back["id"] = "in_below", "il_below", "il_below_back"
    waits = stripe.send(held, "evt_below")
    assert waits.status == "waiting"
    assert "give back more than" in (waits.reason or "")
    assert len(stripe.billing.buckets("team")) == 1
