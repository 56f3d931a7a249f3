"""Why a balance is what it is: the steps are words, and they add up."""

from __future__ import annotations

from datetime import timedelta

import pytest

from billing.catalog.loading import parse
from billing.testing import TestBilling
from tests.sales.paid import APRIL, CATALOG, JUNE, MAY, invoice, line, tell
from web.cli.customers import _entries
from web.cli.why import Explanation, explain


def explained(billing: TestBilling, most: int = 20) -> Explanation:
    entries = _entries(billing, "team", "credits")
    buckets = {bucket.id: bucket for bucket in billing.buckets("team", limit=1_000)}
    found = explain(entries, buckets, billing.wallet("team").available, billing.now, most, "{:,}".format)
    running = found.opening
    for step in found.steps:
        running += step.change
        assert running == step.after
    assert running == found.available == billing.wallet("team").available
    return found


@pytest.fixture
def life(make_billing: object) -> TestBilling:
    billing: TestBilling = make_billing(catalog=CATALOG, start=APRIL)  # type: ignore[operator]
    billing.customer("team", stripe_customer_id="cus_1")
    billing.set_wallet("team", overdraft={"limit": 50, "debt": "repay"})
    tell(billing, invoice(line("price_basic", 1_000)))
    billing.grant("team", 40, reason="For May", key="g1", effective_at=APRIL + timedelta(days=9))
    billing.grant("team", 7, reason="Withdrawn before it began", key="g2", effective_at=APRIL + timedelta(days=8))
    billing.void("team", billing.buckets("team")[0].id, reason="oops", key="v")
    billing.grant("team", 5, reason="Pictures", key="g3", features=("image",))
    billing.advance(by=timedelta(days=1))
    spent = billing.spend("team", 120, key="s1", feature="image", member="ada")
    billing.reverse("team", spent.id, 30, key="r1")
    billing.hold("team", 10, key="h1", expires_in=60)
    billing.hold("team", 3, key="h2").capture()
    billing.advance(by=timedelta(days=20))
    return billing


def test_a_life_in_words(life: TestBilling) -> None:
    assert [(step.what, step.change) for step in explained(life).steps] == [
        ("Granted 100: Basic plan, April 2025, paid $10.00", 100),
        ("Granted 40: For May, to begin 10 Apr 2025, 00:00 UTC", 0),
        ("Granted 7: Withdrawn before it began, to begin 9 Apr 2025, 00:00 UTC", 0),
        ("Withdrawn 7 of Withdrawn before it began (oops)", 0),
        ("Granted 5: Pictures, for image only", 0),
        ("Spent 120 for image by ada from Pictures (5), Basic plan, April 2025 (100), the overdraft (15)", -100),
        ("Given back 30 to the overdraft (15), Basic plan, April 2025 (15)", 15),
        ("Set aside 10 in Basic plan, April 2025", -10),
        ("Set aside 3 in Basic plan, April 2025", -3),
        ("Spent, as it was set aside, 3 from Basic plan, April 2025", 0),
        ("No longer set aside 10 in Basic plan, April 2025", 10),
        ("Became available: 40 of For May", 40),
    ]


def test_the_newest_are_shown_with_what_was_before(life: TestBilling) -> None:
    whole, some = explained(life), explained(life, most=3)
    assert some.earlier
    assert some.steps == whole.steps[-3:]
    assert not whole.earlier
    assert whole.opening == 0


def test_what_is_not_written_down_yet(life: TestBilling) -> None:
    life.clock.move(APRIL + timedelta(days=40))
    assert explained(life).steps[-1].what == "Ended or begun since, not written down yet"


def test_nothing_happened_yet(make_billing: object) -> None:
    billing: TestBilling = make_billing(start=APRIL)  # type: ignore[operator]
    billing.customer("team")
    assert explained(billing) == Explanation(0, (), 0, earlier=False)


def test_what_rolls_over_says_where_from(make_billing: object) -> None:
    catalog = parse(
        '[plans.roll]\nname = "Roll"\ncredits = 100\nprices = ["price_roll"]\n'
        "at_period_end = { roll_over = { max = 60 } }\n"
    )
    billing: TestBilling = make_billing(catalog=catalog, start=APRIL)  # type: ignore[operator]
    billing.customer("team", stripe_customer_id="cus_1")
    tell(billing, invoice(line("price_roll", 1_000)))
    billing.advance(to=MAY + timedelta(days=3))
    tell(billing, invoice(line("price_roll", 1_000, MAY, JUNE), paid=MAY))
    assert [(step.what, step.change) for step in explained(billing).steps] == [
        ("Granted 100: Roll plan, April 2025, paid $10.00", 100),
        ("Expired 100 of Roll plan, April 2025", -100),
        ("No longer expired: 100 of Roll plan, April 2025", 0),
        ("Granted 100: Roll plan, May 2025, paid $10.00", 100),
        ("Rolled over 60 of Roll plan, April 2025; Expired 40 of Roll plan, April 2025", 60),
    ]
