"""What the tables of changes are told with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from billing.rules.sale.allocation import decide
from billing.rules.sale.lines import Line
from billing.rules.sale.planchange import PeriodHistory
from billing.rules.sale.values import Outcome, PlanChange, Sold
from tests.rules.sale.selling import BASIC, MAY, at, line

PRO = replace(BASIC, plan="pro", credits=250)
PLUS = replace(BASIC, plan="plus")
PRICES = {"price_basic": BASIC, "price_pro": PRO, "price_plus": PLUS, "price_yearly": BASIC}
YEAR = at("1 Jan 2026 00:00")

_numbers = iter(range(10**9))


def part(cents: int, start: str | datetime, price: str = "price_basic", end: datetime = MAY, **more: Any) -> Line:
    begins = at(start) if isinstance(start, str) else start
    return line(cents, f"il_c{next(_numbers)}", start=begins, end=end, price=price, proration=True, **more)


def told(histories: list[PeriodHistory], *lines: Line, paid: str, **more: Any) -> tuple[Outcome, ...]:
    sold: list[Sold] = [(one, PRICES[str(one.price)]) for one in lines]
    return decide(sold, at(paid), invoice="in_2", histories=histories, **more)


def changed(outcomes: Sequence[Outcome]) -> PlanChange:
    (only,) = outcomes
    assert isinstance(only, PlanChange), only
    return only


def granted(change: PlanChange) -> list[tuple[int, int]]:
    return [(month.credits, month.cents) for month in change.months]


def taken(change: PlanChange) -> list[tuple[str, int, int, int]]:
    return [(take.origin, take.window, take.credits, take.cents) for take in change.takes]


MONTHLY = "allocation:si_1:price_basic:2025-04-01T00:00:00Z"


def up(histories: list[PeriodHistory], day: str = "11 Apr 00:00", cents: tuple[int, int] = (-667, 1333)) -> PlanChange:
    return changed(told(histories, part(cents[0], day), part(cents[1], day, "price_pro"), paid=day))
