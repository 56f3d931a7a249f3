"""The demo's world: it adds up, one can believe it, and telling it in pieces makes the same."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
import sqlalchemy as sa

from billing import Billing
from billing.base.outbox import outbox
from jobs import runs
from jobs.timetable import TIMETABLE
from tests.demo.worlds import NOW, copied, everything, in_short, opened, told
from tests.jobs.timetables import not_covered_once
from web.demo.people import CUSTOMERS, FJORD, HARBOUR, JUNIPER, KESTREL, LUMEN, MAPLE, OSTWIND, SPARROW, TIDEWATER
from web.demo.telling import tell
from web.demo.world import World

pytestmark = pytest.mark.slow

TELL = """
import sys
from datetime import datetime
from pathlib import Path
from tests.demo.worlds import told
from web.demo.world import World

pay = World.buy

def buy(*args):
    pay(*args)
    print("bought", flush=True)

World.buy = buy
told(Path(sys.argv[1]), datetime.fromisoformat(sys.argv[2]))
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Told once for all workers of a run; each has a copy."""
    base, own = tmp_path_factory.getbasetemp(), tmp_path_factory.mktemp("demo")
    shared = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "told"
    with shared.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not shared.exists():
            half = shared.with_suffix(".half")
            half.mkdir()
            told(half)
            half.rename(shared)
    return copied(shared, own)


@pytest.fixture
def world(folder: Path, tmp_path: Path) -> Iterator[World]:
    with opened(copied(folder, tmp_path / "world")) as world:
        yield world


def check(billing: Billing) -> None:
    """What holds on whatever day somebody starts the demo."""
    assert not billing.audit()
    assert not billing.catch_up()
    for customer in CUSTOMERS:
        if customer is not JUNIPER:
            wallet = billing.wallet(customer.id)
            assert any(bucket.status == "live" and bucket.remaining for bucket in wallet.buckets), customer.id
            assert len(billing.entries(customer.id, limit=1000)) > 50
    assert not billing.entries(JUNIPER.id)
    months = [one.effective_at for one in billing.entries(KESTREL.id, kind="grant", limit=100) if one.cents == 1700]
    assert max(after - before for after, before in pairwise(months)) > timedelta(days=36), "one was paid nine days late"
    assert [topup.status for topup in billing.topups(MAPLE.id)] == ["refunded"]
    assert [topup.status for topup in billing.topups(KESTREL.id)] == ["paid"], "the dispute was won"
    tried = billing.subscription(SPARROW.id)
    assert tried is not None and (tried.plan, tried.status) == ("pro", "trialing")
    assert billing.wallet(HARBOUR.id).available > 1000
    assert billing.wallet(LUMEN.id).held == 320
    assert 480 <= billing.wallet(OSTWIND.id).owed <= 2000
    [waiting] = billing.stripe_events(status="waiting")
    assert waiting.type == "invoice.paid"
    assert (waiting.reason or "").startswith("unknown price price_")
    assert not billing.stripe_events(status="failed")
    assert not billing.stripe_events(status="received")
    kinds = Counter(entry.kind for one in CUSTOMERS for entry in billing.entries(one.id, limit=10_000))
    wanted = "grant spend hold capture release reverse void expire overdraw repay roll_over sell clawback"
    assert set(kinds) == set(wanted.split())


def test_one_can_believe_it(world: World) -> None:
    billing = world.billing
    check(billing)
    texts = {bucket.description for one in CUSTOMERS for bucket in billing.buckets(one.id)}
    assert {"3 × Basic plan, 26 Oct 2026 – 26 Nov 2026", "Large pack", "Image launch bonus"} <= texts
    statuses = {bucket.status for one in CUSTOMERS for bucket in billing.buckets(one.id)}
    assert statuses == {"live", "used", "expired", "voided"}
    assert len(billing.wallet(LUMEN.id).buckets) >= 4
    spends = [entry for entry in billing.entries(LUMEN.id, kind="spend", limit=1000) if entry.key]
    assert all(entry.feature and entry.member and entry.description for entry in spends)
    assert any(entry.effective_at.weekday() == 6 for entry in spends)
    last = max(entry.effective_at for entry in spends)
    assert NOW - timedelta(days=4) < last < NOW


def test_what_was_bought_at_an_unmapped_price_comes_with_the_mapping(world: World) -> None:
    """As the README says: the price that the event names is added to a plan, and the event replayed."""
    from billing.catalog.loading import parse
    from web.demo.sold import catalog_text

    [waiting] = world.billing.stripe_events(status="waiting")
    price = (waiting.reason or "").rpartition(" ")[2]
    mapped = parse(catalog_text().replace('"pro_monthly_usd"', f'"pro_monthly_usd", "{price}"'))
    url = world.billing.database.engine.url
    billing = Billing(url, catalog=mapped, clock=world.billing.clock)
    before = billing.wallet(TIDEWATER.id).available
    assert billing.replay_stripe_event(waiting.id).status == "done"
    assert billing.wallet(TIDEWATER.id).available == before + 5000
    assert not billing.audit()
    billing.close()


def test_told_again_it_changes_nothing(world: World) -> None:
    before = everything(world.billing)
    tell(world, NOW)
    assert everything(world.billing) == before


def test_the_clock_moved_a_month_and_two_days_renews_and_expires(world: World) -> None:
    """As when somebody moves it: by the timetable, which keeps a history of it. One runs low by a job of theirs, one
    is topped up by itself, and both are told.
    """
    from web.demo.later import Later

    known = {bucket.id for bucket in world.billing.buckets(LUMEN.id)}
    world.sandbox.advance(NOW + timedelta(days=33), Later(world))
    new = [bucket for bucket in world.billing.buckets(LUMEN.id) if bucket.id not in known]
    rolled, month = sorted(new, key=lambda bucket: bucket.granted)
    assert (rolled.granted, month.granted) == (1000, 5000)
    expired = world.billing.entries(LUMEN.id, kind="expire", limit=1)[0]
    assert NOW < expired.effective_at < NOW + timedelta(days=33)
    assert not world.billing.audit()
    with world.billing.database.read() as tx:
        since = sa.select(outbox.c.type, outbox.c.customer_id).where(outbox.c.recorded_at > NOW)
        told = {tuple(row) for row in tx.connection.execute(since)}
        history = {name: runs.history(tx, [name], 10_000) for name in TIMETABLE}
    assert all(not_covered_once(TIMETABLE[name], its) == [] for name, its in history.items())
    assert {run.status for its in history.values() for run in its} == {"done"}
    assert {("credits.low", FJORD.id), ("auto_topup.charged", TIDEWATER.id), ("credits.expiring", OSTWIND.id)} <= told
    for name in ("catch_up", "spread", "auto_topups", "warn_expiring", "watch_pace"):
        assert sum(run.done or 0 for run in history[name]) > 0, name
    assert any(run.first_slot < run.slot for run in history["audit"]), "nights on which nobody moved it are named"


def test_a_telling_that_was_killed_goes_on(folder: Path, tmp_path: Path) -> None:
    """Killed twice on its way, it ends as the same world: nothing is missing, nothing is there twice."""
    half = tmp_path / "half"
    half.mkdir()
    for purchases in (1, 2):
        teller = subprocess.Popen(
            [sys.executable, "-c", TELL, half, NOW.isoformat()],
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": "."},
        )
        assert teller.stdout is not None
        for _ in range(purchases):
            assert teller.stdout.readline()
        teller.kill()
        teller.communicate()
    told(half, NOW + timedelta(minutes=5))
    with opened(half) as one, opened(copied(folder, tmp_path / "whole")) as whole:
        assert in_short(one.billing) == in_short(whole.billing)
        check(one.billing)


@pytest.mark.parametrize(
    "now",
    [
        datetime(2027, 1, 1, 0, 10, tzinfo=UTC),
        datetime(2027, 3, 1, 23, 50, tzinfo=UTC),
        datetime(2028, 2, 29, 9, 0, tzinfo=UTC),
        datetime(2026, 12, 31, 12, 30, tzinfo=UTC),
        datetime(2027, 5, 17, 4, 0, tzinfo=UTC),
        datetime(2027, 8, 30, 18, 0, tzinfo=UTC),
    ],
)
def test_on_any_day(now: datetime, tmp_path: Path) -> None:
    with opened(tmp_path, now) as world:
        tell(world, now)
        check(world.billing)


@pytest.mark.database("postgresql")
def test_on_postgresql(empty_database_url: str, tmp_path: Path) -> None:
    with opened(tmp_path, url=empty_database_url) as world:
        tell(world, NOW)
        check(world.billing)
