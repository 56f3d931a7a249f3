"""Two hundred spends at once across thresholds: each threshold is told of once, exactly where it was crossed."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest
import sqlalchemy as sa

from billing import Billing, Busy
from billing.base.outbox import outbox
from tests import purse

from .race import PATIENCE, processes

WORKERS, EACH, CREDITS = 4, 50, 5


def spend(url: str, worker: int) -> None:
    """One worker's spends, a few of them as holds."""
    billing = Billing(url)
    for number in range(EACH):
        for _ in range(PATIENCE):
            with suppress(Busy):
                if number % 5 == 4:
                    billing.hold("team", CREDITS, key=f"{worker}-{number}").capture()
                else:
                    billing.spend("team", CREDITS, key=f"{worker}-{number}")
                break
    billing.close()


def spend_and_count(url: str, worker: int) -> int:
    """In a process of its own: how many of them a purse paid, too."""
    with purse.counted() as hits:
        spend(url, worker)
    return hits.count


@pytest.mark.quick_on("postgresql")
def test_each_threshold_is_told_of_once(fresh_database_url: str, dialect: str) -> None:
    billing = Billing(fresh_database_url)
    billing.customer("team")
    billing.set_wallet("team", low_balance=[702, 700, 400, 100, 0])
    for number, credits in enumerate((300, 500, 200)):
        billing.grant("team", credits, reason="-", key=f"g{number}")
    if dialect == "sqlite":
        with ThreadPoolExecutor(WORKERS) as threads:
            list(threads.map(spend, [fresh_database_url] * WORKERS, range(WORKERS), timeout=100))
    else:
        with processes(WORKERS) as pool:
            hits = list(pool.map(spend_and_count, [fresh_database_url] * WORKERS, range(WORKERS), timeout=100))
        assert sum(hits) > 50 or not purse.WANTED
    assert billing.wallet("team").available == 0
    with billing.database.engine.connect() as connection:
        query = sa.select(outbox.c.type, outbox.c.facts).where(outbox.c.type.in_(("credits.low", "credits.exhausted")))
        told = [(row.type, row.facts) for row in connection.execute(query)]
    billing.close()
    found = sorted((-fact["available"], name, [one["credits"] for one in fact["thresholds"]]) for name, fact in told)
    assert found == [
        (-700, "credits.low", [702, 700]),
        (-400, "credits.low", [400]),
        (-100, "credits.low", [100]),
        (0, "credits.exhausted", [0]),
    ]
