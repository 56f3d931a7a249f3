"""Use counted by wallet and day: once each, by when it happened, whoever counts and however often."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta

import pytest
from sqlalchemy import select, text

from billing.catalog.loading import parse
from billing.insight import usage
from billing.insight.tables import usage_counts, usage_days
from billing.testing import TestBilling
from tests.insight.noticed import counted
from tests.stories.story import moment

pytestmark = pytest.mark.quick_on("sqlite")

START = moment("1 Apr 12:00")
CATALOG = parse('[policy]\noverdraft = "unlimited"\n')
Make = Callable[..., TestBilling]


@pytest.fixture
def billing(make_billing: Make) -> TestBilling:
    engine = make_billing(catalog=CATALOG, start=START)
    engine.customer("team")
    engine.grant("team", 1000, reason="gift", key="gift")
    return engine


def days(billing: TestBilling) -> list[tuple[str, int, int]]:
    """Day, used, given back; of all wallets, as counted so far."""
    query = select(usage_days.c.day, usage_days.c.used, usage_days.c.given_back)
    with billing.database.read() as tx:
        rows = tx.connection.execute(query.order_by(usage_days.c.wallet_id, usage_days.c.day))
        return [(f"{day:%-d %b}", used, given_back) for day, used, given_back in rows]


def marks(billing: TestBilling) -> list[tuple[int, date | None, date | None]]:
    with billing.database.read() as tx:
        query = select(usage_counts.c.counted, usage_counts.c.first_day, usage_counts.c.last_day)
        return [tuple(row) for row in tx.connection.execute(query.order_by(usage_counts.c.wallet_id))]


def test_what_is_use_and_what_takes_it_back(billing: TestBilling) -> None:
    spend = billing.spend("team", 10, key="a")
    hold = billing.hold("team", 200, key="hold")
    counted(billing)
    assert days(billing) == [("1 Apr", 10, 0)]
    billing.advance(to=moment("1 Apr 12:10"))
    hold.capture(150)
    billing.grant("team", 5, reason="gift", key="more", expires_at=moment("2 Apr 00:00"))
    billing.spend("team", 2000, key="partly on trust")
    billing.grant("team", 3000, reason="repays", key="repays")
    billing.reverse("team", spend.id, 4, key="back")
    billing.void("team", billing.buckets("team")[0].id, reason="no", key="void")
    counted(billing)
    assert days(billing) == [("1 Apr", 2160, 4)]
    billing.advance(to=moment("3 Apr 00:00"))
    billing.reverse("team", spend.id, key="the rest")
    counted(billing)
    assert days(billing) == [("1 Apr", 2160, 4), ("3 Apr", 0, 6)]
    assert [mark[1:] for mark in marks(billing)] == [(date(2025, 4, 1), date(2025, 4, 1))]
    counted(billing)
    assert days(billing) == [("1 Apr", 2160, 4), ("3 Apr", 0, 6)]


def test_a_day_is_a_utc_day_to_the_microsecond(billing: TestBilling) -> None:
    for name, at in enumerate(["1 Apr 23:59", "2 Apr 00:00"]):
        billing.advance(to=moment(at))
        billing.spend("team", 1 + name, key=f"s{name}")
    billing.advance(to=moment("3 Apr 00:00") - timedelta(microseconds=1))
    billing.spend("team", 4, key="last")
    counted(billing)
    assert days(billing) == [("1 Apr", 1, 0), ("2 Apr", 6, 0)]


def test_by_when_it_happened_however_late_it_is_counted(billing: TestBilling) -> None:
    for day in range(1, 6):
        billing.advance(to=moment(f"{day} Apr 13:00"))
        billing.spend("team", day, key=f"s{day}")
    counted(billing)
    assert days(billing) == [(f"{day} Apr", day, 0) for day in range(1, 6)]


def test_bounded_and_from_where_it_stopped(billing: TestBilling, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wallets in batches, and of a wallet with much to count a part at a time."""
    monkeypatch.setattr(usage, "MOST_ENTRIES", 7)
    for name in ("a", "b", "c"):
        billing.customer(name)
        billing.grant(name, 1000, reason="gift", key="gift")
        for number in range({"a": 3, "b": 20, "c": 2}[name]):
            billing.spend(name, 1, key=f"s{number}")
    rounds = 1
    while billing.count_usage(2):
        rounds += 1
        assert billing.audit() == []
    assert days(billing) == [("1 Apr", 3, 0), ("1 Apr", 20, 0), ("1 Apr", 2, 0)]
    assert [mark[0] for mark in marks(billing)] == [1, 4, 21, 3]
    assert rounds == 5
    billing.spend("a", 1, key="one more")
    assert not billing.count_usage().more
    assert days(billing)[0] == ("1 Apr", 4, 0)


