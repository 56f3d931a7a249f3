"""The same life, told in the shape of each version of Stripe's interface: it ends in the same books."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.buying.shop import SECRET, Shop
from tests.listening.hearing import subscribe

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("shape", ["endive", "acacia", "hybrid", "thin"])
def test_a_life_in_every_shape(shop: Shop, shape: str) -> None:
    shop.events = True
    shop.sandbox.listen("http://shop.example/", SECRET, deliver=shop._deliver, shape=shape)
    id = subscribe(shop)
    opened = shop.buy()
    shop.pay(opened.session)
    assert shop.available() == 350
    intent = shop.stripe.v1.checkout.sessions.retrieve(opened.session).payment_intent
    shop.sandbox.dashboard.refund(str(intent), 300)
    shop.sandbox.drain()
    assert shop.available() == 320
    shop.stripe.v1.subscriptions.update(id, {"cancel_at_period_end": True})
    shop.sandbox.drain()
    found = shop.billing.subscription("team")
    assert found is not None and found.cancel_at is not None
    shop.billing.clock.move(shop.billing.now + timedelta(days=32))
    shop.sandbox.advance(to=shop.billing.now)
    ended = shop.billing.subscription("team")
    assert ended is not None and ended.status == "canceled"
    left = shop.billing.stripe_events(status="waiting") + shop.billing.stripe_events(status="failed")
    assert [(one.type, one.reason) for one in left] == []
    if shape == "thin":
        assert any(one.type == "v1.invoice.paid" for one in shop.billing.stripe_events(status="done"))


@pytest.mark.parametrize(
    "said", [{"twice": True}, {"twin": True}, {"order": "reverse"}, {"order": "shuffle", "seed": 3}]
)
def test_a_life_however_it_is_delivered(shop: Shop, said: dict[str, object]) -> None:
    shop.events = True
    shop.sandbox.listen("http://shop.example/", SECRET, deliver=shop._deliver)
    faults = shop.sandbox.delivery.faults
    for name, value in said.items():
        setattr(faults, name, value)
    subscribe(shop)
    shop.pay(shop.buy().session)
    shop.sandbox.drain()
    assert shop.available() == 350
    shop.billing.clock.move(shop.billing.now + timedelta(days=32))
    shop.sandbox.advance(to=shop.billing.now)
    assert [one.granted for one in shop.billing.buckets("team", limit=100)].count(250) == 2
    told = [one.type for one in shop.billing.stripe_events(limit=100)]
    assert told.count("invoice.paid") == (4 if "twin" in said else 2)
    assert shop.heard > len(told) + 4 if "twice" in said else True
