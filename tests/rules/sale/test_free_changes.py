"""Changes of what costs nothing: trials, prices of 0, and what was wholly discounted."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from billing.rules.sale.allocation import decide
from billing.rules.sale.values import Allocation, PlanChange, Sold
from tests.rules.sale.changes import PRO, changed, granted, part, told
from tests.rules.sale.selling import APRIL, BASIC, MAY, after, at, history, line, waits


class TestFree:
    TRY = replace(BASIC, plan="try", trial_credits=30)

    def zero(self, end: datetime, **more: Any) -> list[Sold]:
        return [(line(0, end=end, **more), self.TRY)]

    def test_27_a_trial_brings_the_trial_credits(self) -> None:
        ends = at("15 Apr 00:00")
        (trial,) = decide(self.zero(ends), APRIL, trials={"sub_1": ends})
        assert isinstance(trial, Allocation)
        assert (trial.credits, trial.cents, trial.months[0].expires_at) == (30, 0, at("16 Apr 00:00"))
        paid: list[Sold] = [(line(1000, start=ends, end=at("15 May 00:00")), self.TRY)]
        had = after([], [trial])
        (whole,) = decide(paid, at("15 Apr 01:00"), histories=had, trials={"sub_1": ends})
        assert isinstance(whole, Allocation)
        assert whole.credits == 100

    def test_a_trial_cut_short_ends_with_the_first_paid_period(self) -> None:
        (trial,) = decide(self.zero(at("15 Apr 00:00")), APRIL, trials={"sub_1": at("15 Apr 00:00")})
        paid: list[Sold] = [(line(1000, start=at("10 Apr 00:00"), end=at("10 May 00:00")), self.TRY)]
        ended, whole = decide(paid, at("10 Apr 00:00"), histories=after([], [trial]), trials={"sub_1": None})
        assert isinstance(ended, PlanChange)
        assert (ended.ends, ended.at) == (True, at("10 Apr 00:00"))
        assert isinstance(whole, Allocation)

    def test_a_free_price_brings_the_whole(self) -> None:
        for until in (None, APRIL):
            (free,) = decide(self.zero(MAY), APRIL, trials={"sub_1": until})
            assert isinstance(free, Allocation)
            assert (free.credits, free.cents, free.trial) == (100, 0, False)

    def test_a_trial_without_credits_brings_nothing(self) -> None:
        assert decide([(line(0), BASIC)], APRIL, trials={"sub_1": MAY}) == ()

    def test_while_nobody_said_which_it_waits(self) -> None:
        assert waits(line(0)).why == "free"


class TestWhatCostNothing:
    """A line that takes back what cost nothing has no sign: it is told by the lines that it names."""

    def test_a_seat_more(self) -> None:
        had = [history(line(1_000, net=0))]
        lines = part(0, "11 Apr 00:00", returns=True), part(1_333, "11 Apr 00:00", quantity=2)
        change = changed(told(had, *lines, paid="11 Apr 00:00"))
        assert (granted(change), change.level) == ([(66, 1_333)], 200)

    def test_up_and_down_at_no_price(self) -> None:
        had = [history(line(1_000, net=0))]
        up = part(0, "11 Apr 00:00", returns=True), part(0, "11 Apr 00:00", "price_pro")
        change = changed(told(had, *up, paid="11 Apr 00:00", trials={"sub_1": None}))
        assert (granted(change), change.level) == ([(100, 0)], 250)
        down = part(0, "12 Apr 00:00", "price_pro", returns=True), part(0, "12 Apr 00:00")
        stays = changed(told(after(had, [change]), *down, paid="12 Apr 00:00", trials={"sub_1": None}))
        assert (stays.months, stays.takes, stays.level) == ((), (), None)

    def test_in_a_trial_it_moves_trial_credits(self) -> None:
        tried, more = replace(BASIC, trial_credits=30), replace(PRO, trial_credits=60)
        trial = {"sub_1": MAY}
        had = after([], decide([(line(0), tried)], APRIL, trials=trial))
        lines: list[Sold] = [
            (part(0, "11 Apr 00:00", returns=True), tried),
            (part(0, "11 Apr 00:00", "price_pro"), more),
        ]
        change = changed(decide(lines, at("11 Apr 00:00"), invoice="in_2", histories=had, trials=trial))
        assert (granted(change), change.level) == ([(20, 0)], 60)
