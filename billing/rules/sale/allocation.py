"""What a paid invoice brings: allocations for its plans' lines, packs for its packs' lines, and what must
wait.

Rules: the handbook's *Allocation*, *Credit part*, *Its end*. Each line is judged by itself, never by the
invoice's reason for being, and by its sign before discount. A line that no rule here grants waits with a
reason; the invoice's other lines are granted.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from billing.rules.money import credit_part
from billing.rules.periods import add, is_longer, whole_period
from billing.rules.sale.lines import Line
from billing.rules.sale.packs import pack_sales
from billing.rules.sale.values import Allocation, Outcome, PackTerms, PlanTerms, Refused, Sold, waiting
from billing.rules.wallet.values import LARGEST_CENTS, LARGEST_CREDITS

_Period = tuple[str, str, datetime, datetime]
"""Item, price, start, end: lines that have these in common are one grant."""


def decide(
    lines: Sequence[Sold],
    paid_at: datetime,
    *,
    claimed: Collection[str] = (),
    allocated: Collection[tuple[str, datetime]] = (),
    has_more: bool = False,
) -> tuple[Outcome, ...]:
    """What the paid invoice's `lines` bring, in the order in which they stand there.

    `claimed`: ids of its lines that have brought something already; they bring nothing more and are not named
    again. `allocated`: (item, period end) of every allocation made so far. `has_more`: these are not all of
    its lines. Lines without a price were typed in by hand and bring nothing. An empty answer: nothing to do,
    nothing to wait for.
    """
    every = [line for line, _ in lines]
    priced = [(line, owner) for line, owner in lines if line.price is not None]
    refused = _whole_waits(every, priced, has_more)
    if refused is not None:
        whole = waiting([line for line, _ in priced if line.id not in claimed], refused)
        return (whole,) if whole.lines or has_more else ()
    found = [
        *_unknown([line for line, owner in priced if owner is None and line.id not in claimed]),
        *_allocations(
            [(line, owner) for line, owner in priced if isinstance(owner, PlanTerms)],
            given_back=[line for line in every if line.is_negative],
            paid_at=paid_at,
            claimed=claimed,
            allocated=allocated,
        ),
        *pack_sales(
            [(line, owner) for line, owner in priced if isinstance(owner, PackTerms)],
            sum(line.net_cents for line in every),
            paid_at,
            claimed,
        ),
    ]
    place = {line.id: at for at, line in enumerate(every)}
    return tuple(sorted(found, key=lambda one: place[one.lines[0]]))


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


def _changes(line: Line, given_back: Sequence[Line]) -> bool:
    """Does the line belong to a change for which these give money back? Of the same item what begins before that ends;
    of another item of the subscription (it may have taken that one's place) what begins while it runs. A renewal that
    also carries last month's prorations begins after that, and is no change.
    """
    return any(
        line.start < back.end
        and (line.item == back.item or (line.subscription == back.subscription and back.start <= line.start))
        for back in given_back
        if back.item is not None
    )


def _unknown(lines: list[Line]) -> list[Outcome]:
    prices = dict.fromkeys(str(line.price) for line in lines)
    return [
        waiting([line for line in lines if line.price == price], ("unknown_price", f"unknown price {price}"))
        for price in prices
    ]


def _allocations(
    lines: Sequence[tuple[Line, PlanTerms]],
    *,
    given_back: Sequence[Line],
    paid_at: datetime,
    claimed: Collection[str],
    allocated: Collection[tuple[str, datetime]],
) -> list[Outcome]:
    """Periods are judged in order of time, those of whole lines before prorations: what an earlier one grants
    makes a later one that ends with it a change, on one invoice as on two.
    """
    found: list[Outcome] = []
    groups: dict[_Period, list[tuple[Line, PlanTerms]]] = {}
    for line, terms in lines:
        if line.item is not None:
            groups.setdefault((line.item, str(line.price), line.start, line.end), []).append((line, terms))
        elif line.id not in claimed:
            outside = f"line {line.id} has the price of plan {terms.plan}, but belongs to no subscription"
            found.append(waiting([line], ("no_item", outside)))
    granted = set(allocated)
    for period in sorted(groups, key=lambda of: (of[2], any(line.proration for line, _ in groups[of]))):
        group = [line for line, _ in groups[period]]
        left = [line for line in group if line.id not in claimed]
        ends = (period[0], period[3])
        if not left:
            granted.add(ends)
            continue
        terms = groups[period][0][1]
        answer = _judge(period, group, terms, paid_at, given_back, granted, partly=len(left) < len(group))
        if isinstance(answer, Allocation):
            granted.add(ends)
            found.append(answer)
        elif answer is not None:
            found.append(waiting(left, answer))
    return found


def _judge(
    period: _Period,
    group: list[Line],
    terms: PlanTerms,
    paid_at: datetime,
    given_back: Sequence[Line],
    granted: Collection[tuple[str, datetime]],
    *,
    partly: bool,
) -> Allocation | Refused | None:
    """What the lines of one item, price and period bring; None if that is nothing at all."""
    item, price, start, end = period
    refused = _waits(period, group, terms, given_back, granted, partly)
    if refused is not None:
        return refused
    credits = _credits(period, group, terms)
    cents = sum(credit_part(line.net_cents, terms.credit_share) for line in group)
    if credits == 0 and cents == 0:
        return None
    figures = f"{credits} credits of plan {terms.plan} for {cents} cents on item {item}"
    if cents < 0:
        return "negative_net", f"{figures}: the discount is larger than the price"
    if credits == 0:
        return "no_credits", f"{figures}: money that brings no credits"
    if credits > LARGEST_CREDITS or cents > LARGEST_CENTS:
        return "too_much", f"{figures}: more than the books can hold"
    return Allocation(
        origin=f"allocation:{item}:{price}:{_written(start)}",
        plan=terms.plan,
        unit=terms.unit,
        credits=credits,
        cents=cents,
        currency=group[0].currency,
        effective_at=start,
        expires_at=_end(start, end, terms, paid_at),
        period_start=start,
        period_end=end,
        quantity=sum(line.count for line in group),
        subscription=group[0].subscription,
        item=item,
        price=price,
        lines=tuple(line.id for line in group),
        paid_at=paid_at,
    )


def _waits(
    period: _Period,
    group: list[Line],
    terms: PlanTerms,
    given_back: Sequence[Line],
    granted: Collection[tuple[str, datetime]],
    partly: bool,
) -> Refused | None:
    item, price, start, end = period
    written = f"{_written(start)} to {_written(end)}"
    before = f"item {item}: its period that ends {_written(end)} was granted before"
    if any(line.is_negative or _changes(line, given_back) for line in group):
        return "change", f"item {item} is changed by this invoice: a line of its subscription gives money back"
    if start >= end:
        return "no_period", f"price {price} on item {item} is for no length of time ({written})"
    if all(line.is_free for line in group):
        return "free", f"price {price} on item {item} costs nothing for {written}: a trial, or a price of 0"
    if partly:
        return "granted_before", f"another part of {price} on item {item} for {written} was granted before"
    if (item, end) in granted:
        if any(line.proration for line in group):
            return "change", f"a change of {before}"
        return "granted_before", before
    if is_longer(start, end, terms.every):
        return "longer", f"price {price} on item {item} is for longer than one {terms.every} ({written})"
    return None


def _credits(period: _Period, group: list[Line], terms: PlanTerms) -> int:
    """Quantity × plan credits; of a proration for less than a whole period its part, by the second, rounded
    down.
    """
    _, _, start, end = period
    whole = sum(line.count for line in group) * terms.credits
    full = end - whole_period(end, terms.every)
    if end - start >= full or not all(line.proration for line in group):
        return whole
    second = timedelta(seconds=1)
    return whole * ((end - start) // second) // (full // second)


def _end(start: datetime, end: datetime, terms: PlanTerms, paid_at: datetime) -> datetime | None:
    if terms.at_period_end == "keep":
        return None
    ends = add(end, terms.grace)
    if paid_at > add(start, terms.grace):
        ends = max(ends, add(paid_at, terms.late_grace))
    return ends


def _written(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")
