"""Roll-over through paid invoices: the worked examples on the engine, what is told, and what the past says."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from fractions import Fraction
from itertools import pairwise

import pytest

from billing import signals
from billing.catalog.loading import parse
from billing.credits import grants, series
from billing.credits.writing import write
from billing.rules.sale.months import Month
from billing.rules.sale.values import Allocation
from billing.rules.wallet import endterms
from billing.rules.wallet.endterms import RollOver
from billing.sales.claims import Sold, Source, record
from billing.sales.values import open_units
from billing.testing import TestBilling
from tests.stories.books import all_entries, books
from tests.stories.story import moment

from .paid import APRIL, JULY, JUNE, MAY, invoice, line, tell

pytestmark = pytest.mark.quick_on("sqlite")

ROLL = parse("""
[plans.roll]
name = "Roll"
credits = 100
prices = ["price_roll"]
at_period_end = { roll_over = { max = 60, periods = 1 } }

[plans.long]
name = "Long"
credits = 100
prices = ["price_long"]
at_period_end = { roll_over = { max = "50%", periods = 2 } }
""")

Make = Callable[..., TestBilling]


@pytest.fixture
def billing(make_billing: Make) -> TestBilling:
    engine = make_billing(catalog=ROLL, start=APRIL)
    engine.customer("team", stripe_customer_id="cus_1")
    return engine


def paid(billing: TestBilling, start: object, end: object, at: str, price: str = "price_roll", **more: object) -> None:
    tell(billing, invoice(line(price, 1_000, start, end, **more), paid=at))  # type: ignore[arg-type]


def spend(billing: TestBilling, credits: int, key: str) -> str:
    return billing.spend("team", credits, key=key).id


def shows(billing: TestBilling, available: int, deferred: int, earned: int, broken: int) -> None:
    sums = books(all_entries(billing, "team"))
    assert (billing.wallet("team").available, *sums[:3]) == (available, deferred, earned, broken)
    assert billing.audit() == []


def lots(billing: TestBilling) -> list[tuple[str | None, int, str]]:
    found = billing.wallet("team").buckets
    return [(one.description, one.remaining, f"{one.expires_at:%d %b}") for one in found]


def test_cap_of_the_worked_example(billing: TestBilling) -> None:
    paid(billing, APRIL, MAY, "1 Apr 00:00")
    shows(billing, 100, 1_000, 0, 0)
    billing.advance(to=moment("10 Apr 10:00"))
    spend(billing, 13, "a")
    billing.advance(to=moment("1 May 01:00"))
    paid(billing, MAY, JUNE, "1 May 01:00")
    shows(billing, 187, 1_870, 130, 0)
    billing.advance(to=moment("2 May 00:00"))
    shows(billing, 160, 1_600, 130, 270)
    billing.advance(to=moment("10 May 10:00"))
    spend(billing, 20, "b")
    shows(billing, 140, 1_400, 330, 270)
    billing.advance(to=moment("1 Jun 01:00"))
    paid(billing, JUNE, JULY, "1 Jun 01:00")
    assert lots(billing) == [
        ("Rolled over from Roll plan, April 2025", 40, "02 Jun"),
        ("Roll plan, May 2025", 100, "02 Jun"),
        ("Roll plan, June 2025", 100, "02 Jul"),
    ]
    shows(billing, 240, 2_400, 330, 270)
    billing.advance(to=moment("2 Jun 00:00"))
    shows(billing, 160, 1_600, 330, 1_070)
    assert (
        lots(billing)
        == [
            ("Roll plan, June 2025", 100, "02 Jul"),
            ("Rolled over from Roll plan, May 2025", 60, "02 Jul"),
        ][::-1]
    )


def test_learnt_late_of_the_worked_example(billing: TestBilling) -> None:
    paid(billing, APRIL, MAY, "1 Apr 00:00")
    billing.advance(to=moment("10 Apr 10:00"))
    spend(billing, 13, "a")
    billing.advance(to=moment("2 May 00:00"))
    shows(billing, 0, 0, 130, 870)
    billing.advance(to=moment("5 May 08:00"))
    paid(billing, MAY, JUNE, "1 May 01:00")
    shows(billing, 160, 1_600, 130, 270)
    assert lots(billing)[0] == ("Rolled over from Roll plan, April 2025", 60, "02 Jun")


def test_a_late_job_and_a_reader_say_the_same(billing: TestBilling) -> None:
    paid(billing, APRIL, MAY, "1 Apr 00:00")
    billing.clock.move(moment("1 May 01:00"))
    paid(billing, MAY, JUNE, "1 May 01:00")
    billing.spend("team", 100, key="all of May")  # April's 100, so May's are all there
    billing.spend("team", 30, key="some of May")
    billing.clock.move(moment("1 Jun 01:00"))
    paid(billing, JUNE, JULY, "1 Jun 01:00")
    billing.clock.move(moment("3 Jun 00:00"))
    seen = billing.wallet("team")
    assert seen.available == 160
    while billing.catch_up():
        pass
    assert billing.wallet("team") == seen
    assert billing.wallet("team", as_of=moment("2 Jun 00:00")).available == 160
    assert billing.wallet("team", as_of=moment("1 Jun 23:59")).available == 170


def test_a_next_period_that_is_used_up_still_counts(billing: TestBilling) -> None:
    paid(billing, APRIL, MAY, "1 Apr 00:00")
    billing.advance(to=moment("1 May 01:00"))
    paid(billing, MAY, JUNE, "1 May 01:00")
    may = billing.wallet("team").buckets[1]
    billing.void("team", may.id, reason="by mistake", key="v")
    billing.advance(to=moment("2 May 00:00"))
    assert lots(billing) == [("Rolled over from Roll plan, April 2025", 60, "02 Jun")]


def test_a_reversal_after_the_end_rolls_over_while_there_is_room(billing: TestBilling) -> None:
    paid(billing, APRIL, MAY, "1 Apr 00:00")
    spent = spend(billing, 80, "a")
    billing.advance(to=moment("1 May 01:00"))
    paid(billing, MAY, JUNE, "1 May 01:00")
    billing.advance(to=moment("5 May 00:00"))
    assert billing.wallet("team").available == 120
    billing.reverse("team", spent, 50, key="r")
    shows(billing, 160, 1_600, 300, 100)
    billing.advance(to=moment("3 Jun 00:00"))
    billing.reverse("team", spent, key="r2")
    shows(billing, 0, 0, 0, 2_000)


def _start(lot: grants.Lot) -> datetime:
    assert lot.effective_at is not None
    return lot.effective_at


def _end(lot: grants.Lot) -> datetime:
    assert lot.period_end is not None
    return lot.period_end


def sell(billing: TestBilling, name: str, *lots: grants.Lot) -> None:
    """What an invoice brought, past Stripe: its first line's id is the sale's."""
    first, last = _start(lots[0]), _end(lots[-1])
    credits, cents = sum(lot.credits for lot in lots), sum(lot.paid_cents for lot in lots)
    sale = Allocation(
        name, "roll", "credits", credits, cents, "usd", first, last, 1, "sub_1", "si_1", "price_roll", (),
        tuple(Month(_start(lot), _end(lot), lot.credits, lot.paid_cents, lot.expires_at) for lot in lots),
        lots[0].credits, "month",
    )  # fmt: skip
    with billing.database.write() as tx:
        wallet = open_units(tx, billing.catalog, "team", {"credits"})["credits"]
        series.read(tx, wallet.id, wallet.position, {"plan:si_1": first})
        grants.sell(wallet, name, lots)
        write(tx, [wallet])
        record(tx, Source(tx.now, invoice=f"in_{name}", total_cents=cents), [Sold(wallet, sale, {f"il_{name}": cents})])


def lot(name: str, start: datetime, end: datetime, credits: int, cents: int, terms: RollOver) -> grants.Lot:
    return grants.Lot(
        credits, name, origin=name, effective_at=start, expires_at=end + timedelta(days=1), paid_cents=cents,
        currency="usd", series="plan:si_1", period_end=end, at_end=endterms.at_end(terms), paid_at=start,
    )  # fmt: skip


def test_a_newer_one_learnt_late_takes_the_place_of_an_older_one(billing: TestBilling) -> None:
    cap = RollOver(60, 2)
    sell(billing, "allocation:si_1:april", lot("allocation:si_1:april", APRIL, MAY, 100, 1_000, cap))
    billing.advance(to=MAY)
    sell(billing, "allocation:si_1:may", lot("allocation:si_1:may", MAY, JUNE, 10, 100, cap))
    billing.advance(to=moment("5 May 00:00"))
    assert [remaining for _, remaining, _ in lots(billing)] == [60, 10]
    sell(
        billing,
        "allocation:si_1:change-april",
        lot("allocation:si_1:change-april", moment("16 Apr 00:00"), MAY, 30, 333, cap),
    )
    assert lots(billing) == [
        ("Rolled over from allocation:si_1:april", 30, "02 Jun"),
        ("Rolled over from allocation:si_1:change-april", 30, "02 Jun"),
        ("allocation:si_1:may", 10, "02 Jun"),
    ]
    shows(billing, 70, 733, 0, 700)
    billing.spend("team", 5, key="s")
    billing.advance(to=moment("5 Jun 00:00"))
    sell(billing, "allocation:si_1:june", lot("allocation:si_1:june", JUNE, JULY, 1, 1, cap))
    assert billing.wallet("team").available == 61
    sell(
        billing,
        "allocation:si_1:change-last",
        lot("allocation:si_1:change-last", moment("17 Apr 00:00"), MAY, 60, 600, cap),
    )
    assert billing.wallet("team").available == 61
    assert billing.audit() == []


def test_the_months_of_a_longer_line_are_periods_too(billing: TestBilling) -> None:
    year = [APRIL, MAY, JUNE, JULY]
    half = RollOver(Fraction(1, 2))
    sold = [lot(f"month {start:%B}", start, end, 40, 400, half) for start, end in pairwise(year)]
    sell(billing, "allocation:si_1:year", *sold)
    billing.advance(to=moment("2 May 00:00"))
    assert lots(billing) == [("Rolled over from month April", 20, "02 Jun"), ("month May", 40, "02 Jun")]
    billing.advance(to=moment("2 Jun 00:00"))
    assert lots(billing) == [("Rolled over from month May", 20, "02 Jul"), ("month June", 40, "02 Jul")]
    shows(billing, 60, 600, 0, 600)


def test_several_periods_and_a_share(billing: TestBilling) -> None:
    for month, (start, end) in enumerate([(APRIL, MAY), (MAY, JUNE), (JUNE, JULY)]):
        billing.advance(to=start + timedelta(hours=1))
        paid(billing, start, end, f"{start:%d %b} 01:00", "price_long")
        if month == 1:
            billing.advance(to=moment("2 May 00:00"))
            assert billing.wallet("team").available == 150
            billing.spend("team", 120, key="most of it")
    billing.advance(to=moment("2 Jun 00:00"))
    assert billing.wallet("team").available == 130
    assert billing.audit() == []


def test_what_went_on_and_what_did_not_is_told(billing: TestBilling) -> None:
    told: list[tuple[str, int]] = []

    def hear(name: str) -> Callable[..., None]:
        return lambda sender, **fact: told.append((name, fact["credits"]))

    ears = [(signal, hear(signal.name)) for signal in (
        signals.credits_rolled_over, signals.credits_rollover_forfeited, signals.credits_expired)]  # fmt: skip
    for signal, ear in ears:
        signal.connect(ear, weak=False)
    try:
        paid(billing, APRIL, MAY, "1 Apr 00:00")
        billing.advance(to=moment("1 May 01:00"))
        paid(billing, MAY, JUNE, "1 May 01:00")
        billing.advance(to=moment("2 May 00:00"))
    finally:
        for signal, ear in ears:
            signal.disconnect(ear)
    assert sorted(told) == [
        ("credits.expired", 40), ("credits.rolled_over", 60), ("credits.rollover_forfeited", 40)]  # fmt: skip
