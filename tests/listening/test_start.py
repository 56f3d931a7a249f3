"""STRIPE_START: an account with years of history is connected, and grants nothing for what was paid before."""

from __future__ import annotations

from datetime import timedelta

import pytest

from billing.base.settings import Settings, SettingsInvalid
from tests.buying.shop import Shop
from tests.listening.hearing import happened, subscribe, tell

pytestmark = pytest.mark.quick_on("sqlite")


def test_what_was_paid_before_it_grants_nothing_whatever_the_setting_becomes(shop: Shop) -> None:
    subscribe(shop)
    paid = happened(shop, "invoice.paid")
    shop.billing.stripe_start = shop.billing.now + timedelta(days=1)
    told = tell(shop, paid)
    assert told.status == "done" and "before our time" in (told.reason or "")
    shop.billing.stripe_start = None
    assert "before our time" in (tell(shop, {**paid, "id": "evt_twin"}).reason or "")
    assert shop.available() == 0


@pytest.mark.slow
def test_from_then_on_everything_counts(shop: Shop) -> None:
    shop.billing.stripe_start = shop.billing.now + timedelta(days=1)
    subscribe(shop)
    tell(shop, happened(shop, "invoice.paid"))
    tell(shop, happened(shop, "customer.subscription.created"))
    assert shop.available() == 0
    shop.billing.clock.move(shop.billing.now + timedelta(days=32))
    shop.sandbox.advance(to=shop.billing.now)
    tell(shop, happened(shop, "invoice.paid"))
    assert shop.available() == 250


@pytest.mark.slow
def test_a_session_of_the_past_brings_nothing_on_any_way(shop: Shop) -> None:
    opened = shop.buy()
    shop.pay(opened.session)
    shop.billing.stripe_start = shop.billing.now + timedelta(days=1)
    assert "before our time" in (shop.billing.settle(opened.session).note or "")
    assert "before our time" in (tell(shop, happened(shop, "checkout.session.completed")).reason or "")
    assert shop.available() == 0


@pytest.mark.slow
def test_nor_does_looking_through_years_of_it(shop: Shop) -> None:
    subscribe(shop)
    shop.billing.clock.move(shop.billing.now + timedelta(days=100))
    shop.sandbox.advance(to=shop.billing.now)
    shop.billing.stripe_start = shop.billing.now - timedelta(days=20)
    found = [
        one
        for piece in shop.billing.look_through_stripe(since=shop.billing.now - timedelta(days=400))
        for one in piece.healed
    ]
    assert {one.status for one in found} <= {"done", "ignored"}
    assert len(shop.billing.buckets("team", limit=100)) == 1  # the one renewal since then


@pytest.mark.slow
def test_what_has_brought_credits_stays_of_our_time(shop: Shop) -> None:
    """The setting is moved on by mistake: what was granted is still there to be refunded."""
    subscribe(shop)
    paid = happened(shop, "invoice.paid")
    tell(shop, paid)
    shop.billing.stripe_start = shop.billing.now + timedelta(days=1)
    assert tell(shop, {**paid, "id": "evt_twin"}).reason == "applied before"
    intent = shop.stripe.v1.invoice_payments.list({"invoice": paid["data"]["object"]["id"]}).data[0].payment
    shop.billing.stripe_start = shop.billing.now
    shop.sandbox.dashboard.refund(str(intent.payment_intent), 1000)
    assert tell(shop, happened(shop, "refund.created")).status == "done"
    assert shop.available() == 125


LIVE = {"STRIPE_SECRET_KEY": "rk_live_" + "x" * 5, "SECRET_KEYS": "k"}


def test_it_is_required_with_a_live_key() -> None:
    with pytest.raises(SettingsInvalid, match="STRIPE_START"):
        Settings.from_env(LIVE)
    with pytest.raises(SettingsInvalid, match="STRIPE_START"):
        Settings.from_env({**LIVE, "STRIPE_START": "soon"})
    found = Settings.from_env({**LIVE, "STRIPE_START": "2026-11-01T01:00:00+01:00"}).stripe_start
    assert found is not None and found.isoformat() == "2026-11-01T00:00:00+00:00"
    assert Settings.from_env({"SECRET_KEYS": "k", "STRIPE_SECRET_KEY": "sk_test_x"}).stripe_start is None
