"""Everybody at once: one Stripe customer, one session per key, one grant."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from threading import Barrier
from typing import Any

import pytest

from billing import Busy, StripeUnavailable
from tests.buying.shop import SECRET, Shop


def at_once(acts: Sequence[Callable[[], Any]]) -> list[Any]:
    """Runs them in threads that start together; what is only busy is sent again, as a caller would."""
    together = Barrier(len(acts))

    def run(act: Callable[[], Any]) -> Any:
        together.wait(60)
        for _ in range(20):
            try:
                return act()
            except (Busy, StripeUnavailable):
                continue
        raise AssertionError("it never went through")

    with ThreadPoolExecutor(len(acts)) as pool:
        return [future.result(60) for future in [pool.submit(run, act) for act in acts]]


def settle_at_once(shop: Shop, rounds: int) -> None:
    heard: list[tuple[bytes, str]] = []

    def keep(body: bytes, signature: str) -> int:
        heard.append((body, signature))
        return 200

    shop.sandbox.listen("http://shop.example/", SECRET, deliver=keep)
    for number in range(rounds):
        opened = shop.buy(f"k{number}")
        heard.clear()
        shop.pay(opened.session)
        shop.billing.clock.move(shop.billing.now + timedelta(minutes=6))
        told = [said for said in heard if b'"checkout.session.completed"' in said[0]]
        assert len(told) == 1
        session = str(opened.session)
        acts: list[Callable[[], Any]] = [
            partial(shop.billing.receive_stripe_event, *told[0]),
            partial(shop.billing.settle, session),
            partial(shop.billing.settle, session),
            shop.billing.finish_conversations,
        ]
        at_once(acts)
        shop.billing.handle_stripe_events()
        assert shop.billing.find_topup("team", opened.id).status == "paid"
        assert shop.available() == 100 * (number + 1)
    origins = [bucket.origin for bucket in shop.billing.buckets("team", limit=1000)]
    assert len(origins) == len(set(origins)) == rounds
    assert shop.billing.stripe_events(status="failed") == []


def test_webhook_page_and_step_at_once(shop: Shop) -> None:
    settle_at_once(shop, 3)


@pytest.mark.slow
def test_webhook_page_and_step_at_once_fifty_times(shop: Shop) -> None:
    settle_at_once(shop, 50)


def test_twenty_first_purchases_at_once(shop: Shop) -> None:
    acts = [partial(shop.buy, f"k{key}") for key in range(20)]
    opened = at_once(acts)
    assert len(shop.customers()) == 1
    assert sorted(shop.sessions()) == sorted(one.session for one in opened)
    assert len({one.id for one in opened}) == 20
    assert [one.status for one in shop.billing.conversations() if one.kind == "customer"] == ["done"]


def test_one_key_at_once_is_one_purchase(shop: Shop) -> None:
    opened = at_once([shop.buy] * 8)
    assert len({one.id for one in opened}) == 1
    assert len(shop.sessions()) == 1
    assert sum(not one.replayed for one in opened) == 1


@pytest.mark.database("postgresql")
def test_subscribing_in_many_tabs_at_once(shop: Shop) -> None:
    """Whatever opens last can be paid; of those paid, each is known, and one unit is sold once where time allows."""
    shop.stock()

    def subscribe(key: int) -> Any:
        return shop.billing.subscribe("team", "pro", key=f"s{key}", success_url="https://app.example.com")

    opened = at_once([partial(subscribe, key) for key in range(5)])
    assert len(shop.customers()) == 1
    shop.billing.clock.move(shop.billing.now + timedelta(minutes=6))
    last = subscribe(99)
    still = [one for one in opened if shop.billing.find_checkout("team", one.id).status == "open"]
    assert still == []
    shop.pay(last.session)
    assert shop.available() == 250


@pytest.mark.database("postgresql")
def test_a_session_and_its_invoice_in_two_units_at_once(make_billing: Callable[..., Any]) -> None:
    """One purchase, seen twice, which means credits by its metadata and images by its price: it brings one of both."""
    from billing.catalog.loading import parse
    from tests.sales.paid import APRIL, body, event, invoice, line, session

    catalog = parse("""
    [units.images]

    [packs.small]
    name = "Small"
    credits = 100
    prices = { usd = 1000 }

    [packs.images]
    name = "Images"
    credits = 7
    unit = "images"
    stripe_prices = ["price_images"]
    """)
    billing = make_billing(catalog=catalog, start=APRIL)
    billing.customer("team", stripe_customer_id="cus_1")
    for number in range(15):
        bill = invoice(line("price_images", 1000, item=None), id=f"in_{number}", billing_reason="manual")
        bill = {**bill, "parent": None}
        paid = session(id=f"cs_{number}", invoice=f"in_{number}")
        at_once([partial(billing.take_stripe_event, body(event(document))) for document in (paid, bill)])
        assert len(billing.buckets("team", limit=1000)) == number + 1
