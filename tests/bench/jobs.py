"""What time does, in bulk: buckets that end and months that begin, by the step and one wallet at a time; spends beside.

    make bench ARGS=--jobs                 1,000,000 buckets that end, 100,000 customers who get their month
    make bench ARGS="--jobs --scale 0.1"   a tenth of it

The same customers are made once through the engine and copied to the row, so the books add up at the end.
"""

from __future__ import annotations

import multiprocessing
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from multiprocessing.connection import Connection as Pipe
from multiprocessing.process import BaseProcess
from multiprocessing.synchronize import Event

import sqlalchemy as sa
from sqlalchemy import Connection, text

from billing import Billing
from billing.base import schema
from billing.base.clock import StandingClock
from billing.catalog.loading import parse
from billing.steps import STEPS
from tests.bench.table import quantile
from tests.sales.paid import body, event, invoice, line

BEGIN = datetime.fromisoformat("2025-04-01T00:00:00+00:00")
CATALOG = parse("""
[plans.free]
name = "Free"
credits = 100

[plans.yearly]
name = "Yearly"
credits = 1000
prices = ["price_yearly"]
""")
BUCKETS, EACH = 1_000_000, 5
CUSTOMERS = 100_000
PACE = 20
"""Spends a second beside the run, by a process of its own."""

SPENDERS = 500
AUDITED = 20_000
"""With more wallets the audit would take longer than all the rest."""


@dataclass
class Work:
    """`moves`: buckets or months of which one wallet has `each`; `due`: when all of it is due."""

    name: str
    templates: tuple[str, ...]
    wallets: int
    each: int
    due: datetime


@dataclass
class Rate:
    """`rate` and `alone`: how many a second by the step, and one wallet at a time."""

    name: str
    done: int
    seconds: float
    alone: float
    before: list[float]
    beside: list[float]

    @property
    def rate(self) -> float:
        return self.done / self.seconds


