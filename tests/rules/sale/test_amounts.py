from __future__ import annotations

import pytest

from billing.rules.sale.amounts import Bonus, bonus_credits, cost_cents


@pytest.mark.parametrize(
    ("credits", "cents", "per", "currency", "cost"),
    [
        (100, 99, 100, "usd", 99),
        (101, 99, 100, "usd", 100),  # 99.99
        (1, 1, 3, "usd", 1),
        (5000, 99, 100, "usd", 4950),
        (1500, 1, 10, "jpy", 150),
        (1501, 1, 10, "jpy", 151),
        (101, 305, 100, "kwd", 310),  # 308.05, in multiples of 10
        (7, 130, 1, "isk", 1000),  # 910, in multiples of 100
        (10**15, 10**12, 10**15, "usd", 10**12),
    ],
)
def test_what_so_many_cost(credits: int, cents: int, per: int, currency: str, cost: int) -> None:
    assert cost_cents(credits, cents, per, currency) == cost


def test_the_highest_step_reached_counts_for_all_of_it() -> None:
    tiers = (Bonus(5000, percent=5), Bonus(20_000, percent=10, credits=7))
    found = [bonus_credits(credits, tiers) for credits in (4_999, 5_000, 5_019, 5_020, 19_999, 20_000)]
    assert found == [0, 250, 250, 251, 999, 2_007]
    assert bonus_credits(10**6, ()) == 0
