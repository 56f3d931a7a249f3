"""Whatever the order in which Stripe is heard, the books end the same; and they hold what Stripe's objects come to."""

from __future__ import annotations

import os

import pytest

from billing.testing import TestBilling

from .happening import SHARES
from .lives import LIVES, LONG, SHORT
from .money import money
from .orders import every, some
from .stage import Life, Stage
from .told import ending

MIXED = int(os.environ.get("ARRIVALS", "40"))
"""How often the long lives are heard in all, on each database; `make soak` wants more."""
AT_ONCE = 25
EACH = -(-MIXED // len(LONG))
BATCHES = [(life, seed) for life in LONG for seed in range(-(-EACH // AT_ONCE))]


def named(life: object) -> str:
    return life.name if isinstance(life, Life) else str(life)


def ends_well(stage: Stage, billing: TestBilling) -> None:
    """What the lines brought less what went back is deferred, earned, broken or voided, to the cent; and what was not
    paid of it is on the customer's balance.
    """
    try:
        there, ours, breaches = money(stage.world, SHARES), ending(billing).books, billing.audit()
    finally:
        stage.close(billing)
    assert not breaches
    assert ours.deferred + ours.earned + ours.broken + ours.voided == there.brought - there.back, (ours, there)
    assert ours.refunded == there.back, (ours, there)
    assert there.totals - there.paid == there.balance, there


@pytest.mark.database("sqlite")
def test_the_other_way_round(stage: Stage, fresh_database_url: str) -> None:
    """In short: a life with a refund and two changes, as it happened and from its end."""
    billing, tried = stage.play(SHORT, fresh_database_url, some(0))
    assert tried == [2, 2, 2]
    ends_well(stage, billing)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("life", LIVES, ids=named)
@pytest.mark.database("sqlite")
def test_every_order_ends_the_same(stage: Stage, fresh_database_url: str, life: Life) -> None:
    billing, _ = stage.play(life, fresh_database_url, every)
    ends_well(stage, billing)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("life", LIVES, ids=named)
@pytest.mark.database("postgresql")
def test_a_tenth_of_the_orders_on_postgresql(stage: Stage, fresh_database_url: str, life: Life) -> None:
    billing, _ = stage.play(life, fresh_database_url, some(0.1))
    ends_well(stage, billing)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize(("life", "seed"), BATCHES, ids=named)
def test_heard_late_and_mixed_and_twice(stage: Stage, fresh_database_url: str, life: Life, seed: int) -> None:
    billing = stage.mix(life, fresh_database_url, min(EACH, AT_ONCE) + 1, seed)
    ends_well(stage, billing)
