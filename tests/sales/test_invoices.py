"""A paid invoice: each line brings what it brings once, the rest waits and says why."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from billing import InsufficientCredits, Overdraft
from billing.testing import TestBilling
from tests.sales.paid import APRIL, CATALOG, JUNE, MAY, Json, event, invoice, line, tell
from tests.stories.story import moment

pytestmark = pytest.mark.quick_on("sqlite")


def brought(billing: TestBilling, unit: str = "credits") -> list[tuple[str | None, int, int]]:
    return [(one.description, one.granted, one.paid_cents) for one in reversed(billing.buckets("team", unit=unit))]


def test_an_allocation_says_what_it_is(billing: TestBilling) -> None:
    assert tell(billing, invoice(line("price_pro", 4_000, quantity=2, off=500), id="in_1")).status == "done"
    (bucket,) = billing.buckets("team")
    assert bucket.origin == "allocation:si_1:price_pro:2025-04-01T00:00:00Z"
    assert bucket.description == "2 × Pro plan, April 2025"
    assert (bucket.granted, bucket.paid_cents, bucket.currency) == (500, 3_500, "usd")
    assert (bucket.effective_at, bucket.expires_at) == (APRIL, moment("2 May 00:00"))
    assert bucket.metadata == {"plan": "pro", "paid_by": "in_1"}


def test_another_anchor_shows_both_days(billing: TestBilling) -> None:
    tell(billing, invoice(line("price_basic", 1_000, "20 Mar 10:00", "20 Apr 10:00")))
    assert brought(billing) == [("Basic plan, 20 Mar 2025 – 20 Apr 2025", 100, 1_000)]


def test_several_lines_items_units_and_packs(billing: TestBilling) -> None:
    held = invoice(
        line("price_basic", 600), line("price_basic", 400), line("price_pictures", 900, item="si_2"),
        line("price_small", 1_000, item=None), line("price_small", -300, item=None), line("price_a", 800, item=None),
    )  # fmt: skip
    assert tell(billing, held).status == "done"
    assert brought(billing) == [
        ("2 × Basic plan, April 2025", 200, 1_000),
        ("Small pack", 100, 700),
        ("A pack", 80, 800),
    ]
    assert brought(billing, "images") == [("Pictures plan, April 2025", 30, 900)]


def test_what_was_given_back_beyond_the_last_line_is_taken_from_the_one_before(billing: TestBilling) -> None:
    held = invoice(
        line("price_small", 500, item=None), line("price_small", 200, item=None), line("price_small", -400, item=None)
    )
    assert tell(billing, held).status == "done"
    assert brought(billing) == [("Small pack", 100, 300), ("Small pack", 100, 0)]


def test_twins_and_repeats_bring_nothing_more(billing: TestBilling) -> None:
    told = event(invoice(line("price_basic", 1_000), line("price_small", 1_000, item=None)))
    from tests.sales.paid import body

    before: object = None
    for document in (told, told, {**told, "id": "evt_twin"}):
        assert billing.take_stripe_event(body(document)).status == "done"
        after = (billing.wallet("team"), billing.entries("team"))
        assert before in (None, after)
        before = after
    assert len(billing.buckets("team")) == 2


def test_a_period_is_granted_once_whatever_invoice_pays_it(billing: TestBilling) -> None:
    tell(billing, invoice(line("price_basic", 1_000)))
    for again in (line("price_basic", 1_000), line("price_pro", 2_000), line("price_basic", 500, end="20 Apr 00:00")):
        waits = tell(billing, invoice(again))
        assert waits.status == "waiting"
        assert "granted before" in (waits.reason or "")
    assert brought(billing) == [("Basic plan, April 2025", 100, 1_000)]


CHANGE = (line("price_pro", -1_000, "16 Apr 00:00", MAY, proration=True, id="il_out"),
          line("price_basic", 500, "16 Apr 00:00", MAY, proration=True, id="il_in"))  # fmt: skip


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        (CHANGE, "was never granted here"),
        ((line("price_basic", 0),), "costs nothing"),
        ((line("price_?", 5),), "unknown price price_?"),
        ((line("price_basic", 1_000, item=None),), "belongs to no subscription"),
    ],
)
def test_what_waits_leaves_the_rest_to_be_granted(billing: TestBilling, lines: tuple[Json, ...], reason: str) -> None:
    waits = tell(
        billing, invoice(*lines, line("price_small", 1_000, item=None), line("price_pictures", 9, item="si_9"))
    )
    assert waits.status == "waiting"
    assert reason in (waits.reason or "")
    assert brought(billing) == [("Small pack", 100, 1_000)]
    assert brought(billing, "images") == [("Pictures plan, April 2025", 30, 9)]
    assert billing.replay_stripe_event(waits.id).reason == waits.reason
    assert len(billing.buckets("team")) == 2


@pytest.mark.parametrize(
    ("held", "reason"),
    [
        (invoice(line("price_basic", 9), status="open"), "status is 'open'"),
        (invoice(line("price_basic", 9), status="new_status"), "status is 'new_status'"),
        (
            invoice(line("price_small", 5, item=None), line("price_small", -9, item=None)),
            "give back more than they cost",
        ),
        (invoice(lines={"data": [line("price_basic", 9)], "has_more": True}), "only the first 1 lines"),
        (invoice(line("price_basic", 9, id="il"), line("price_basic", 9, id="il")), "the same id"),
    ],
)
@pytest.mark.database("sqlite")
def test_what_waits_as_a_whole(billing: TestBilling, held: Json, reason: str) -> None:
    waits = tell(billing, held)
    assert waits.status == "waiting"
    assert reason in (waits.reason or "")
    assert billing.buckets("team") == []


@pytest.mark.parametrize("held", [invoice(), invoice({**line("x", 5), "pricing": None})])
@pytest.mark.database("sqlite")
def test_nothing_to_bring_is_done(billing: TestBilling, held: Json) -> None:
    told = tell(billing, held)
    assert (told.status, told.reason) == ("done", "no line of it has a price")


def test_unmapped_lines_are_granted_once_they_are_mapped(
    billing: TestBilling, make_billing: Callable[..., TestBilling]
) -> None:
    waits = tell(billing, invoice(line("price_basic", 1_000), line("price_new", 700, item="si_2")))
    assert (waits.status, waits.reason) == ("waiting", "unknown price price_new")
    new = replace(CATALOG.plans["basic"], id="new", name="New", credits=7, prices=("price_new",))
    mapped = make_billing(catalog=replace(CATALOG, plans={**CATALOG.plans, "new": new}), start=billing.now)
    assert mapped.replay_stripe_event(waits.id).status == "done"
    assert brought(mapped) == [("Basic plan, April 2025", 100, 1_000), ("New plan, April 2025", 7, 700)]


def test_the_plans_overdraft_holds_for_its_period_and_its_grace(billing: TestBilling) -> None:
    tell(billing, invoice(line("price_pro", 2_000)))
    assert billing.wallet("team").overdraft == Overdraft(50, "carry")
    billing.spend("team", 270, key="a")
    assert billing.wallet("team").owed == 20
    billing.grant("team", 5, reason="waits for the period's end", key="g")
    assert billing.wallet("team").owed == 20
    billing.advance(to=moment("1 May 00:00"))
    assert billing.wallet("team").owed == 15
    billing.advance(to=moment("2 May 00:00"))
    with pytest.raises(InsufficientCredits):
        billing.spend("team", 1, key="b")


def test_an_earlier_period_learnt_late_sets_no_terms_back(billing: TestBilling) -> None:
    billing.advance(to=moment("3 May 00:00"))
    tell(billing, invoice(line("price_pro", 2_000, MAY, JUNE), paid=MAY))
    tell(billing, invoice(line("price_basic", 1_000), paid=APRIL))
    assert billing.wallet("team").overdraft == Overdraft(50, "carry")
    assert brought(billing) == [("Pro plan, May 2025", 250, 2_000), ("Basic plan, April 2025", 100, 1_000)]
    assert billing.wallet("team").available == 250


def test_any_order_ends_in_the_same(make_billing: Callable[..., TestBilling], database_url: str) -> None:
    """Invoices of three periods and a pack, told in two orders to two customers."""
    facts: list[Json] = [
        invoice(line("price_basic", 1_000), paid=APRIL, id="in_1"),
        invoice(line("price_basic", 1_000, MAY, JUNE), paid="1 May 01:00", id="in_2"),
        invoice(line("price_small", 1_000, item=None), paid="7 May 00:00", id="in_3"),
    ]
    ends: list[Any] = []
    for customer, order in (("one", facts), ("two", facts[::-1])):
        billing = make_billing(catalog=CATALOG, start=moment("10 May 00:00"))
        billing.customer(customer, stripe_customer_id=f"cus_{customer}")
        for held in order:
            lines = [{**one, "id": one["id"] + customer} for one in held["lines"]["data"]]
            tell(billing, {**held, "customer": f"cus_{customer}", "lines": {"data": lines, "has_more": False}})
        wallet = billing.wallet(customer)
        ends.append((wallet.available, sorted((b.granted, b.remaining, b.expires_at) for b in wallet.buckets)))
    assert ends[0] == ends[1]
