"""Many at once, and some that die: one charge for one cause, and never more than the caps allow."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from typing import Any

import pytest

from tests.autotopup.many import spend_and_step, step, step_until
from tests.autotopup.saver import Saver
from tests.concurrency.crashes import DIED


def clean_children() -> multiprocessing.context.ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["billing", "stripe", "tests.autotopup.many"])
    return context


def run(target: Callable[..., None], every: list[tuple[Any, ...]]) -> list[int]:
    """All of them at once; how each ended."""
    children = [clean_children().Process(target=target, args=args) for args in every]
    for child in children:
        child.start()
    for child in children:
        child.join(60)
    codes = [child.exitcode for child in children]
    assert all(code in (0, DIED) for code in codes), codes
    return [int(code or 0) for code in codes]


@pytest.mark.timeout(120)
@pytest.mark.quick_on("postgresql")
def test_fifty_spends_across_the_threshold_and_several_steps_at_once_are_one_charge(
    fresh: Saver, fresh_database_url: str
) -> None:
    fresh.saved().set(threshold=60)
    where = (fresh_database_url, fresh.shop.sandbox.url, fresh.billing.now)
    run(spend_and_step, [(*where, worker, 10) for worker in range(5)])
    assert (fresh.taken(), fresh.bought(), fresh.intents()) == ([1000], ["paid"], 1)
    assert fresh.available() == 150


@pytest.mark.timeout(120)
@pytest.mark.quick_on("postgresql")
def test_the_last_one_that_a_cap_allows_is_taken_once(fresh: Saver, fresh_database_url: str) -> None:
    fresh.saved().set(threshold=99, max_count_per_month=9, max_cents_per_month=2_000)
    fresh.billing.set_wallet("team", overdraft="unlimited")
    fresh.use(1_000)
    where = (fresh_database_url, fresh.shop.sandbox.url, fresh.billing.now)
    run(step, [where] * 4)
    fresh.step()
    assert (fresh.taken(), fresh.bought(), fresh.stands().reason) == ([1000, 1000], ["paid", "paid"], "cap")
    assert len(fresh.facts("held_back")) == 1


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize(("death", "places"), [("answer", 8), ("statement", 48), ("line", 80)])
def test_it_may_die_anywhere(fresh: Saver, fresh_database_url: str, death: str, places: int) -> None:
    """As many wallets as there are places to die at; those who are still alive finish what the others left."""
    customers = [f"team_{number}" for number in range(1, places // 2 + 1)]
    for customer in customers:
        fresh.poor(customer)
    where = (fresh_database_url, fresh.shop.sandbox.url, fresh.billing.now)
    died = 0
    for first in range(1, places + 1, 4):
        ended = run(step_until, [(*where, death, number) for number in range(first, min(first + 4, places + 1))])
        died += ended.count(DIED)
    assert died >= places // 2, "a step that was never cut off shows nothing"
    fresh.later(minutes=1)
    for customer in customers:
        assert (customer, fresh.taken(customer), fresh.available(customer)) == (customer, [1000], 110)
        assert fresh.bought(customer) == ["paid"]
    assert {one.status for one in fresh.billing.conversations(limit=1000)} == {"done"}
    assert fresh.billing.audit() == []
