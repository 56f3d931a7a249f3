"""A plan changed in the middle of its period: what more is due, or what goes.

Rule: the handbook's *Plan change mid-period*, *Negative nets*. An item's entitlement is its levels weighted by time;
a change moves the difference between that and what the period's sales brought so far, less what changes took of them.
So whatever is done and undone telescopes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from billing.rules.periods import Every
from billing.rules.sale.months import Month, Window, share_out


@dataclass(frozen=True, slots=True)
class PastSale:
    """A sale of the period: the allocation that began it, or a change. Figures are by window.

    From `at` on the item has the `level`; None: the level stayed. `counts` is False once all that was paid for a
    change went back. `taken` is what later changes took of it, never what refunds did. What is not `here` was brought
    by somebody else: nothing can be taken of it.
    """

    origin: str
    at: datetime
    level: int | None
    credits: tuple[int, ...]
    cents: tuple[int, ...]
    taken_credits: tuple[int, ...] = ()
    taken_cents: tuple[int, ...] = ()
    counts: bool = True
    here: bool = True

    def credits_left(self, window: int) -> int:
        return self.credits[window] - (self.taken_credits[window] if self.taken_credits else 0)

    def cents_left(self, window: int) -> int:
        return self.cents[window] - (self.taken_cents[window] if self.taken_cents else 0)


@dataclass(frozen=True, slots=True)
class PeriodHistory:
    """What an item's period, in one unit of credits, has had so far. `sales` stand as they were applied, the
    allocation first. `ended`: the period was cut short by one that began anew. `paid_at`: when its allocation was paid.
    `assumed`: there is no allocation, only changes. `currency`: what it was paid in, None where that is not known.
    """

    item: str
    unit: str
    every: Every
    windows: tuple[Window, ...]
    sales: tuple[PastSale, ...]
    ended: bool = False
    paid_at: datetime | None = None
    assumed: bool = False
    currency: str | None = None

    @property
    def start(self) -> datetime:
        return self.windows[0].starts_at

    @property
    def end(self) -> datetime:
        return self.windows[-1].ends_at

    def level(self) -> int:
        """The level that holds at its end."""
        return max(dict(_levels(self.sales)).items())[1]


@dataclass(frozen=True, slots=True)
class Take:
    """What a change takes of an earlier sale, in one of the period's windows: the one that ends at `ends_at`."""

    origin: str
    window: int
    ends_at: datetime
    credits: int
    cents: int


@dataclass(frozen=True, slots=True)
class Moves:
    """What a change comes to. `months`: what is granted. `earned_cents`: money that brings no credits.

    `level`: the item's from then on, None where it stays.
    """

    level: int | None
    months: tuple[Month, ...]
    takes: tuple[Take, ...]
    earned_cents: int


def judge(
    history: PeriodHistory,
    origin: str,
    at: datetime,
    level: int,
    net_cents: int,
    *,
    waits_for_period: bool = False,
) -> tuple[Moves, PeriodHistory]:
    """The item has `level` from `at` on, and its lines come to `net_cents`: what moves, and the history after it.

    `waits_for_period`: the plan's upgrades bring their credits with the next period.
    """
    wanted = entitlement(history.windows, [*_levels(history.sales), (at, level)])
    due = [
        want - _had(history.sales, window) if at < history.windows[window].ends_at else 0  # what is over stays
        for window, want in enumerate(wanted)
    ]
    stays = (sum(due) < 0 <= net_cents) or (waits_for_period and sum(due) > 0)
    if stays:
        due = [0 for _ in due]
    price = max(net_cents, 0)
    granted = _granted(history.windows, at, [max(part, 0) for part in due], price)
    fewer = [max(-part, 0) if net_cents < 0 else 0 for part in due]
    takes = _taken(history, at, fewer, max(-net_cents, 0))
    earned = price if not any(month.credits for month in granted) else 0
    moves = Moves(None if stays else level, tuple(month for month in granted if month.credits), takes, earned)
    return moves, _after(history, origin, at, moves, granted)


