"""The demo's world: it adds up, one can believe it, and telling it in pieces makes the same."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from billing import Billing
from billing.base import schema
from tests.demo.worlds import NOW, SECRET, empty, everything, opened, told
from web.demo import story
from web.demo.people import CUSTOMERS, LUMEN, OSTWIND, TIDEWATER

TELL = """
import sys
from datetime import datetime
from tests.demo.worlds import told
import web.demo.telling as telling

told_of = telling.story.payments.deliver

def deliver(*args):
    event = told_of(*args)
    print(event.id, flush=True)
    return event

telling.story.payments.deliver = deliver
told(sys.argv[1], datetime.fromisoformat(sys.argv[2]))
"""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Billing]:
    """Told once for all workers of a run; each has a copy."""
    base, own = tmp_path_factory.getbasetemp(), tmp_path_factory.mktemp("demo")
    shared = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "told.sqlite3"
    with shared.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not shared.exists():
            first = told(empty(own))
            shared.write_bytes(contents(first))
            first.close()
    billing = opened(copy(shared, own / "copy.sqlite3"))
    yield billing
    billing.close()


def check(world: Billing) -> None:
    """What holds on whatever day somebody starts the demo."""
    assert not world.audit()
    assert not world.catch_up()
    for customer in CUSTOMERS:
        wallet = world.wallet(customer.id)
        assert any(bucket.status == "live" and bucket.remaining for bucket in wallet.buckets), customer.id
        assert len(world.entries(customer.id, limit=1000)) > 50
    assert world.wallet(LUMEN.id).held == 320
    assert 480 <= world.wallet(OSTWIND.id).owed <= 2000
    waiting = world.stripe_events(status="waiting")
    assert [event.reason for event in waiting] == [f"unknown price {story.UNMAPPED_PRICE}"]
    assert not world.stripe_events(status="failed")
    kinds = Counter(entry.kind for one in CUSTOMERS for entry in world.entries(one.id, limit=10_000))
    wanted = "grant spend hold capture release reverse void expire overdraw repay"
    assert set(kinds) == set(wanted.split())


def test_one_can_believe_it(world: Billing) -> None:
    check(world)
    texts = {bucket.description for one in CUSTOMERS for bucket in world.buckets(one.id)}
    assert {"3 × Basic plan, 26 Oct 2026 – 26 Nov 2026", "Large pack", "Image launch bonus"} <= texts
    statuses = {bucket.status for one in CUSTOMERS for bucket in world.buckets(one.id)}
    assert statuses == {"live", "used", "expired", "voided"}
    assert len(world.wallet(LUMEN.id).buckets) >= 4
    spends = [entry for entry in world.entries(LUMEN.id, kind="spend", limit=1000) if entry.key]
    assert all(entry.feature and entry.member and entry.description for entry in spends)
    assert any(entry.effective_at.weekday() == 6 for entry in spends)
    last = max(entry.effective_at for entry in spends)
    assert NOW - timedelta(days=4) < last < NOW


def test_what_was_bought_at_an_unmapped_price_comes_with_the_mapping(world: Billing, tmp_path: Path) -> None:
    from billing.catalog.loading import parse
    from web.demo.sold import catalog_text

    url = copy(file_of(world), tmp_path / "copy.sqlite3")
    mapped = catalog_text().replace('"price_demo_pro_usd"', f'"price_demo_pro_usd", "{story.UNMAPPED_PRICE}"')
    billing = Billing(url, catalog=parse(mapped), clock=world.clock)
    before = billing.wallet(TIDEWATER.id).available
    [waiting] = billing.stripe_events(status="waiting")
    assert billing.replay_stripe_event(waiting.id).status == "done"
    assert billing.wallet(TIDEWATER.id).available == before + 5000
    assert not billing.audit()
    billing.close()


def test_told_again_it_changes_nothing(world: Billing, tmp_path: Path) -> None:
    again = told(copy(file_of(world), tmp_path / "copy.sqlite3"))
    assert everything(again) == everything(world)
    again.close()


@pytest.mark.slow
def test_a_telling_that_was_killed_goes_on(world: Billing, tmp_path: Path) -> None:
    """Killed twice on its way, it ends as the same world: nothing is missing, nothing is there twice."""
    url = empty(tmp_path)
    for events in (5, 7):
        teller = subprocess.Popen(
            [sys.executable, "-c", TELL, url, NOW.isoformat()],
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": "."},
        )
        assert teller.stdout is not None
        for _ in range(events):
            assert teller.stdout.readline()
        teller.kill()
        teller.communicate()
    half = opened(url)
    assert 0 < len(half.stripe_events(limit=1000)) < len(world.stripe_events(limit=1000))
    half.close()
    whole = told(url, NOW + timedelta(minutes=5))
    assert everything(whole) == everything(world)
    assert not whole.audit()
    whole.close()


@pytest.mark.slow
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
    world = told(empty(tmp_path), now)
    check(world)
    world.close()


@pytest.mark.slow
@pytest.mark.database("postgresql")
def test_on_postgresql(empty_database_url: str) -> None:
    schema.upgrade(empty_database_url)
    world = told(empty_database_url)
    check(world)
    world.close()


def test_events_are_signed() -> None:
    """They come through the webhook's own door: with another secret nothing gets in."""
    from billing.stripe.signature import SignatureInvalid
    from web.demo import payments

    billing = Billing("sqlite:///nowhere.sqlite3", webhook_secrets=(SECRET,))
    with pytest.raises(SignatureInvalid):
        payments.deliver(billing, "whsec_another", {"id": "evt_1"})


def contents(world: Billing) -> bytes:
    """The database as one file."""
    with world.database.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    return file_of(world).read_bytes()


def file_of(world: Billing) -> Path:
    assert world.database.engine.url.database is not None
    return Path(world.database.engine.url.database)


def copy(file: Path, to: Path) -> str:
    """The url of a copy of a database that nobody writes to."""
    to.write_bytes(file.read_bytes())
    return f"sqlite:///{to}"
