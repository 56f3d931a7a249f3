"""What a paid invoice brings: allocations and changes for its plans' lines, packs for its packs' lines, and what must
wait.

Rules: the handbook's *Allocation*, *Credit part*, *Its end*, *Plan change mid-period*. Each line is judged by itself,
never by the invoice's reason for being, and by its sign before discount. A line that no rule here grants waits with a
reason; the invoice's other lines are granted.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from billing.rules.sale.lines import Line
from billing.rules.sale.packs import pack_sales
from billing.rules.sale.periods import plan_sales
from billing.rules.sale.planchange import PeriodHistory
from billing.rules.sale.values import Outcome, PackTerms, Refused, Sold, waiting


def decide(
    lines: Sequence[Sold],
    paid_at: datetime,
    *,
    invoice: str = "",
    claimed: Collection[str] = (),
    histories: Sequence[PeriodHistory] = (),
    trials: Mapping[str, datetime | None] | None = None,
    has_more: bool = False,
) -> tuple[Outcome, ...]:
    """What the paid invoice's `lines` bring: what plans bring in order of time, as it is to be applied.

    `claimed`: ids of its lines that have brought something already; they bring nothing more and are not named again.
    `histories`: the periods that its items had so far. `trials`: until when each subscription's trial lasts or lasted,
    None for none; one that is not named is not known. `has_more`: these are not all of its lines. Lines without a price
    were typed in by hand and bring nothing. An empty answer: nothing to do, nothing to wait for.
    """
    every = [line for line, _ in lines]
    priced = [(line, owner) for line, owner in lines if line.price is not None]
    refused = _whole_waits(every, priced, has_more)
    if refused is not None:
        whole = waiting([line for line, _ in priced if line.id not in claimed], refused)
        return (whole,) if whole.lines or has_more else ()
    plans = plan_sales(priced, paid_at, invoice, claimed, histories, trials or {})
    named = {id for one in plans for id in one.lines} | set(claimed)
    others = [
        *_unknown([line for line, owner in priced if owner is None and line.id not in named]),
        *pack_sales(
            [(line, owner) for line, owner in priced if isinstance(owner, PackTerms)],
            sum(line.net_cents for line in every),
            paid_at,
            claimed,
        ),
    ]
    return _in_order(plans, others, {line.id: at for at, line in enumerate(every)})


def _in_order(plans: Sequence[Outcome], others: Sequence[Outcome], place: Mapping[str, int]) -> tuple[Outcome, ...]:
    """As they stand on the invoice; but what plans bring keeps its own order among itself, that of time."""
    places = sorted(place[one.lines[0]] for one in plans if one.lines)
    found = [(place[one.lines[0]], one) for one in others]
    for one in plans:
        found.append((places[0] if places else len(place), one))
        if one.lines:
            places.pop(0)
    return tuple(one for _, one in sorted(found, key=lambda pair: pair[0]))


def _whole_waits(every: list[Line], priced: Sequence[Sold], has_more: bool) -> Refused | None:
    if has_more:
        return "more_lines", f"only the first {len(every)} lines of the invoice are known"
    ids = [line.id for line in every]
    if len(set(ids)) < len(ids):
        return "malformed", "two lines of the invoice have the same id"
    if len({line.currency for line in every}) > 1:
        return "malformed", "the invoice's lines are in several currencies"
    if priced and all(owner is None for _, owner in priced):
        return "unknown_price", f"unknown price {', '.join(sorted({str(line.price) for line, _ in priced}))}"
    return None


def _unknown(lines: list[Line]) -> list[Outcome]:
    prices = dict.fromkeys(str(line.price) for line in lines)
    return [
        waiting([line for line in lines if line.price == price], ("unknown_price", f"unknown price {price}"))
        for price in prices
    ]
