"""Ten thousand wallets: each call is bounded, in what it looks at and in statements, and all of them are told once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from billing.base.outbox import outbox
from billing.base.round import Round
from billing.testing import START, TestBilling
from tests.bench.world import _copy

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

WALLETS, BATCH = 10_000, 500


class Statements:
    """How many statements each call took."""

    def __init__(self, billing: TestBilling) -> None:
        self.engine, self.count, self.most = billing.database.engine, 0, 0

    def __call__(self, step: Callable[[], Round]) -> int:
        """Runs the step to its end; how many calls that took."""
        sa.event.listen(self.engine, "before_cursor_execute", self._one)
        calls, more = 0, True
        while more:
            self.count = 0
            more = step().more
            calls, self.most = calls + 1, max(self.most, self.count)
        sa.event.remove(self.engine, "before_cursor_execute", self._one)
        return calls

    def _one(self, *_: object) -> None:
        self.count += 1


def test_bounded_batches(make_billing: Callable[..., TestBilling]) -> None:
    billing = make_billing()
    billing.customer("plain")
    for lot in (1, 2):
        ends = START + timedelta(days=14, hours=lot)
        billing.grant("plain", 400, reason=f"lot {lot}", key=f"lot {lot}", expires_at=ends)
    for day in range(8):
        billing.advance(to=START + timedelta(days=day, hours=12))
        billing.spend("plain", 90, key=f"day {day}")
    with billing.database.engine.begin() as connection:
        _copy(connection, "plain", WALLETS - 1)
    billing.clock.move(START + timedelta(days=8))
    run, its = Statements(billing), outbox.c.type.in_(["credits.running_out", "credits.expiring"])
    assert run(lambda: billing.count_usage(BATCH)) == WALLETS // BATCH + 1
    assert run(lambda: billing.watch_pace(BATCH)) == WALLETS // BATCH + 1
    assert run(lambda: billing.warn_expiring(BATCH)) == WALLETS // BATCH + 1
    assert run.most <= 12
    with billing.database.read() as tx:
        told = tx.connection.execute(sa.select(outbox.c.type, outbox.c.customer_id).where(its)).all()
    assert Counter(name for name, _ in told) == {"credits.running_out": WALLETS, "credits.expiring": WALLETS}
    assert len(set(map(tuple, told))) == 2 * WALLETS
    assert run(billing.count_usage) == 1
    assert run(billing.warn_expiring) == 2  # what was warned of is gone over in windows of 10,000 ends
    run(billing.watch_pace)
    with billing.database.read() as tx:
        assert tx.connection.execute(sa.select(sa.func.count()).where(its)).scalar_one() == 2 * WALLETS


@pytest.mark.database("postgresql")
def test_what_ends_soon_is_found_by_its_index_and_spends_stay_heap_only(
    make_billing: Callable[..., TestBilling], fresh_database_url: str
) -> None:
    billing = make_billing(url=fresh_database_url)
    billing.customer("plain")
    for lot in range(2):
        billing.grant("plain", 500, reason="lot", key=f"l{lot}", expires_at=START + timedelta(days=300 + lot))
    with billing.database.engine.begin() as connection:
        _copy(connection, "plain", 5_000)
        connection.execute(sa.text("ANALYZE"))
        soon = START + timedelta(days=7)
        plan = "\n".join(
            connection.execute(
                sa.text(f"EXPLAIN SELECT * FROM billing_buckets WHERE is_open AND expires_at > '{START}' "
                        f"AND expires_at <= '{soon}' AND free > 0 ORDER BY expires_at LIMIT 500")
            ).scalars()
        )  # fmt: skip
    assert "billing_buckets_ending_idx" in plan
    with billing.transaction() as tx:
        for number in range(40):  # set-based and past the purse: each writes its bucket
            tx.hold("plain", 1, key=f"h{number}")
    with billing.database.engine.begin() as connection:
        connection.execute(sa.text("SELECT pg_stat_force_next_flush()"))
    hot = "SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables WHERE relname = 'billing_buckets'"
    with billing.database.engine.connect() as connection:
        updates, heap_only = connection.execute(sa.text(hot)).one()
    assert updates >= 40
    assert heap_only >= updates * 3 // 4


@pytest.mark.database("sqlite")
def test_what_ends_is_gone_over_in_the_order_of_its_index(make_billing: Callable[..., TestBilling]) -> None:
    """Sorted first, each call would look at the whole window for the few that it warns of."""
    billing, plans = make_billing(), list[str]()

    def explain(connection: sa.Connection, cursor: Any, sql: str, given: Any, *_: object) -> None:
        if "FROM billing_buckets" in sql and "ORDER BY billing_buckets.expires_at" in sql:
            plans.extend(row[3] for row in cursor.execute(f"EXPLAIN QUERY PLAN {sql}", given).fetchall())

    sa.event.listen(billing.database.engine, "before_cursor_execute", explain)
    billing.warn_expiring()
    assert any("billing_buckets_ending_idx" in plan for plan in plans)
    assert not any("ORDER BY" in plan for plan in plans), plans
