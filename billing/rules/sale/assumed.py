"""Periods that were never granted here: paid before our time, voided, not mapped, or not paid yet.

Who changes such a period pays the difference between two levels, and that is what the change brings: its own lines say
which level there was. What brought that level is not here, so nothing can be taken of it.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from billing.rules.periods import Every, add, span_of
from billing.rules.sale.months import Window, windows
from billing.rules.sale.planchange import PastSale, PeriodHistory


def windows_of(at: datetime, end: datetime, every: Every) -> tuple[Window, ...]:
    """The last periods of a plan up to `end`, from the one in which `at` lies. Its real start is not known."""
    start, count = end, 0
    while start > at:
        count += 1
        start = add(end, span_of(every), -count)
    return windows(start, end, every, stub=False)


def before_change(
    item: str, unit: str, every: Every, at: datetime, end: datetime, level: int, there: PeriodHistory | None
) -> PeriodHistory:
    """The period as if it had the `level` throughout until now. `there`: what changes of it brought, which is part of
    that.
    """
    spans = windows_of(at, end, every)
    changes: tuple[PastSale, ...] = ()
    if there is not None:
        missing = max(len(spans) - len(there.windows), 0)  # both end together
        spans = spans if missing else there.windows
        changes = tuple(_padded(replace(sale, level=None), missing) for sale in there.sales)
    counted = [sale for sale in changes if sale.counts]
    rest = tuple(
        span.credits(level) - sum(sale.credits_left(window) for sale in counted) for window, span in enumerate(spans)
    )
    first = PastSale("", spans[0].starts_at, level, rest, tuple(0 for _ in spans), here=False)
    return PeriodHistory(item, unit, every, spans, (first, *changes), assumed=True)


def after_change(history: PeriodHistory) -> PeriodHistory:
    """What of it is here."""
    return replace(history, sales=tuple(sale for sale in history.sales if sale.here))


def _padded(sale: PastSale, missing: int) -> PastSale:
    none = tuple(0 for _ in range(missing))
    return replace(
        sale,
        credits=none + sale.credits,
        cents=none + sale.cents,
        taken_credits=sale.taken_credits and none + sale.taken_credits,
        taken_cents=sale.taken_cents and none + sale.taken_cents,
    )
