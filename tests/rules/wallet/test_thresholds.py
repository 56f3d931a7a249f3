"""Thresholds as they are written, what they come to in credits, and what an act crosses: a row each."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.rules.wallet import thresholds as rule
from billing.rules.wallet.thresholds import Allocation, Crossed, Warned
from billing.rules.wallet.values import Act, BucketState, Cause, Movement

NOW = datetime(2025, 4, 10, tzinfo=UTC)
MARCH, APRIL, MAY, JUNE = (datetime(2025, month, 1, tzinfo=UTC) for month in (3, 4, 5, 6))
IN_APRIL = Allocation(1_000, APRIL, MAY)


@pytest.mark.parametrize(
    ("written", "credits", "again"),
    [
        (["20%", 0], [200, 0], ["20%", 0]),
        ([500], [500], [500]),
        ([], [], []),
        ([0, "100%", 10], [1_000, 10, 0], [0, "100%", 10]),
        (["12.50%"], [125], ["12.5%"]),
        (["0.04%"], [0], ["0.04%"]),  # rounded down
        (["33.333333333%"], [333], ["33.333333333%"]),
        (["20%", 200, "20.0%"], [200, 200], ["20%", 200]),
    ],
)
def test_what_is_written_comes_to_credits(written: list[Any], credits: list[int], again: list[Any]) -> None:
    read = rule.parse(written)
    assert not isinstance(read, str)
    assert [level for _, level in rule.levels(read, 1_000)] == credits
    assert rule.document(read) == again
    assert rule.parse(again) == read


@pytest.mark.parametrize("allocation", [None, 0])
def test_a_share_of_nothing_is_no_threshold(allocation: int | None) -> None:
    assert [level for _, level in rule.levels(rule.DEFAULT, allocation)] == [0]


@pytest.mark.parametrize(
    ("written", "says"),
    [
        ("20%", "Write a list of thresholds"),
        (0, "Write a list of thresholds"),
        (None, "Write a list of thresholds"),
        ({"low": 1}, "Write a list of thresholds"),
        ([0, "20"], "Threshold 2 is neither"),
        ([-1], "Threshold 1 is neither"),
        ([1.0], "Threshold 1 is neither"),
        ([True], "Threshold 1 is neither"),
        ([None], "Threshold 1 is neither"),
        (["0%"], "Threshold 1 is neither"),
        (["100.1%"], "Threshold 1 is neither"),
        (["-5%"], "Threshold 1 is neither"),
        ([10**15 + 1], "Threshold 1 is neither"),
        (list(range(11)), "10 thresholds at most"),
    ],
)
def test_what_is_wrong_is_said(written: Any, says: str) -> None:
    read = rule.parse(written)
    assert isinstance(read, str) and says in read


def bucket(number: int = 1, begins: datetime = APRIL, ends: datetime = MAY, **more: Any) -> BucketState:
    given_: dict[str, Any] = {
        "origin": "o", "granted": 1_000, "paid_cents": 0, "currency": None, "priority": 50, "features": (),
        "granted_at": begins, "expires_at": ends, "series": "plan:si_1", "period_end": ends, **more,
    }  # fmt: skip
    return BucketState(number=number, effective_at=begins, **given_)


def moved(kind: str, source: str, destination: str, credits: int, via: int | None = None) -> Movement:
    return Movement(1, kind, source, destination, credits, 0, None, Cause("c"), True, None, via, 0, 0, NOW)


def grant(credits: int = 1_000, number: int = 1) -> Movement:
    return moved("grant", "issued", f"bucket:{number}", credits)


SPENT = moved("spend", "bucket:1", "consumed", 1)
ONE: dict[int, BucketState] = {1: bucket(series=None)}


def act(
    before: int, after: int, was: Warned, *movements: Movement, low: Any = (500, 200, 0), buckets: Any = None,
    started: tuple[BucketState, ...] = (), at: datetime = NOW,
) -> tuple[Warned, Crossed | None]:  # fmt: skip
    thresholds = rule.parse(list(low))
    assert not isinstance(thresholds, str)
    done = Act(at, after, 0, "c", slice(0, len(movements)), started)
    return rule.after(done, movements, ONE if buckets is None else buckets, before, thresholds, was)


@pytest.mark.parametrize(
    ("before", "after", "told", "movement", "crossed", "told_then"),
    [
        (1_000, 501, None, SPENT, [], None),
        (501, 500, None, SPENT, [500], 500),  # landing exactly counts
        (600, 199, None, SPENT, [500, 200], 200),  # all that was crossed, at once
        (600, 0, None, SPENT, [500, 200, 0], 0),
        (499, 300, 500, SPENT, [], 500),  # told already
        (300, 100, 500, SPENT, [200], 200),
        (100, 0, 200, SPENT, [0], 0),
        (0, 0, 0, SPENT, [], 0),
        # Nothing new has come: what a hold gives back, or a reversal, arms nothing.
        (400, 900, 500, moved("release", "held:1", "bucket:1", 500), [], 500),
        (400, 900, 500, moved("reverse", "consumed", "bucket:1", 500), [], 500),
        (900, 450, 500, moved("hold", "bucket:1", "held:1", 450), [], 500),
        (900, 150, 500, moved("hold", "bucket:1", "held:1", 750), [200], 200),
        # New credits arm those below what there is then.
        (400, 900, 500, grant(500), [], None),
        (0, 300, 0, grant(300), [], 500),
        (0, 500, 0, grant(500), [], 500),
        (0, 501, 0, grant(501), [], None),
        (400, 450, 500, grant(50), [], 500),
        (150, 900, 200, moved("revive", "expired:1", "bucket:1", 750), [], None),
        (150, 900, 200, moved("restore", "clawed_back", "bucket:1", 750), [], None),
        (150, 900, 200, moved("release", "held:1", "bucket:1", 750, via=7), [], None),  # a dispute was won
        (900, 900, 500, grant(100), [], 500),  # learnt after its end: nothing is there of it
        (900, 800, 500, moved("roll_over", "bucket:1", "bucket:2", 100), [], 500),
        # A threshold that came to lie above the balance is told of, unless somebody was told before.
        (450, 449, None, SPENT, [500], 500),
        (150, 149, 300, SPENT, [], 200),
        (150, 0, 300, SPENT, [0], 0),
    ],
)
def test_what_an_act_crosses(
    before: int, after: int, told: int | None, movement: Movement, crossed: list[int], told_then: int | None
) -> None:
    now, found = act(before, after, Warned(told), movement)
    assert [level for _, level in found.levels] == crossed if found else not crossed
    assert now == Warned(told_then)
    assert found is None or found.exhausted == (0 in crossed)


def test_a_bucket_that_begins_is_new_credits() -> None:
    now, found = act(0, 600, Warned(0), started=(bucket(series=None),))
    assert (now, found) == (Warned(None), None)


@pytest.mark.parametrize(
    ("was", "movement", "of", "at", "then"),
    [
        (None, grant(), bucket(), NOW, IN_APRIL),
        (None, grant(), bucket(series=None), NOW, None),  # no plan's
        (None, grant(), bucket(period_end=None), NOW, None),
        (IN_APRIL, grant(50), bucket(begins=NOW), NOW, Allocation(1_050, APRIL, MAY)),  # a change adds
        (Allocation(50, NOW, MAY), grant(), bucket(), NOW, Allocation(1_050, APRIL, MAY)),  # heard of before it
        (IN_APRIL, grant(700), bucket(begins=MAY, ends=JUNE), MAY, Allocation(700, MAY, JUNE)),  # the next period
        (IN_APRIL, grant(700), bucket(begins=MARCH, ends=APRIL), NOW, IN_APRIL),  # one that is over
        (IN_APRIL, grant(70), bucket(begins=NOW, ends=NOW + timedelta(days=7)), NOW,
         Allocation(70, NOW, NOW + timedelta(days=7))),  # another plan's that began later
        (IN_APRIL, grant(70), bucket(begins=MARCH, ends=JUNE), NOW, IN_APRIL),  # and one that began before
        (IN_APRIL, grant(70), bucket(begins=MARCH, ends=JUNE), MAY, Allocation(70, MARCH, JUNE)),  # this one is over
        (IN_APRIL, grant(70), bucket(begins=MAY, ends=JUNE), NOW, IN_APRIL),  # to come
        (IN_APRIL, moved("clawback", "bucket:1", "clawed_back", 400), bucket(), NOW, Allocation(600, APRIL, MAY)),
        (IN_APRIL, moved("clawback", "prepaid:1", "clawed_back", 400), bucket(), NOW, IN_APRIL),
        (IN_APRIL, moved("restore", "clawed_back", "bucket:1", 400), bucket(), NOW, Allocation(1_400, APRIL, MAY)),
        (IN_APRIL, moved("clawback", "bucket:1", "clawed_back", 4), bucket(begins=MARCH, ends=APRIL), NOW, IN_APRIL),
    ],
)  # fmt: skip
def test_what_shares_are_of(
    was: Allocation | None, movement: Movement, of: BucketState, at: datetime, then: Allocation | None
) -> None:
    now, _ = act(5_000, 5_000, Warned(None, was), movement, buckets={1: of}, at=at)
    assert now.allocation == then


def test_one_that_begins_later_is_what_is_left_of_it_then() -> None:
    begun = bucket(begins=MAY, ends=JUNE, free=600)
    now, _ = act(0, 600, Warned(0, IN_APRIL), started=(begun,), at=MAY)
    assert now == Warned(None, Allocation(600, MAY, JUNE))


def test_a_plans_next_period_arms_though_it_leaves_less() -> None:
    now, _ = act(900, 300, Warned(200, IN_APRIL), grant(300), low=["20%"], at=MAY, buckets={1: bucket(1, MAY, JUNE)})
    assert now.told is None
    now, _ = act(900, 300, Warned(200, IN_APRIL), grant(300), low=["20%"])
    assert now.told == 200


def test_a_share_holds_as_long_as_its_period() -> None:
    now, found = act(900, 150, Warned(None, IN_APRIL), SPENT, low=["20%", 0], at=MAY - timedelta(microseconds=1))
    assert found is not None and (found.levels[0][1], found.allocation) == (200, 1_000)
    now, found = act(900, 150, Warned(None, IN_APRIL), SPENT, low=["20%", 0], at=MAY)
    assert (now.told, found) == (None, None)


balances = st.integers(0, 12)


@given(st.lists(balances, min_size=1, max_size=6), st.lists(balances, max_size=4), st.data())
def test_however_spends_are_cut_the_same_is_told(path: list[int], low: list[int], data: st.DataObject) -> None:
    """Down from 13 by the drawn balances, or with some stops between left out: the same is told, once each."""
    downward = sorted(set(path), reverse=True)
    fewer = [one for one in downward[:-1] if data.draw(st.booleans())] + downward[-1:]

    def told(stops: list[int]) -> list[int]:
        now, before, found = Warned(None), 13, []
        for after in stops:
            below = rule.next_below(tuple(map(rule.Threshold, low)), now, before, NOW)
            now, crossed = act(before, after, now, SPENT, low=low)
            # What the purse goes by: at or below its stop somebody is told, above it nobody.
            assert (crossed is not None) == (below is not None and after <= below)
            found += [level for _, level in crossed.levels] if crossed else []
            before = after
        return found

    assert told(downward) == told(fewer) == sorted({one for one in low if one >= downward[-1]}, reverse=True)