def give_back(history: PeriodHistory, origin: str, at: datetime, net_cents: int) -> tuple[Moves, PeriodHistory]:
    """Money is given back for a period that has ended already, so that no level says how many credits go with it: their
    share of what the period's sales brought, rounded up, from its last window back.
    """
    back = max(-net_cents, 0)
    every = range(len(history.windows))
    had = [_had(history.sales, window) for window in every]
    paid = sum(sale.cents_left(window) for sale in history.sales if sale.counts for window in every)
    wanted = min(sum(had), -(-sum(had) * back // paid)) if paid > 0 else 0
    fewer = [0 for _ in every]
    for window in reversed(every):
        fewer[window] = min(wanted, had[window])
        wanted -= fewer[window]
    earned = max(net_cents, 0)
    moves = Moves(None, (), _taken(history, at, fewer, back), earned)
    nothing = [Month(span.starts_at, span.ends_at, 0, 0) for span in history.windows]
    return moves, _after(history, origin, at, moves, nothing)


def entitlement(spans: Sequence[Window], levels: Sequence[tuple[datetime, int]]) -> list[int]:
    """By window: the levels weighted by time, rounded down. Each level holds from its instant to that of the next,
    whichever was said first; of two for one instant, what was said last.
    """
    steps = sorted(dict(levels).items())
    found = []
    for span in spans:
        weighed = 0
        for place, (at, level) in enumerate(steps):
            until = steps[place + 1][0] if place + 1 < len(steps) else span.ends_at
            weighed += level * span.seconds(at, until)
        found.append(weighed // span.whole_seconds)
    return found


def _levels(sales: Sequence[PastSale]) -> list[tuple[datetime, int]]:
    return [(sale.at, sale.level) for sale in sales if sale.counts and sale.level is not None]


def _had(sales: Sequence[PastSale], window: int) -> int:
    return sum(sale.credits_left(window) for sale in sales if sale.counts)


def _granted(spans: Sequence[Window], at: datetime, credits: Sequence[int], cents: int) -> list[Month]:
    parts = share_out(cents, credits) if any(credits) else [0 for _ in credits]
    return [
        Month(max(span.starts_at, at), span.ends_at, more, part)
        for span, more, part in zip(spans, credits, parts, strict=True)
    ]


def _taken(history: PeriodHistory, at: datetime, credits: Sequence[int], cents: int) -> tuple[Take, ...]:
    """The latest sale first. Cents go in proportion to the credits that go (or, where none go, to the time that is
    left), from each sale up to what it brought, and what remains from the first.
    """
    weights = credits if any(credits) else _time_left(history.windows, at)
    money = share_out(cents, weights)
    takes: list[Take] = []
    for window, (fewer, part) in enumerate(zip(credits, money, strict=True)):
        found: list[Take] = []
        for sale in reversed(history.sales):
            if not sale.counts:
                continue
            less = min(fewer, max(sale.credits_left(window), 0))
            back = min(part, max(sale.cents_left(window), 0))
            fewer, part = fewer - less, part - back
            if sale.here:
                found.append(Take(sale.origin, window, history.windows[window].ends_at, less, back))
        assert not fewer, "a change takes more than the period's sales brought"
        if part:
            found[-1] = replace(found[-1], cents=found[-1].cents + part)
        takes.extend(take for take in found if take.credits or take.cents)
    return tuple(takes)


def _time_left(spans: Sequence[Window], at: datetime) -> list[int]:
    weights = [span.seconds(at, span.ends_at) for span in spans]
    return weights if any(weights) else [0 for _ in spans[1:]] + [1]


def _after(history: PeriodHistory, origin: str, at: datetime, moves: Moves, granted: Sequence[Month]) -> PeriodHistory:
    cents = [month.cents for month in granted]
    if moves.earned_cents:
        cents[_running(history.windows, at)] += moves.earned_cents
    new = PastSale(origin, at, moves.level, tuple(month.credits for month in granted), tuple(cents))
    return replace(history, sales=(*taken_from(history.sales, moves.takes), new))


def taken_from(sales: Sequence[PastSale], takes: Sequence[Take]) -> tuple[PastSale, ...]:
    """The sales, less what was taken of them."""
    found = []
    for sale in sales:
        credits = list(sale.taken_credits or [0 for _ in sale.credits])
        cents = list(sale.taken_cents or [0 for _ in sale.cents])
        for take in takes:
            if take.origin == sale.origin:
                credits[take.window] += take.credits
                cents[take.window] += take.cents
        found.append(replace(sale, taken_credits=tuple(credits), taken_cents=tuple(cents)))
    return tuple(found)


def ended_early(histories: Sequence[PeriodHistory], at: datetime) -> list[PeriodHistory]:
    """The histories, those marked as ended in the middle of which another period of the item began that was paid before
    `at`. What is paid then is judged as if it had been heard of in its turn.
    """
    known = [other for other in histories if other.paid_at is None or other.paid_at < at]
    return [replace(one, ended=True) if begun_inside(one, known) else one for one in histories]


def begun_inside(history: PeriodHistory, among: Sequence[PeriodHistory]) -> datetime | None:
    """When the first of the item's periods among these began that cut this one short."""
    its = (one for one in among if one.item == history.item and one.end != history.end and not one.assumed)
    return min((other.start for other in its if history.start < other.start < history.end), default=None)


def _running(spans: Sequence[Window], at: datetime) -> int:
    """The window in which `at` lies; the last, where that is over."""
    return next((place for place, span in enumerate(spans) if at < span.ends_at), len(spans) - 1)
