"""A paid Checkout session brings its pack once, whoever tells of it first."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from billing import signals
from billing.testing import TestBilling
from tests.sales.paid import APRIL, CATALOG, invoice, line, lines_of, seconds, session, session_line, tell

pytestmark = pytest.mark.quick_on("sqlite")


def brought(billing: TestBilling) -> list[tuple[str, int, int]]:
    return [(one.origin, one.granted, one.paid_cents) for one in reversed(billing.buckets("team"))]


def test_it_brings_the_pack(billing: TestBilling) -> None:
    told: list[dict[str, Any]] = []
    with signals.topup_paid.connected_to(lambda _, **fact: told.append(fact), sender=billing):
        assert tell(billing, session()).status == "done"
    (bucket,) = billing.buckets("team")
    assert (bucket.origin, bucket.granted, bucket.paid_cents, bucket.currency) == ("topup:cs_1", 100, 1000, "usd")
    assert bucket.description == "Small pack"
    assert bucket.expires_at == APRIL.replace(year=2026)
    assert bucket.metadata == {"pack": "small", "paid_by": "cs_1"}
    assert told == [{"customer": "team", "unit": "credits", "pack": "small", "credits": 100, "cents": 1000,
                     "currency": "usd", "cause": "topup:cs_1", "automatic": False}]  # fmt: skip


def test_however_often_it_is_told(billing: TestBilling) -> None:
    for kind in ("checkout.session.completed", "checkout.session.async_payment_succeeded") * 2:
        assert tell(billing, session(), kind).status == "done"
    assert brought(billing) == [("topup:cs_1", 100, 1000)]


def test_it_is_paid_later(billing: TestBilling) -> None:
    assert tell(billing, session(payment_status="unpaid")).reason == "not paid yet"
    assert brought(billing) == []
    assert tell(billing, session(), "checkout.session.async_payment_succeeded").status == "done"
    assert brought(billing) == [("topup:cs_1", 100, 1000)]


def test_a_free_order(billing: TestBilling) -> None:
    free = session(payment_status="no_payment_required", amount_total=0, payment_intent=None)
    assert tell(billing, free).status == "done"
    (bucket,) = billing.buckets("team")
    assert (bucket.granted, bucket.paid_cents, bucket.currency) == (100, 0, None)


def test_discount_tax_and_shipping_are_not_the_packs(billing: TestBilling) -> None:
    totals = {"amount_discount": 200, "amount_shipping": 300, "amount_tax": 190}
    assert tell(billing, session(amount_total=1_290, total_details=totals)).status == "done"
    assert brought(billing) == [("topup:cs_1", 100, 800)]


def test_another_currency_has_its_own_price(billing: TestBilling) -> None:
    assert tell(billing, session(currency="eur")).status == "waiting"
    assert tell(billing, session(currency="eur", amount_subtotal=900, amount_total=900)).status == "done"
    assert billing.buckets("team")[0].currency == "eur"


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"amount_subtotal": 10, "amount_total": 10}, "pack small costs 1000 cents in usd, the session was for 10"),
        ({"metadata": {"pack": "huge"}}, "unknown pack 'huge'"),
        ({"metadata": {}}, "names no pack"),
        ({"currency": "gbp"}, "costs nothing in gbp"),
        ({"currency": None}, "does not say what was paid"),
        ({"amount_total": None}, "does not say what was paid"),
        ({"amount_total": -1}, "gives back more"),
        ({"payment_status": "no_payment_required"}, "is not known"),
        ({"payment_status": "half_paid"}, "is not known"),
        ({"line_items": lines_of(session_line("price_?", 1))}, "unknown price price_?"),
        ({"line_items": lines_of(session_line("price_pro", 1))}, "that of a plan"),
        ({"line_items": lines_of(session_line("price_small", 5, quantity=0))}, "brings no credits"),
        ({"line_items": lines_of(session_line("price_small", 5, quantity=10**14))}, "more than the books can hold"),
        ({"line_items": lines_of(*[session_line("price_small", 5)] * 2)}, "the same id"),
        ({"line_items": {"data": [], "has_more": True}}, "only the first 0 lines"),
    ],
)
@pytest.mark.database("sqlite")
def test_what_it_did_not_buy_waits(billing: TestBilling, more: dict[str, Any], reason: str) -> None:
    waits = tell(billing, session(**more))
    assert waits.status == "waiting"
    assert reason in (waits.reason or "")
    assert brought(billing) == []


def test_its_lines_say_what_was_bought(billing: TestBilling) -> None:
    lines = lines_of(session_line("price_small", 1_800, quantity=2), session_line("price_a", 800, id="li_2"))
    told = session(line_items=lines, amount_subtotal=2_600, amount_total=2_600, metadata={})
    assert tell(billing, told).status == "done"
    assert brought(billing) == [("topup:cs_1:li_1", 200, 1_800), ("topup:cs_1:li_2", 80, 800)]
    assert billing.buckets("team")[1].description == "2 × Small pack"
    assert tell(billing, told).reason == "settled before"
    assert tell(billing, session(amount_subtotal=1000)).reason == "settled before"


def test_a_line_that_is_mapped_later(billing: TestBilling, make_billing: Callable[..., TestBilling]) -> None:
    told = session(line_items=lines_of(session_line("price_small", 1_000), session_line("price_new", 5, id="li_2")))
    waits = tell(billing, told)
    assert (waits.status, waits.reason) == ("waiting", "unknown price price_new")
    assert brought(billing) == [("topup:cs_1", 100, 1_000)]
    small = CATALOG.packs["small"]
    from dataclasses import replace

    packs = {**CATALOG.packs, "new": replace(small, id="new", credits=7, stripe_prices=("price_new",))}
    mapped = make_billing(catalog=replace(CATALOG, packs=packs), start=billing.now)
    assert mapped.replay_stripe_event(waits.id).status == "done"
    assert brought(mapped) == [("topup:cs_1", 100, 1_000), ("topup:cs_1:li_2", 7, 5)]


@pytest.mark.parametrize("first", ["session", "invoice"])
def test_its_invoice_brings_it_no_second_time(billing: TestBilling, first: str) -> None:
    """A session that also makes an invoice: one grant, in either order."""
    bill = invoice(line("price_small", 1_000, item=None, id="il_1"), id="in_1", parent=None, billing_reason="manual")
    told = [session(invoice="in_1"), bill]
    for held in told if first == "session" else told[::-1]:
        assert tell(billing, held).status == "done"
    for held in told:
        assert tell(billing, held).status == "done"
    origin = "topup:cs_1" if first == "session" else "topup:il_1"
    assert brought(billing) == [(origin, 100, 1_000)]


def test_an_invoice_whose_price_is_unknown_is_done_once_its_session_is(billing: TestBilling) -> None:
    """Checkout with a price made on the spot: the invoice's price is in no catalog, the session names the pack."""
    bill = invoice(line("price_adhoc", 1_000, item=None), id="in_1", parent=None)
    waits = tell(billing, bill)
    assert waits.status == "waiting"
    assert tell(billing, session(invoice="in_1")).status == "done"
    assert billing.replay_stripe_event(waits.id).status == "done"
    assert brought(billing) == [("topup:cs_1", 100, 1_000)]


def test_only_a_payment_buys(billing: TestBilling) -> None:
    for mode in ("subscription", "setup", "something_new"):
        assert tell(billing, session(mode=mode)).status == "done"
    assert brought(billing) == []


def test_a_pack_learnt_late_is_dated_when_it_was_paid(billing: TestBilling) -> None:
    billing.advance(to=APRIL.replace(day=20))
    assert tell(billing, session(created=seconds("2 Apr 00:00"))).status == "done"
    (bucket,) = billing.buckets("team")
    assert bucket.effective_at == APRIL.replace(day=2)


def test_what_was_paid_a_moment_ahead_of_our_clock_is_there_at_once(billing: TestBilling) -> None:
    assert tell(billing, session(created=seconds(APRIL) + 4)).status == "done"
    assert billing.wallet("team").available == 100
