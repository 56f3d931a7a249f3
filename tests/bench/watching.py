"""What the steps cost that notice by time and pace: `python -m tests.bench.watching [--wallets 100000] [--sqlite]`.

All wallets are copies of one that was used on each of ten days, and whose two lots end within the longest lead. Each
step is run until it has no more to do, and once again when there is nothing new. At the end the books are audited.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from time import perf_counter, process_time

from sqlalchemy import func, select, text

from billing.base import schema
from billing.base.outbox import outbox
from billing.testing import START, TestBilling, open_billing
from tests import postgres
from tests.bench.world import _copy

DAYS = 10


def prepare(url: str, wallets: int) -> TestBilling:
    schema.upgrade(url)
    billing = open_billing(url, migrate=False)
    billing.customer("plain")
    for lot in (1, 2):
        ends = START + timedelta(days=DAYS + 6, hours=lot)
        billing.grant("plain", 700, reason=f"lot {lot}", key=f"lot {lot}", expires_at=ends)
    for day in range(DAYS):
        billing.advance(to=START + timedelta(days=day, hours=12))
        billing.spend("plain", 110, key=f"day {day}")
    with billing.database.engine.begin() as connection:
        _copy(connection, "plain", wallets - 1)
    if url.startswith("postgresql"):
        with billing.database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM ANALYZE"))
    billing.clock.move(START + timedelta(days=DAYS))
    return billing


def rounds(step: Callable[[], object]) -> tuple[int, float, float, float]:
    """How often it is called until there is no more, how long that takes, of our processor, and the longest call."""
    begun, busy, count, longest, more = perf_counter(), process_time(), 0, 0.0, True
    while more:
        before = perf_counter()
        more = bool(step())
        count, longest = count + 1, max(longest, perf_counter() - before)
    return count, perf_counter() - begun, process_time() - busy, longest


def measure(name: str, url: str, wallets: int) -> None:
    billing = prepare(url, wallets)
    print(
        f"\n{name}: {wallets:,} wallets, {DAYS} spends each\n\n"
        "| step | calls | s | wallets a second | our processor, s | longest call, s |"
    )
    print("|---|---|---|---|---|---|")
    for step in (billing.count_usage, billing.watch_pace, billing.warn_expiring):
        for what in ("", ", nothing new"):
            calls, seconds, busy, longest = rounds(step)
            rate = f"{wallets / seconds:,.0f}"
            print(f"| {step.__name__}{what} | {calls} | {seconds:.2f} | {rate} | {busy:.2f} | {longest:.2f} |")
    with billing.database.read() as tx:
        told = dict(map(tuple, tx.connection.execute(select(outbox.c.type, func.count()).group_by(outbox.c.type))))
    assert told["credits.expiring"] == told["credits.running_out"] == wallets, told
    assert not billing.audit()
    billing.close()


def main() -> None:
    asked = argparse.ArgumentParser()
    asked.add_argument("--wallets", type=int, default=100_000)
    asked.add_argument("--sqlite", action="store_true")
    asked.add_argument("--postgresql", action="store_true")
    given = asked.parse_args()
    if given.postgresql or not given.sqlite:
        server = postgres.start(durable=True)
        try:
            measure("PostgreSQL", server.url, given.wallets)
        finally:
            server.stop()
    if given.sqlite or not given.postgresql:
        with tempfile.TemporaryDirectory() as folder:
            measure("SQLite", f"sqlite:///{Path(folder) / 'watching.sqlite3'}", given.wallets)


if __name__ == "__main__":
    main()
