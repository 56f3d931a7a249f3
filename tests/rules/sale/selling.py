"""Short ways to write lines and terms down."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from fractions import Fraction
from typing import Any

from billing.rules.periods import Every, Span
from billing.rules.sale.allocation import decide
from billing.rules.sale.assumed import windows_of
from billing.rules.sale.lines import Line
from billing.rules.sale.months import Month, Window, spans_of
from billing.rules.sale.planchange import PastSale, PeriodHistory, taken_from
from billing.rules.sale.values import Allocation, Outcome, PackTerms, PlanChange, PlanTerms, Sold, Waiting

DAY = Span(seconds=86_400)
WEEK = Span(seconds=7 * 86_400)
BASIC = PlanTerms("basic", 100, "month", DAY, WEEK)
SMALL = PackTerms("small", 1000, Span(months=12))


def at(text: str) -> datetime:
    """`1 Apr 00:00` of 2025; or with a year, `1 Apr 2026 00:00`."""
    form = "%d %b %Y %H:%M:%S" if len(text.split()) == 4 else "%d %b %H:%M:%S %Y"
    whole = f"{text}:00" if len(text.split()) == 4 else f"{text}:00 2025"
    return datetime.strptime(whole, form).replace(tzinfo=UTC)


APRIL, MAY, JUNE = at("1 Apr 00:00"), at("1 May 00:00"), at("1 Jun 00:00")


def plan(credits: int = 100, every: Every = "month", share: str = "1", **more: Any) -> PlanTerms:
    return PlanTerms("basic", credits, every, DAY, WEEK, credit_share=Fraction(share), **more)


def line(cents: int, id: str = "il_1", *, net: int | None = None, **more: Any) -> Line:
    """A line of item si_1 for April, unless said otherwise; net as before discount."""
    given: dict[str, Any] = {
        "start": APRIL,
        "end": MAY,
        "quantity": 1,
        "price": "price_basic",
        "subscription": "sub_1",
        "item": "si_1",
        "currency": "usd",
    }
    return Line(id=id, amount_cents=cents, net_cents=cents if net is None else net, **{**given, **more})


def bought(cents: int, id: str = "il_1", *, net: int | None = None, **more: Any) -> Line:
    """A line typed into a manual invoice, with a pack's price and no period to speak of."""
    given = {"price": "price_small", "subscription": None, "item": None, "end": APRIL, "kind": "invoice_item"}
    return line(cents, id, net=net, **{**given, **more})


def allocation(lines: list[Sold] | Line, paid_at: Any = APRIL, **more: Any) -> Allocation:
    (only,) = decide(lines if isinstance(lines, list) else [(lines, BASIC)], paid_at, **more)
    assert isinstance(only, Allocation), only
    return only


def waits(lines: list[Sold] | Line, paid_at: Any = APRIL, **more: Any) -> Waiting:
    (only,) = decide(lines if isinstance(lines, list) else [(lines, BASIC)], paid_at, **more)
    assert isinstance(only, Waiting), only
    return only


def history(*lines: Line, terms: PlanTerms = BASIC) -> PeriodHistory:
    """The item's period after an invoice with these lines."""
    return after([], decide([(line, terms) for line in lines], APRIL))[0]


def after(histories: list[PeriodHistory], outcomes: Sequence[Outcome]) -> list[PeriodHistory]:
    """The histories after what an invoice brought, as they are made from what is kept of it: the outcomes' figures."""
    found = list(histories)
    for one in outcomes:
        if isinstance(one, Allocation):
            spans = spans_of(one.period_start, one.period_end, one.every, stub=one.stub, trial=one.trial)
            begun = PastSale(one.origin, one.period_start, one.level, *_by_window(spans, one.months, one.cents))
            found.append(PeriodHistory(one.item, one.unit, one.every, spans, (begun,), currency=one.currency))
        elif isinstance(one, PlanChange):
            place = next((n for n, had in enumerate(found)
                          if (had.item, had.unit, had.start, had.end)
                          == (one.item, one.unit, one.period_start, one.period_end)), len(found))  # fmt: skip
            if place == len(found):  # of a period that was never granted here
                spans = windows_of(one.period_start, one.period_end, one.every)
                found.append(PeriodHistory(one.item, one.unit, one.every, spans, (), assumed=True))
            had = found[place]
            figures = _by_window(had.windows, one.months, max(one.cents, 0))
            changed = PastSale(one.origin, one.at, one.level, *figures)
            sales = (*taken_from(had.sales, one.takes), changed)
            found[place] = replace(had, sales=sales, ended=had.ended or one.ends)
    return found


def _by_window(spans: Sequence[Window], months: Sequence[Month], cents: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    its = [next((month for month in months if month.ends_at == span.ends_at), None) for span in spans]
    money = [month.cents if month else 0 for month in its]
    money[0] += cents - sum(money)
    return tuple(month.credits if month else 0 for month in its), tuple(money)


def kinds(outcomes: tuple[Outcome, ...]) -> list[tuple[str, tuple[str, ...]]]:
    return [(one.why if isinstance(one, Waiting) else type(one).__name__, one.lines) for one in outcomes]
