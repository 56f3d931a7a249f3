"""What a paid line should have brought, reckoned from the line and the catalog alone: not by the rules that granted it.

Where time decides (a change in mid-period, a stub) nothing simple can be said, and nothing is.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from billing.catalog.terms import Pack, Plan
from billing.rules.money import credit_part
from billing.rules.periods import Every, add, span_of
from billing.rules.sale.lines import Line

_MOST = 1_200
"""Periods on one line: a hundred years of months."""


def credits(owner: Plan | Pack | None, lines: Sequence[Line]) -> int | None:
    """Whole credits for lines of one item, price and period; None where that can't be said from here."""
    if owner is None or any(line.is_negative or line.proration or line.is_free for line in lines):
        return None
    count = sum(line.count for line in lines)
    if isinstance(owner, Pack):
        return count * owner.credits
    periods = whole_periods(lines[0].start, lines[0].end, owner.every)
    return None if periods is None else count * owner.credits * periods


def cents(owner: Plan | Pack | None, lines: Sequence[Line], *, own: bool = False) -> int | None:
    """The credit part of the lines; of a pack, or of a top-up of ours (`own`), all of it."""
    if own or isinstance(owner, Pack):
        return sum(line.net_cents for line in lines)
    if owner is None:
        return None
    return sum(credit_part(line.net_cents, owner.credit_share) for line in lines)


def whole_periods(start: datetime, end: datetime, every: Every) -> int | None:
    """How many of the plan's periods the line is for; None where that is no whole number of them.

    Periods that begin on the 31st are not equally long: three days are no part of one. A short line is one period.
    """
    span = span_of(every)
    slack = timedelta(days=3) if span.months else timedelta()
    for count in range(1, _MOST + 1):
        at = add(start, span, count)
        if end <= at + slack:
            return count if count == 1 or end >= at - slack else None
    return None
