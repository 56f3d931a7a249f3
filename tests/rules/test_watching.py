"""When an end is warned of, how long credits last, and what is unusual: the rules by themselves."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.rules.periods import Span
from billing.rules.watching import (
    Ending,
    Pace,
    Unusual,
    cap_of,
    empty_at,
    is_unusual,
    lost_beyond,
    pace_of,
    warnings,
)

NOW = datetime(2025, 4, 13, 10, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
WEEK_LEAD, DAY_LEAD = Span(seconds=7 * 86_400), Span(seconds=86_400)
BOTH = (DAY_LEAD, WEEK_LEAD)


def ending(
    ends: timedelta,
    number: int = 1,
    *,
    lived: timedelta = 30 * DAY,
    leads: tuple[Span, ...] = BOTH,
    warned: Span | None = None,
    credits: int = 5,
) -> Ending:
    return Ending(number, credits, NOW - lived, NOW + ends, leads, None if warned is None else warned.seconds)


@pytest.mark.parametrize(
    ("one", "lead"),
    [
        (ending(8 * DAY), None),
        (ending(7 * DAY + timedelta(microseconds=1)), None),
        (ending(7 * DAY), WEEK_LEAD),
        (ending(7 * DAY, warned=WEEK_LEAD), None),
        (ending(2 * DAY), WEEK_LEAD),
        (ending(DAY), DAY_LEAD),
        (ending(DAY, warned=WEEK_LEAD), DAY_LEAD),
        (ending(DAY, warned=DAY_LEAD), None),
        (ending(HOUR, leads=()), None),
        (ending(HOUR, leads=(WEEK_LEAD,)), WEEK_LEAD),
        (ending(HOUR, credits=0), None),
        (ending(7 * DAY, lived=timedelta(0)), None),
        (ending(DAY, lived=timedelta(0)), None),
        (ending(7 * DAY, lived=timedelta(microseconds=1)), WEEK_LEAD),
        (ending(6 * DAY, lived=HOUR), None),
        (ending(DAY, lived=HOUR), DAY_LEAD),
    ],
)
def test_the_shortest_lead_that_it_is_within_and_once(one: Ending, lead: Span | None) -> None:
    assert warnings([one], NOW) == ({} if lead is None else {lead: [one]})


def test_what_ends_on_the_same_day_comes_along() -> None:
    midnight = NOW.replace(hour=0) + 8 * DAY - NOW
    first, late, next_day = ending(7 * DAY, 1), ending(midnight - HOUR, 2), ending(midnight, 3)
    told, unwanted = ending(midnight - HOUR, 4, warned=WEEK_LEAD), ending(midnight - HOUR, 5, leads=(DAY_LEAD,))
    assert warnings([late, next_day, told, unwanted], NOW) == {}
    assert warnings([late, first, next_day, told, unwanted], NOW) == {WEEK_LEAD: [first, late]}
    sooner = ending(DAY - HOUR, 6)
    assert warnings([sooner, first, late], NOW) == {WEEK_LEAD: [first, late], DAY_LEAD: [sooner]}
    # What has come within a shorter lead, of which it was told, does not come along under a longer one.
    assert warnings([first, ending(HOUR, 7, warned=DAY_LEAD)], NOW) == {WEEK_LEAD: [first]}


@pytest.mark.parametrize(
    ("cap", "unspent", "lost"),
    [
        (60, [(2, 90)], {2: 30}),
        (60, [(2, 60)], {2: 0}),
        (60, [(3, 40), (2, 90)], {3: 0, 2: 70}),
        (0, [(1, 5)], {1: 5}),
    ],
)
def test_the_newest_go_on(cap: int, unspent: list[tuple[int, int]], lost: dict[int, int]) -> None:
    assert lost_beyond(cap, unspent) == lost
    assert (cap_of(2000, 7), cap_of(Fraction(1, 3), 100)) == (2000, 33)


@pytest.mark.parametrize(
    ("credits", "days", "per_day"), [(1400, 14, 100), (1, 14, 1), (21, 14, 2), (20, 14, 1), (7, 7, 1)]
)
def test_per_day(credits: int, days: int, per_day: int) -> None:
    assert Pace(credits, days).per_day == per_day


@pytest.mark.parametrize(
    ("credits", "day", "first", "pace"),
    [
        (700, 7, 0, Pace(700, 7)),
        (700, 6, 0, None),
        (700, 100, 0, Pace(700, 14)),
        (700, 14, 0, Pace(700, 14)),
        (0, 100, 0, None),
        (-5, 100, 0, None),
    ],
)
def test_a_pace_has_its_history(credits: int, day: int, first: int, pace: Pace | None) -> None:
    assert pace_of(credits, day, first, 14) == pace


@pytest.mark.parametrize(
    ("lots", "days"),
    [
        ([(70, None)], Fraction(7)),
        ([(71, None)], None),
        ([(1, None)], Fraction(1, 10)),
        ([(10**15, None)], None),
        ([], None),
        ([(40, 2 * DAY), (30, None)], Fraction(5)),
        ([(30, None), (40, 2 * DAY)], Fraction(5)),
        ([(20, 2 * DAY)], None),
        ([(19, 2 * DAY)], Fraction(19, 10)),
        ([(40, 2 * DAY), (10, 2 * DAY)], None),
    ],
)
def test_when_it_is_empty(lots: list[tuple[int, timedelta | None]], days: Fraction | None) -> None:
    ends = [(credits, None if end is None else NOW + end) for credits, end in lots]
    at = empty_at(NOW, ends, Pace(140, 14), NOW + 7 * DAY)
    assert at == (None if days is None else NOW + timedelta(seconds=int(days * 86_400)))


@given(
    st.lists(st.tuples(st.integers(1, 10**15), st.none() | st.integers(1, 10**6))),
    st.integers(1, 10**15),
    st.integers(7, 14),
)
def test_it_is_never_empty_later_than_without_ends(lots: list[tuple[int, int | None]], used: int, days: int) -> None:
    until = NOW + 30 * DAY
    ends = [(credits, None if end is None else NOW + timedelta(minutes=end)) for credits, end in lots]
    at, plain = (empty_at(NOW, some, Pace(used, days), until) for some in (ends, [(sum(c for c, _ in lots), None)]))
    assert at is None or at <= until
    if at is not None and plain is not None:
        assert at <= plain + timedelta(seconds=len(lots))  # each lot is rounded down to the second by itself


@pytest.mark.parametrize(
    ("rule", "scale", "credits", "used_on", "found"),
    [
        (Unusual(), 0, 500, 7, True),
        (Unusual(), 0, 499, 7, False),
        (Unusual(), 0, 500, 3, True),
        (Unusual(), 0, 500, 2, False),
        (Unusual(), 1, 999, 7, False),
        (Unusual(), 1, 1_000, 7, True),
        (Unusual(5, 501), 0, 500, 7, False),
        (Unusual(6), 0, 599, 7, False),
        (Unusual(6), 0, 600, 7, True),
    ],
)
def test_unusual(rule: Unusual, scale: int, credits: int, used_on: int, found: bool) -> None:
    assert is_unusual(rule, scale, credits, Pace(2_800, 28), used_on) is found
