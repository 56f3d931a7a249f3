"""The month's review: months that were sold before, and what a dispute holds."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from billing.catalog.terms import Amounts, CheckoutTerms
from billing.finance import allocations_review, inbox_review
from billing.finance.expected import whole_periods
from billing.finance.reconciliation import reconcile
from billing.finance.review_values import Reviewed
from billing.testing import START, TestBilling
from tests.buying.shop import CATALOG as SHOP
from tests.buying.shop import Shop, open_shop
from tests.sales.paid import APRIL, JULY, JUNE, MAY, invoice, line, tell
from tests.sales.returning import CATALOG, Money, invoice_value
from tests.sales.sold import year
from tests.sandbox.serving import Watch

pytestmark = pytest.mark.quick_on("sqlite")


@pytest.fixture
def billing(make_billing: Callable[..., TestBilling]) -> TestBilling:
    billing = make_billing(catalog=CATALOG, start=APRIL)
    billing.customer("team", stripe_customer_id="cus_1")
    return billing


@pytest.fixture
def shop(make_billing: Callable[..., TestBilling], tmp_path: Path, watch: Watch) -> Iterator[Shop]:
    with open_shop(make_billing, tmp_path, watch) as shop:
        yield shop


def month(billing: TestBilling, since: datetime, until: datetime) -> list[Reviewed]:
    with billing.database.read() as tx:
        return allocations_review.month(tx, billing.catalog, since, until)


def test_months_of_a_year_as_they_come(billing: TestBilling) -> None:
    year(billing, APRIL)
    [first] = month(billing, APRIL, MAY)
    assert (first.name, first.status, first.expected, first.granted, first.cents) == (
        "Yearly, scheduled", "granted", 100, 100, 833,
    )  # fmt: skip
    assert (first.reason, first.invoice, first.customer) == ("month 1 of 12", "in_y1", "team")
    assert first.bucket == billing.buckets("team")[-1].id
    [third] = month(billing, JUNE, JULY)
    assert (third.status, third.granted, third.reason) == ("held", 0, "month 3 of 12: not due yet")
    billing.clock.move(JUNE + timedelta(hours=1))
    [third] = month(billing, JUNE, JULY)
    assert (third.status, third.granted) == ("missing", 0)
    assert "billing jobs" in (third.reason or "")
    while billing.catch_up():
        pass
    [third] = month(billing, JUNE, JULY)
    assert (third.status, third.granted) == ("granted", 100)


def test_what_a_dispute_holds(billing: TestBilling) -> None:
    tell(billing, invoice(line("price_basic", 1_000, id="il_1"), id="in_1", total=1_000))
    [one] = month(billing, APRIL, MAY)
    assert one.status == "granted"
    money = Money(billing)
    money.paid_by["pi_1"] = invoice_value("in_1", 1_000, APRIL)
    money.dispute("dp_1", 1_000)
    [one] = month(billing, APRIL, MAY)
    assert (one.status, one.granted) == ("held", 100)
    assert "100 credits are held" in (one.reason or "")
    money.becomes("dp_1", "won", 0)
    [one] = month(billing, APRIL, MAY)
    assert one.status == "granted"


@pytest.mark.parametrize(
    ("start", "end", "every", "count"),
    [
        ("2025-01-31", "2025-02-28", "month", 1),
        ("2025-02-28", "2025-03-31", "month", 1),
        ("2025-01-31", "2026-01-31", "month", 12),
        ("2025-01-01", "2025-01-20", "month", 1),
        ("2025-01-01", "2025-03-15", "month", None),
        ("2025-01-01", "2025-01-15", "week", 2),
        ("2025-01-01", "2025-01-16", "week", None),
        ("2025-01-01", "2026-01-01", "year", 1),
    ],
)
def test_whole_periods_of_a_line(start: str, end: str, every: str, count: int | None) -> None:
    first, last = (datetime.fromisoformat(f"{text}T00:00:00+00:00") for text in (start, end))
    assert whole_periods(first, last, every) == count  # type: ignore[arg-type]


def test_what_went_back_stands_beside_what_was_taken_back(billing: TestBilling) -> None:
    tell(billing, invoice(line("price_basic", 1_000, id="il_1"), id="in_1", total=1_100))
    money = Money(billing)
    money.paid_by["pi_1"] = invoice_value("in_1", 1_100, APRIL)
    money.refund("re_1", 550)
    with billing.database.read() as tx:
        found = reconcile(tx, billing.catalog, APRIL, MAY)
    [tie] = found.ties
    assert (tie.paid_cents, tie.granted_cents, tie.booked_cents) == (1_000, 1_000, 1_000)
    assert (tie.returned_cents, tie.taken_cents) == (550, 500), "the tax went back, too"
    assert found.differences == ()


@pytest.mark.parametrize("terms", [{}, {"automatic_tax": True, "tax_behavior": "inclusive"}])
def test_a_top_up_that_makes_an_invoice_is_one_row(shop: Shop, terms: dict[str, Any]) -> None:
    """Its price was made for it: no catalog knows it."""
    of_any = Amounts("credits", 100, 900, {"usd": 99}, per=10)
    shop.billing.catalog = replace(SHOP, checkout=CheckoutTerms(invoice=True, **terms), topups={"credits": of_any})
    where = {"country": "FR"} if terms else {}
    for opened in (shop.buy("pack"), shop.buy("any", None, credits=500)):
        shop.sandbox.pay(str(opened.session), **where)
    shop.told()
    found = month(shop.billing, START, START + timedelta(days=31))
    nets = [833, 4_125] if terms else [1_000, 4_950]
    assert sorted((one.name, one.granted, one.paid_cents, one.cents, one.granted_cents) for one in found) == [
        ("Small", 100, nets[0], nets[0], nets[0]),
        ("Top-up", 500, nets[1], nets[1], nets[1]),
    ]
    assert {one.status for one in found} == {"granted"}
    with shop.billing.database.read() as tx:
        [tie] = reconcile(tx, shop.billing.catalog, START, START + timedelta(days=31)).ties
    assert (tie.paid_cents, tie.granted_cents, tie.booked_cents) == (sum(nets), sum(nets), sum(nets))


def test_an_invoice_that_a_thin_event_told_of(shop: Shop) -> None:
    """It does not carry the invoice: what was sold by it is shown, or that it waits."""
    shop.stock()
    shop.events = False
    opened = shop.billing.subscribe("team", "pro", key="s", success_url="https://app.example.com/{checkout}")
    shop.pay(opened.session)
    [paid] = shop.stripe.v1.invoices.list({"status": "paid"}).data
    told = {
        "id": "evt_thin", "object": "v2.core.event", "type": "v1.invoice.paid", "livemode": False,
        "created": shop.billing.now.isoformat(), "related_object": {"id": paid.id, "type": "invoice", "url": "/"},
    }  # fmt: skip
    assert shop.billing.take_stripe_event(json.dumps(told).encode()).status == "done"
    [one] = month(shop.billing, START, START + timedelta(days=31))
    assert (one.invoice, one.name, one.status, one.granted, one.cents) == (paid.id, "Pro", "granted", 250, 2_000)
    assert one.customer == "team"


@pytest.mark.database("sqlite")
def test_what_is_open_is_not_looked_for_among_all_that_was_handled(billing: TestBilling) -> None:
    """SQLite takes a partial index only where the statement says the index's own condition."""
    ways: list[str] = []

    def explain(connection: Any, _: Any, statement: str, parameters: Any, *__: Any) -> None:
        if statement.lstrip().upper().startswith("SELECT"):
            rows = connection.connection.dbapi_connection.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)
            ways.extend(f"{row[3]}" for row in rows)

    event.listen(billing.database.engine, "before_cursor_execute", explain)
    try:
        with billing.database.read() as tx:
            inbox_review.open_events(tx)
        billing.stripe_events(status="waiting")
        with billing.database.read() as tx:
            reconcile(tx, billing.catalog, APRIL, MAY)
    finally:
        event.remove(billing.database.engine, "before_cursor_execute", explain)
    inbox = [way for way in ways if "billing_stripe_events" in way]
    assert sum("billing_stripe_events_open_idx" in way for way in inbox) == 3
    assert [way for way in inbox if way == "SCAN billing_stripe_events" or "received_at_idx" in way] == []
    assert any("billing_entries_taken_idx" in way for way in ways)
