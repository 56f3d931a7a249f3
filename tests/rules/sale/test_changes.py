"""Changes in the middle of a period, by the figures of the worked examples; and that whatever is done and undone
mints nothing.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.rules.sale.allocation import decide
from billing.rules.sale.values import Allocation, PlanChange, Sold, Waiting
from tests.rules.sale.changes import MONTHLY, PRICES, PRO, YEAR, changed, granted, part, taken, told, up
from tests.rules.sale.selling import APRIL, BASIC, JUNE, MAY, after, at, history, kinds, line, waits


def test_18_an_upgrade_brings_the_difference_for_the_time_that_is_left() -> None:
    change = up([history(line(1000))])
    assert (change.origin, change.level, change.plan) == ("change:in_2:si_1:2025-04-11T00:00:00Z", 250, "pro")
    assert (granted(change), change.takes, change.cents, change.earned_cents) == ([(100, 666)], (), 666, 0)
    assert change.months[0].expires_at == at("2 May 00:00")
    assert change.months[0].starts_at == at("11 Apr 00:00")


def test_19_a_change_that_was_wholly_taken_back_no_longer_counts() -> None:
    had = history(line(1000))
    had = after([had], [up([had])])[0]
    bought_again = [part(-500, "16 Apr 00:00"), part(1000, "16 Apr 00:00", "price_pro")]
    assert granted(changed(told([had], *bought_again, paid="16 Apr 00:00"))) == []
    gone = replace(had, sales=(had.sales[0], replace(had.sales[1], counts=False)))
    assert granted(changed(told([gone], *bought_again, paid="16 Apr 00:00"))) == [(75, 500)]


def test_20_seats_up_and_in_the_next_period_down() -> None:
    two, three = part(-1333, "11 Apr 00:00", quantity=2), part(2000, "11 Apr 00:00", quantity=3)
    more = changed(told([history(line(2000, quantity=2))], two, three, paid="11 Apr 00:00"))
    assert (granted(more), more.level, more.quantity) == ([(66, 667)], 300, 3)
    may = history(line(3000, quantity=3, start=MAY, end=JUNE))
    when = "21 May 16:00"
    down = [part(-1000, when, end=JUNE, quantity=3), part(667, when, end=JUNE, quantity=2)]
    fewer = changed(told([may], *down, paid=when))
    assert (fewer.credits, fewer.cents, fewer.level) == (-34, -333, 200)


def test_21_a_downgrade_with_money_back() -> None:
    pro = history(line(2000, price="price_pro"), terms=PRO)
    lines = part(-1333, "11 Apr 00:00", "price_pro"), part(667, "11 Apr 00:00")
    change = changed(told([pro], *lines, paid="11 Apr 00:00"))
    assert taken(change) == [("allocation:si_1:price_pro:2025-04-01T00:00:00Z", 0, 100, 666)]


def test_22_money_that_brings_no_credits() -> None:
    lines = part(-667, "11 Apr 00:00"), part(1000, "11 Apr 00:00", "price_plus")
    change = changed(told([history(line(1000))], *lines, paid="11 Apr 00:00"))
    assert (change.months, change.takes, change.earned_cents, change.level) == ((), (), 333, 100)


def test_25_cancelled_with_money_back() -> None:
    change = changed(told([history(line(1000))], part(-667, "11 Apr 00:00"), paid="11 Apr 00:00"))
    assert (taken(change), change.level, change.ends) == ([(MONTHLY, 0, 67, 667)], 0, False)


@pytest.mark.parametrize("proration", [False, True])
def test_26_an_interval_switch_ends_the_period_and_begins_another(proration: bool) -> None:
    year = line(10_000, "il_y", start=at("11 Apr 00:00"), end=at("11 Apr 2026 00:00"), proration=proration)
    had = [history(line(1000))]
    found = told(had, year, part(-667, "11 Apr 00:00"), paid="11 Apr 00:00")
    assert kinds(found)[0][0] == "PlanChange"
    ended, begun = found
    assert isinstance(ended, PlanChange)
    assert isinstance(begun, Allocation)
    assert (taken(ended), ended.ends, ended.at) == ([(MONTHLY, 0, 67, 667)], True, at("11 Apr 00:00"))
    assert (begun.credits, len(begun.months), begun.months[0].cents, begun.months[-1].cents) == (1200, 12, 833, 837)
    assert begun.months[0].expires_at == at("12 May 00:00")
    without = told(had, replace(year, proration=False), paid="11 Apr 00:00")
    assert [(type(one), getattr(one, "ends", None), one.lines) for one in without] == [
        (PlanChange, True, ()),
        (Allocation, None, ("il_y",)),
    ]
    again = after(after(had, found), [])
    late = changed(told(again, part(-100, "12 Apr 00:00"), paid="12 Apr 00:00"))
    assert taken(late) == [(MONTHLY, 0, 10, 100)], "of a period that has ended, in the share of the money"


def test_money_in_another_currency_takes_nothing() -> None:
    """What was paid in dollars is not given back in euros, nor made dearer by them: somebody has to look at it."""
    histories = [history(line(2000, currency="usd"))]
    for cents in ((-667, 1333), (-667, 0)):
        euros = [replace(part(net, "11 Apr 00:00", price), currency="eur")
                 for net, price in zip(cents, ("price_basic", "price_pro"), strict=True)]  # fmt: skip
        (only,) = told(histories, *euros, paid="11 Apr 00:00")
        assert isinstance(only, Waiting)
        assert "was paid for in usd, and changed in eur" in only.reason
    assert up(histories).takes == up([history(line(2000))]).takes


def test_a_period_learnt_after_the_one_that_cut_it_short() -> None:
    later = history(line(10_000, start=at("11 Apr 00:00"), end=at("11 Apr 2026 00:00")))
    begun, ended = told([later], line(1000), paid="1 Apr 00:00")
    assert isinstance(begun, Allocation)
    assert isinstance(ended, PlanChange)
    assert (ended.ends, ended.at, ended.period_end) == (True, at("11 Apr 00:00"), MAY)


def test_28_a_coupon_of_a_hundred_per_cent() -> None:
    had = history(line(1000, net=0))
    lines = part(-667, "11 Apr 00:00", net=0), part(1333, "11 Apr 00:00", "price_pro", net=0)
    change = changed(told([had], *lines, paid="11 Apr 00:00"))
    assert (granted(change), change.cents) == ([(100, 0)], 0)
    pro = after([had], [change])
    down = part(-1267, "12 Apr 00:00", "price_pro", net=0), part(633, "12 Apr 00:00", net=0)
    stays = changed(told(pro, *down, paid="12 Apr 00:00"))
    assert (stays.months, stays.takes, stays.level) == ((), (), None)


def test_34_up_down_and_up_again() -> None:
    had = [history(line(1000))]
    first = up(had)
    had = after(had, [first])
    down = part(-1267, "12 Apr 00:00", "price_pro"), part(633, "12 Apr 00:00")
    second = changed(told(had, *down, paid="12 Apr 00:00"))
    assert taken(second) == [(first.origin, 0, 95, 634)]
    third = up(after(had, [second]), "13 Apr 00:00", (-600, 1200))
    assert granted(third) == [(90, 600)]


def test_several_changes_on_the_renewal_are_judged_in_order_of_time() -> None:
    lines = [
        line(2000, "il_next", start=MAY, end=JUNE, price="price_pro"),
        part(-600, "13 Apr 00:00"),
        part(1200, "13 Apr 00:00", "price_pro"),
        part(-1267, "12 Apr 00:00", "price_pro"),
        part(633, "12 Apr 00:00"),
        part(-667, "11 Apr 00:00"),
        part(1333, "11 Apr 00:00", "price_pro"),
    ]
    found = told([history(line(1000))], *lines, paid="1 May 01:00")
    assert [one.credits for one in found if isinstance(one, PlanChange | Allocation)] == [100, -95, 90, 250]
    assert {one.months[0].expires_at for one in found if isinstance(one, PlanChange) and one.months} == {
        at("8 May 01:00")
    }


def test_35_a_second_seat_on_a_yearly_line_and_back_to_one() -> None:
    had = [history(line(10_000, start=at("1 Jan 00:00"), end=YEAR))]
    one, two = part(-8767, "15 Feb 00:00", end=YEAR), part(17_534, "15 Feb 00:00", end=YEAR, quantity=2)
    more = changed(told(had, one, two, paid="15 Feb 00:00"))
    assert granted(more) == [(50, 417), *[(100, 834)] * 9, (100, 844)]
    assert more.months[0].starts_at == at("15 Feb 00:00")
    back = part(-14_247, "16 Apr 00:00", end=YEAR, quantity=2), part(7123, "16 Apr 00:00", end=YEAR)
    fewer = changed(told(after(had, [more]), *back, paid="16 Apr 00:00"))
    yearly = "allocation:si_1:price_basic:2025-01-01T00:00:00Z"
    whole = [[(more.origin, month, 100, 834), (yearly, month, 0, 4)] for month in range(4, 11)]
    assert taken(fewer) == [
        (more.origin, 3, 50, 419),
        *[take for month in whole for take in month],
        (more.origin, 11, 100, 839),
    ]


def test_the_31st_is_the_months_end() -> None:
    had = history(line(10_000, start=at("31 Jan 00:00"), end=at("31 Jan 2026 00:00")))
    assert [window.starts_at.day for window in had.windows] == [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
    assert sum(had.sales[0].credits) == 1200
    assert had.sales[0].cents == (833,) * 11 + (837,)


def test_a_part_of_a_month_counts_by_its_seconds() -> None:
    had = history(line(1000, start=at("1 Jan 00:00"), end=at("16 Apr 00:00")))
    assert had.sales[0].credits == (100, 100, 100, 50)
    assert had.sales[0].cents == (285, 285, 285, 145)


def test_next_period_brings_nothing_now_and_its_money_back() -> None:
    later = replace(PRO, on_upgrade="next_period")
    had = [history(line(1000))]
    lines: list[Sold] = [(part(-667, "11 Apr 00:00"), BASIC), (part(1333, "11 Apr 00:00", "price_pro"), later)]
    change = changed(decide(lines, at("11 Apr 00:00"), invoice="in_2", histories=had))
    assert (change.months, change.level, change.earned_cents) == ((), None, 666)
    down = part(-1267, "12 Apr 00:00", "price_pro"), part(633, "12 Apr 00:00")
    assert taken(changed(told(after(had, [change]), *down, paid="12 Apr 00:00"))) == [(change.origin, 0, 0, 634)]


def test_an_item_in_place_of_another() -> None:
    """What is left of the old one goes with its money, the new one is a stub of its own."""
    old, new = part(-667, "11 Apr 00:00"), part(1333, "11 Apr 00:00", "price_pro", item="si_new")
    removed, added = told([history(line(1000))], old, new, paid="11 Apr 00:00")
    assert isinstance(removed, PlanChange)
    assert isinstance(added, Allocation)
    assert (taken(removed), added.credits, added.cents) == ([(MONTHLY, 0, 67, 667)], 166, 1333)


class TestWhatWaits:
    def test_money_back_for_a_period_that_was_never_granted(self) -> None:
        found = told([], part(-1333, "11 Apr 00:00", "price_pro"), part(667, "11 Apr 00:00"), paid="11 Apr 00:00")
        assert [one.why for one in found if isinstance(one, Waiting)] == ["change"]
        assert len(found) == 1

    def test_a_change_to_a_price_that_nobody_knows_is_no_removal(self) -> None:
        lines: list[Sold] = [(part(-667, "11 Apr 00:00"), BASIC), (part(1333, "11 Apr 00:00", "price_x"), None)]
        (found,) = decide(lines, at("11 Apr 00:00"), histories=[history(line(1000))])
        assert isinstance(found, Waiting)
        assert (found.why, len(found.lines)) == ("unknown_price", 2)

    def test_a_switch_to_a_price_that_nobody_knows_takes_nothing_either(self) -> None:
        year = line(10_000, "il_x", price="price_x", start=at("11 Apr 00:00"), end=at("11 Apr 2026 00:00"))
        lines: list[Sold] = [(part(-667, "11 Apr 00:00"), BASIC), (year, None)]
        found = decide(lines, at("11 Apr 00:00"), histories=[history(line(1000))])
        assert [(type(one), one.why) for one in found if isinstance(one, Waiting)] == [(Waiting, "unknown_price")] * 2

    def test_a_change_to_periods_of_another_length(self) -> None:
        weekly = replace(PRO, every="week")
        lines: list[Sold] = [(part(-667, "11 Apr 00:00"), BASIC), (part(1333, "11 Apr 00:00", "price_pro"), weekly)]
        assert waits(lines, histories=[history(line(1000))]).why == "change"


_STEPS = st.lists(
    st.tuples(
        st.integers(1, 40 * 3600),  # seconds until the change
        st.sampled_from([("price_basic", 1), ("price_pro", 1), ("price_pro", 3), ("price_plus", 2), ("", 0)]),
        st.sampled_from([0, 1, 2]),  # without a coupon, with one of half, of all
    ),
    max_size=12,
)


@given(_STEPS, st.sampled_from([MAY, YEAR]))
def test_whatever_is_done_and_undone_the_entitlement_telescopes(
    steps: list[tuple[int, tuple[str, int], int]], end: datetime
) -> None:
    """However often an item goes up, down, away and back, it never gets more than its levels weighted by time; and
    every cent of every line is granted, earned or taken out again.
    """
    worth = {"price_basic": 1000, "price_pro": 2000, "price_plus": 700, "": 0}
    first: list[Sold] = [(line(1000, end=end), BASIC)]
    outcomes = list(decide(first, APRIL))
    had, now, (price, seats) = after([], outcomes), APRIL, ("price_basic", 1)
    most, cents = [(APRIL, 100)], 1000
    for seconds, (new_price, new_seats), coupon in steps:
        now += timedelta(seconds=seconds)
        if now >= MAY:
            break
        left = (end - now) / (end - APRIL)
        sold: list[Sold] = []
        for sign, of, count in ((-1, price, seats), (1, new_price, new_seats)):
            amount = sign * round(worth[of] * count * left)
            if of and amount:
                net = (amount, amount // 2, 0)[coupon]
                sold.append((part(amount, now, of, end=end, net=net, quantity=count), PRICES[of]))
                cents += net
        price, seats = new_price, new_seats
        found = decide(sold, now, invoice=f"in_{len(outcomes)}", histories=had)
        assert not any(isinstance(one, Waiting) for one in found), found
        had = after(had, found)
        outcomes.extend(found)
        level = had[0].level()
        most = [*most, (now, level)]
    ((state,), sales) = (had, [one for one in outcomes if isinstance(one, Allocation | PlanChange)])
    for window, span in enumerate(state.windows):
        credits = sum(sale.credits_left(window) for sale in state.sales)
        steps_in = [*most, (span.ends_at, 0)]
        weighed = sum(level * span.seconds(since, until) for (since, level), (until, _) in pairwise(steps_in))
        assert credits * span.whole_seconds <= weighed
    moved = sum(month.cents for one in sales for month in one.months)
    earned = sum(one.earned_cents if isinstance(one, PlanChange) else 0 for one in sales)
    back = sum(take.cents for one in sales if isinstance(one, PlanChange) for take in one.takes)
    assert moved + earned - back == cents
