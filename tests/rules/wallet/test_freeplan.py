"""Free plans by the pure rule: whatever is switched, and however often, nothing is minted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.rules.periods import Every, Span
from billing.rules.wallet import due, freeplan
from billing.rules.wallet.freeplan import entitlement
from billing.rules.wallet.freeterms import FreeTerms, Versions
from billing.rules.wallet.position import Position
from billing.rules.wallet.terms import Terms

START = datetime(2025, 3, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


def versions(credits: int, every: Every = "week", plan: str | None = None) -> Versions:
    return ((None, FreeTerms(plan or f"p{credits}", "Free", credits, every, Span(seconds=3_600))),)


LEVELS = {f"p{credits}": versions(credits) for credits in (10, 70, 100)}
WEEK = timedelta(days=7)


def granted(position: Position) -> dict[datetime, int]:
    """Credits by the start of the period they are for."""
    found: dict[datetime, int] = {}
    for bucket in position.buckets.values():
        assert bucket.period_end is not None
        start = bucket.period_end - WEEK
        found[start] = found.get(start, 0) + bucket.granted - bucket.voided
    return found


acts = st.lists(st.tuples(st.integers(0, 60), st.sampled_from(["p10", "p70", "p100", None, "pause", "resume"])))


@given(acts)
def test_no_period_brings_more_than_its_highest_level(acts: list[tuple[int, str | None]]) -> None:
    position = Position(Terms(), START)
    for hours, act in acts:
        due.advance(position, position.at + hours * HOUR)
        if act == "pause":
            freeplan.pause(position, position.at)
        elif act == "resume":
            freeplan.resume(position, position.at)
        else:
            freeplan.put(position, act, LEVELS.get(act or "", ()))
    due.advance(position, position.at + WEEK)
    starts = sorted(granted(position))
    assert all(credits <= 100 for credits in granted(position).values())
    assert all(later - earlier >= WEEK for earlier, later in pairwise(starts))
    if {act for _, act in acts} <= {"p10", None, "pause", "resume"}:
        assert all(credits <= 10 for credits in granted(position).values())


@given(st.lists(st.integers(0, 30), max_size=12))
def test_off_and_on_again_is_as_if_nothing_had_been_done(hours: list[int]) -> None:
    switched, left_alone = Position(Terms(), START), Position(Terms(), START)
    for position in (switched, left_alone):
        freeplan.put(position, "p70", LEVELS["p70"])
    for pause in hours:
        for position in (switched, left_alone):
            due.advance(position, position.at + pause * HOUR)
        freeplan.put(switched, None, ())
        freeplan.put(switched, "p70", LEVELS["p70"])
    assert granted(switched) == granted(left_alone)


@pytest.mark.parametrize(
    ("levels", "expected"),
    [
        ([(0, 100)], 100),
        ([(0, 100), (84, 0)], 50),
        ([(0, 0), (84, 99)], 49),
        ([(0, 100), (56, 250), (112, 100)], 150),
    ],
)
def test_levels_are_weighted_by_time_and_rounded_down(levels: list[tuple[int, int]], expected: int) -> None:
    assert entitlement(tuple((START + at * HOUR, level) for at, level in levels), START + WEEK) == expected


def test_a_version_of_the_catalog_counts_from_the_next_period_on() -> None:
    old, new = versions(70)[0][1], versions(100, plan="p70")[0][1]
    position = Position(Terms(), START)
    freeplan.put(position, "p70", ((START, old), (START + 8 * 24 * HOUR, new)))
    due.advance(position, START + 2 * WEEK)
    assert granted(position) == {START: 70, START + WEEK: 70, START + 2 * WEEK: 100}
