"""What never arrived is found: by Stripe's events, and past their thirty days by what customers paid."""

from __future__ import annotations

from datetime import timedelta

import pytest

from billing import StripeNotConfigured, StripeUnavailable
from tests.buying.shop import Shop
from tests.listening.hearing import happened, subscribe, tell

pytestmark = pytest.mark.quick_on("sqlite")


def look(shop: Shop) -> list[str]:
    """The types of what was found, sorted, and had never arrived."""
    found = [one for piece in shop.billing.look_through_stripe() for one in piece.healed]
    assert {one.status for one in found} <= {"done", "ignored"}, found
    return sorted(one.type for one in found)


def test_what_never_arrived_is_found_once(shop: Shop) -> None:
    subscribe(shop)
    assert shop.available() == 0
    assert {"invoice.paid", "customer.subscription.created", "checkout.session.completed"} <= set(look(shop))
    assert shop.available() == 250
    assert shop.billing.subscription("team") is not None
    shop.billing.advance(by=timedelta(minutes=31))
    assert look(shop) == []
    tell(shop, happened(shop, "invoice.paid"))
    assert shop.available() == 250


@pytest.mark.slow
def test_the_step_does_it_and_goes_on_where_it_stopped(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    subscribe(shop)
    monkeypatch.setattr("billing.stripe.listing.PAGE", 1)
    steps = 0
    while shop.billing.sync_stripe():
        steps += 1
    assert steps >= 1 and shop.available() == 250
    assert len({one.id for one in shop.billing.stripe_events()}) == len(shop.billing.stripe_events())


@pytest.mark.slow
def test_an_outage_in_the_middle(shop: Shop) -> None:
    subscribe(shop)
    shop.fail("500", times=9, path="/v1/events", method="GET")
    assert shop.billing.sync_stripe().more is False
    with pytest.raises(StripeUnavailable):
        look(shop)
    shop.sandbox.faults.clear()
    assert "invoice.paid" in look(shop)
    assert shop.available() == 250


@pytest.mark.slow
def test_past_thirty_days_customers_are_looked_through(shop: Shop) -> None:
    """A webhook that was down for two months: Stripe lists the events no more, and has the invoices still."""
    look(shop)
    subscribe(shop)
    shop.billing.clock.move(shop.billing.now + timedelta(days=62))
    shop.sandbox.advance(to=shop.billing.now)
    assert look(shop).count("invoice.paid") == 3
    granted = [one.granted for one in shop.billing.buckets("team", limit=100)]
    assert granted == [250, 250, 250]
    assert look(shop) == []


@pytest.mark.slow
def test_customers_are_looked_through_on_request(shop: Shop) -> None:
    subscribe(shop)
    pieces = list(shop.billing.look_through_stripe(since=shop.billing.now - timedelta(days=400)))
    healed = [one.type for piece in pieces for one in piece.healed]
    assert healed.count("invoice.paid") == 1  # by its event; the invoice itself says no more
    assert shop.available() == 250


@pytest.mark.slow
def test_without_a_key_there_is_nothing_to_look_through(shop: Shop) -> None:
    shop.billing.gateway = None
    assert shop.billing.sync_stripe().more is False
    with pytest.raises(StripeNotConfigured):
        look(shop)