def test_two_at_once_and_spends_meanwhile_count_each_once(make_billing: Make, fresh_database_url: str) -> None:
    ones = [make_billing(url=fresh_database_url, start=START) for _ in range(3)]
    for number in range(10):
        ones[0].customer(f"c{number}")
        ones[0].grant(f"c{number}", 1000, reason="gift", key="gift")

    def count(one: TestBilling) -> None:
        for _ in range(25):
            one.count_usage(3)

    def spend(one: TestBilling) -> None:
        for number in range(150):
            one.spend(f"c{number % 10}", 1 + number % 3, key=f"s{number}")

    with ThreadPoolExecutor(3) as pool:
        done = [pool.submit(count, one) for one in ones[:2]] + [pool.submit(spend, ones[2])]
        for each in done:
            each.result()
    counted(ones[0])
    assert sum(used for _, used, _ in days(ones[0])) == sum(1 + number % 3 for number in range(150))
    assert ones[0].audit() == []


@pytest.mark.database("postgresql")
@pytest.mark.database("postgresql")
def test_counting_locks_no_wallet(billing: TestBilling) -> None:
    """Nor does it wait for one: a foreign key would do both, for each day that is counted."""
    billing.spend("team", 10, key="a")
    with billing.database.engine.begin() as other:
        other.execute(text("SELECT id FROM billing_wallets FOR UPDATE"))
        counted(billing)
    assert days(billing) == [("1 Apr", 10, 0)]


def test_what_was_cut_off_is_counted_by_the_next(billing: TestBilling) -> None:
    """The mark and the sums commit together: a server process killed in between leaves neither."""
    billing.spend("team", 10, key="a")

    def cut_off() -> None:
        with billing.database.write() as tx:
            usage.count(tx, 10)
            raise RuntimeError("cut off")

    with pytest.raises(RuntimeError, match="cut off"):
        cut_off()
    assert days(billing) == [] == marks(billing)
    counted(billing)
    assert days(billing) == [("1 Apr", 10, 0)]


@pytest.mark.breaks_books
@pytest.mark.parametrize(
    ("statement", "found"),
    [
        ("UPDATE billing_usage_days SET used = used + 1", "what was counted of 2025-04-01 is not what its entries say"),
        ("DELETE FROM billing_usage_days", "what was counted of 2025-04-01 is not what its entries say"),
        ("INSERT INTO billing_usage_days VALUES (1, '2025-03-01', 1, 0)", "what was counted of 2025-03-01 is not"),
        ("UPDATE billing_usage_counts SET counted = counted + 1", "its last one is 2"),
        ("UPDATE billing_usage_counts SET counted = counted - 1", "is not what its entries say"),
        ("UPDATE billing_usage_counts SET last_day = NULL", "its first or last day of use is another"),
    ],
)
def test_the_audit_counts_again(billing: TestBilling, statement: str, found: str) -> None:
    billing.spend("team", 10, key="a")
    counted(billing)
    with billing.database.engine.begin() as connection:
        its = connection.execute(text("SELECT id FROM billing_wallets")).scalar_one()
        connection.execute(text(statement.replace("(1,", f"({its},")))
    assert any(breach.invariant == "2 usage" and found in breach.found for breach in billing.audit())
