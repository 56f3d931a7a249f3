"""Where the purse stops: one row for each thing that would have to be decided."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.rules.wallet import spending
from billing.rules.wallet.overdraft import Overdraft
from billing.rules.wallet.position import Position
from billing.rules.wallet.purse import Purse, fill
from billing.rules.wallet.terms import Terms
from billing.rules.wallet.values import BucketState, Cause, HoldState

NOW = datetime(2025, 4, 1, tzinfo=UTC)
DAY, TICK = timedelta(days=1), timedelta(microseconds=1)


def bucket(number: int = 1, free: int = 10, **terms: Any) -> BucketState:
    given: dict[str, Any] = {
        "origin": f"grant:{number}", "granted": free + terms.get("held", 0), "paid_cents": 0, "currency": None,
        "priority": 50, "features": (), "effective_at": NOW - DAY, "granted_at": NOW - DAY, "expires_at": None,
        "basis_cents": terms.get("cents", 0), "basis_credits": free + terms.get("held", 0), **terms,
    }  # fmt: skip
    return BucketState(number=number, free=free, **given)


def held(credits: int, lapses_at: datetime) -> HoldState:
    return HoldState(9, credits, ((1, credits),), 0, None, NOW - DAY, lapses_at)


def position(*buckets: BucketState, **more: Any) -> Position:
    return Position(more.pop("terms", Terms()), NOW, buckets=buckets, **more)


def filled(*buckets: BucketState, **more: Any) -> Purse | None:
    stops = {name: more.pop(name) for name in ("next_low", "budgeted") if name in more}
    return fill(position(*buckets, **more), "p", **stops)


@pytest.mark.parametrize(
    ("wallet", "credits"),
    [
        ({}, 9),  # all but the last credit
        ({"free": 2}, 1),
        ({"free": 1}, None),
        ({"free": 10, "held": 5}, 9),  # the last free one: what is held is not there to be spent
        ({"next_low": 0}, 9),  # at 0 somebody is told: the last credit anyway
        ({"next_low": 4}, 5),  # 5 are left: at 4 somebody is told
        ({"next_low": 8}, 1),
        ({"next_low": 9}, None),
        ({"next_low": 50}, None),
        ({"budgeted": True}, None),
        ({"frozen": True}, None),
        ({"owed": 1}, None),
        ({"features": ("image",)}, None),
        ({"effective_at": NOW + TICK}, None),  # none is live yet
        ({"effective_at": NOW}, 9),
        ({"expires_at": NOW}, None),
        ({"expires_at": NOW + TICK}, 9),
    ],
)
def test_how_much_lies_in_it(wallet: dict[str, Any], credits: int | None) -> None:
    own = {name: wallet.pop(name) for name in ("next_low", "budgeted", "frozen", "owed") if name in wallet}
    purse = filled(bucket(**wallet), **own)
    assert (purse.credits if purse else None) == credits


def test_no_bucket_no_purse() -> None:
    assert filled() is None


@pytest.mark.parametrize(
    ("first", "second", "number"),
    [
        ({}, {"priority": 10}, 2),
        ({"expires_at": NOW + 2 * DAY}, {"expires_at": NOW + DAY}, 2),
        ({}, {"priority": 10, "free": 1}, None),  # the bucket that pays first has its last credit
        ({}, {"priority": 10, "features": ("image",)}, None),  # who pays first depends on the request
        ({}, {"priority": 90, "features": ("image",)}, 1),  # it would pay later, whatever is asked for
        ({}, {"features": ("image",), "free": 0, "held": 3}, 1),  # nothing free in it
        ({"free": 0, "held": 3}, {"priority": 90}, 2),
        ({}, {"priority": 10, "effective_at": NOW + DAY}, 1),  # not yet
        ({}, {"priority": 10, "voided_at": NOW - DAY}, 1),
    ],
)
def test_from_which_bucket(first: dict[str, Any], second: dict[str, Any], number: int | None) -> None:
    purse = filled(bucket(1, **first), bucket(2, second.pop("free", 10), **second))
    assert (purse.bucket if purse else None) == number


def test_from_which_bucket_follows_the_terms() -> None:
    later = Terms(burn_down=("effective_at", "id"))
    old, new = bucket(1, effective_at=NOW - DAY), bucket(2, priority=10, effective_at=NOW - TICK)
    for terms, number in ((Terms(), 2), (later, 1)):
        purse = filled(replace(old), replace(new), terms=terms)
        assert purse is not None and purse.bucket == number


@pytest.mark.parametrize(
    ("wallet", "until"),
    [
        ({}, None),
        ({"buckets": (bucket(expires_at=NOW + DAY),)}, NOW + DAY),
        ({"buckets": (bucket(1), bucket(2, priority=90, expires_at=NOW + DAY))}, NOW + DAY),  # another's end
        ({"buckets": (bucket(1), bucket(2, effective_at=NOW + DAY))}, NOW + DAY),  # another's beginning
        ({"buckets": (bucket(held=3),), "holds": (held(3, NOW + DAY),)}, NOW + DAY),
        ({"terms_end": (NOW + DAY, Terms())}, None),  # other terms, but nothing owed: not due
    ],
)
def test_until_when(wallet: dict[str, Any], until: datetime | None) -> None:
    buckets = [replace(one) for one in wallet.pop("buckets", (bucket(),))]
    purse = filled(*buckets, **wallet)
    assert purse is not None
    assert (purse.since, purse.until) == (NOW, until)


@pytest.mark.parametrize("overdraft", [Overdraft(), Overdraft(limit=5), Overdraft(limit=None, debt="carry")])
def test_an_overdraft_changes_nothing(overdraft: Overdraft) -> None:
    purse = filled(bucket(), terms=Terms(overdraft=overdraft))
    assert purse is not None and purse.credits == 9


@pytest.mark.parametrize(
    ("credits", "at", "policy", "pays"),
    [
        (9, NOW, "p", True),
        (10, NOW, "p", False),
        (1, NOW - TICK, "p", False),
        (1, NOW + DAY - TICK, "p", True),
        (1, NOW + DAY, "p", False),
        (1, NOW, "q", False),
    ],
)
def test_what_it_pays(credits: int, at: datetime, policy: str, pays: bool) -> None:
    purse = filled(bucket(expires_at=NOW + DAY))
    assert purse is not None
    assert purse.pays(credits, at, policy) is pays


amounts = st.lists(st.integers(1, 10**14), min_size=1, max_size=8)


@given(amounts, st.integers(0, 10**12), st.integers(0, 1000))
def test_its_cents_are_those_of_a_spend_without_it(spends: list[int], cents: int, kept: int) -> None:
    """However it is drawn from, each spend takes what the plan bucket by bucket would take."""
    free = sum(spends) + 1
    own = bucket(1, free, held=kept, cents=cents, paid_cents=cents, currency="usd" if cents else None)
    purse, decided = filled(replace(own)), position(own)
    assert purse is not None
    for number, credits in enumerate(spends):
        taken, purse = purse.draw(credits)
        assert spending.spend(decided, credits, Cause(f"spend:{number}")) is None
        assert taken == decided.movements[-1].cents
        assert (purse.left, purse.cents) == (own.left, own.cents)