def works(scale: float) -> list[Work]:
    wallets, customers = max(20, round(BUCKETS * scale) // EACH), max(20, round(CUSTOMERS * scale))
    return [
        Work("buckets that end", ("ending",), wallets, EACH, BEGIN + timedelta(days=2)),
        Work("months that begin", ("free", "yearly"), customers // 2, 1, BEGIN + timedelta(days=31)),
    ]


def prepare(url: str, work: Work) -> None:
    """One of each is made through the engine; the others are copies."""
    schema.upgrade(url)
    billing = opened(url, BEGIN)
    billing.customer("plain")
    billing.grant("plain", 10**9, reason="x", key="g")
    billing.customer("ending")
    for n in range(EACH):
        billing.grant("ending", 100 + n, reason="x", key=f"g{n}", expires_at=BEGIN + timedelta(days=1, minutes=n),
                      paid_cents=500, currency="usd")  # fmt: skip
    billing.customer("free", plan="free")
    billing.customer("yearly", stripe_customer_id="cus_yearly")
    year = line("price_yearly", 120_000, BEGIN, BEGIN.replace(year=2026))
    paid = invoice(year, paid=BEGIN, id="in_yearly", customer="cus_yearly", total=120_000)
    assert billing.take_stripe_event(body(event(paid))).status == "done"
    with billing.database.engine.begin() as connection:
        copy(connection, "plain", SPENDERS)
        for name in work.templates:
            copy(connection, name, work.wallets)
    if url.startswith("postgresql"):
        with billing.database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM ANALYZE"))
    billing.close()


_COPIED = (
    ("customers", "id", {"id": "'{name}_' || s.n"}),
    ("wallets", "id", {"id": "{first} + s.n", "customer_id": "'{name}_' || s.n"}),
    ("buckets", "wallet_id", {"wallet_id": "{first} + s.n"}),
    ("entries", "wallet_id", {"wallet_id": "{first} + s.n"}),
    ("wallet_terms", "wallet_id", {"wallet_id": "{first} + s.n"}),
    ("sales", "wallet_id", {"wallet_id": "{first} + s.n", "customer_id": "'{name}_' || s.n"}),
    ("claims", "wallet_id", {"wallet_id": "{first} + s.n", "stripe_id": "t.stripe_id || '_' || s.n"}),
    ("months", "wallet_id", {"wallet_id": "{first} + s.n"}),
)


def copy(connection: Connection, name: str, count: int) -> None:
    """`count` customers as this one is: name_1, name_2 …"""
    wallet = connection.execute(text("SELECT id FROM billing_wallets WHERE customer_id = :c"), {"c": name}).scalar_one()
    first = connection.execute(text("SELECT max(id) FROM billing_wallets")).scalar_one()
    numbers = f"(WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < {count}) SELECT n FROM s)"
    for table, owner, changed in _COPIED:
        columns = list(connection.execute(text(f"SELECT * FROM billing_{table} WHERE 1 = 0")).keys())
        values = [changed.get(column, f"t.{column}").format(name=name, first=first) for column in columns]
        connection.execute(
            text(
                f"INSERT INTO billing_{table} ({', '.join(columns)}) SELECT {', '.join(values)} "
                f"FROM billing_{table} AS t, {numbers} AS s WHERE t.{owner} = :owner"
            ),
            {"owner": name if table == "customers" else wallet},
        )
    if connection.dialect.name == "postgresql":
        last = "SELECT setval(pg_get_serial_sequence('billing_wallets', 'id'), max(id)) FROM billing_wallets"
        connection.execute(text(last))


def opened(url: str, at: datetime) -> Billing:
    return Billing(url, catalog=CATALOG, clock=StandingClock(at))


@contextmanager
def spends(url: str, at: datetime) -> Iterator[list[float]]:
    """Somebody spends beside at a steady pace; the list holds how long each spend took once the block is left."""
    found: list[float] = []
    context = multiprocessing.get_context("forkserver")
    (ours, theirs) = context.Pipe()
    process: threading.Thread | BaseProcess
    if url.startswith("sqlite"):  # served by one process, with the jobs in it
        over: Event | threading.Event = threading.Event()
        process = threading.Thread(target=_spend, args=(url, at, over, theirs))
    else:
        over = context.Event()
        process = context.Process(target=_spend, args=(url, at, over, theirs))
    process.start()
    ours.recv()  # it is ready
    try:
        yield found
    finally:
        over.set()
        found += ours.recv()
        process.join()


def _spend(url: str, at: datetime, over: Event | threading.Event, told: Pipe) -> None:
    billing, key, took = opened(url, at), f"{time.monotonic()}", list[float]()
    billing.spend("plain_1", 1, key=key)
    told.send("ready")
    begun = time.monotonic()
    for number in range(10**9):
        due = begun + number / PACE
        time.sleep(max(0.0, due - time.monotonic()))
        if over.is_set():
            break
        billing.spend(f"plain_{number % SPENDERS + 1}", 1, key=f"{key}-{number}")
        took.append(time.monotonic() - due)  # from when it was wanted: whoever waits makes the next one wait, too
    told.send(took)
    billing.close()


def measure(work: Work, url: str) -> Rate:
    """First some spends alone, then a sample one wallet at a time, then all the rest by the step with spends beside."""
    prepare(url, work)
    billing = opened(url, work.due)
    with spends(url, work.due) as before:
        time.sleep(min(10.0, 1 + work.wallets / 1000))
    billing.catch_up(min(50, work.wallets // 10))  # once to warm up: plans and pools
    sample = min(300, work.wallets // 4)
    begun = time.monotonic()
    for _ in range(sample):
        billing.catch_up(1)
    alone = sample * work.each / (time.monotonic() - begun)
    left = _left(billing)
    with spends(url, work.due) as beside:
        begun = time.monotonic()
        while STEPS["catch_up"](billing):
            pass
        took = time.monotonic() - begun
    assert _left(billing) == 0
    if work.wallets <= AUDITED:
        breaches = billing.audit()
        assert not breaches, breaches[:3]
    billing.close()
    return Rate(work.name, left * work.each, took, alone, before, beside)


def _left(billing: Billing) -> int:
    with billing.database.read() as tx:
        due = "SELECT count(*) FROM billing_wallets WHERE next_due_at <= :now"
        now = sa.bindparam("now", tx.now, type_=sa.DateTime(timezone=True))
        return int(tx.connection.execute(text(due).bindparams(now)).scalar_one())


def print_rates(name: str, new: Callable[[], str], scale: float) -> None:
    """Rates, the ratio to one wallet at a time, and what the run does to spends beside it."""
    print(f"\n{name}: what time does, in bulk, beside {PACE} spends a second; milliseconds of those spends\n")
    head = "| {:18} | {:>9} | {:>8} | {:>10} | {:>5} | {:>16} | {:>16} |"
    print(head.format("", "done", "a second", "one by one", "ratio", "before: p50, p99", "beside: p50, p99"))
    print(f"|{'-' * 20}|{'-' * 10}:|{'-' * 9}:|{'-' * 11}:|------:|{'-' * 17}:|{'-' * 17}:|")
    for work in works(scale):
        found = measure(work, new())
        said = [
            ", ".join(f"{1000 * quantile(took, share):.1f}" for share in (0.5, 0.99)) if took else ""
            for took in (found.before, found.beside)
        ]
        rates = f"{found.rate:,.0f}", f"{found.alone:,.0f}", f"{found.rate / found.alone:.1f}"
        print(head.format(found.name, f"{found.done:,}", *rates, *said), flush=True)
