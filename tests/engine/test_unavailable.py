"""A database that can't be written, is locked, empty, broken or gone; a clock that is off: said, and nothing done."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, event
from sqlalchemy.orm import Session

from billing import Billing, Busy, ClockSkew, DatabaseUnavailable, Refusal, Spend, SystemClock
from billing.base import at_once, db, skew
from billing.base.clock import Clock

pytestmark = pytest.mark.quick_on("sqlite")

Rows = Callable[[str], dict[str, list[Any]]]

VERBS: dict[str, Callable[[Billing], object]] = {
    "customer": lambda billing: billing.customer("new", name="New"),
    "grant": lambda billing: billing.grant("c", 5, reason="r", key="k"),
    "spend": lambda billing: billing.spend("c", 5, key="k"),
    "spend_many": lambda billing: billing.spend_many([Spend("c", 5, "k"), Spend("c", 6, "l")]),
    "hold": lambda billing: billing.hold("c", 5, key="k"),
    "set_wallet": lambda billing: billing.set_wallet("c", overdraft="unlimited"),
}
QUESTIONS: dict[str, Callable[[Billing], object]] = {
    "find_customer": lambda billing: billing.find_customer("c"),
    "wallet": lambda billing: billing.wallet("c"),
    "entries": lambda billing: billing.entries("c"),
    "buckets": lambda billing: billing.buckets("c"),
}


def refused(billing: Billing, calls: dict[str, Callable[[Billing], object]], kind: type[Refusal]) -> None:
    """Every one of the calls is refused so, in a sentence."""
    for name, call in calls.items():
        with pytest.raises(kind) as said:
            call(billing)
        assert type(said.value) is kind, name
        assert str(said.value).endswith("."), name


@contextmanager
def opened(url: str, clock: Clock | None = None) -> Iterator[Billing]:
    billing = Billing(url, clock=clock)
    try:
        yield billing
    finally:
        billing.close()


@pytest.fixture
def url(database_url: str) -> str:
    """A database in which every one of the verbs would be fine."""
    with opened(database_url) as billing:
        billing.customer("c")
        billing.grant("c", 100, reason="to begin with", key="g")
    return database_url


def test_a_database_that_is_read_only(url: str, rows: Rows) -> None:
    before = rows(url)
    with opened(url) as billing:

        @event.listens_for(billing.database.engine, "connect")
        def read_only(dbapi: Any, _: object) -> None:
            sqlite = billing.database.engine.dialect.name == "sqlite"
            dbapi.execute("PRAGMA query_only=ON" if sqlite else "SET default_transaction_read_only = on")
            dbapi.commit()

        @event.listens_for(billing.database.engine, "begin")
        def whoever_begins(connection: Connection) -> None:
            if connection.dialect.name == "postgresql":
                connection.exec_driver_sql("SET TRANSACTION READ ONLY")

        refused(billing, VERBS, DatabaseUnavailable)
        assert billing.wallet("c").available == 100
    assert rows(url) == before


def test_a_wallet_that_is_locked_for_too_long(url: str, rows: Rows, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(db, "_LOCK_WAIT", 50)
    before = rows(url)
    with opened(url) as billing, opened(url) as other:
        spends = {name: call for name, call in VERBS.items() if name != "customer"}
        with other.database.write() as tx:
            if not tx.sqlite:
                tx.connection.exec_driver_sql("SELECT 1 FROM billing_wallets FOR UPDATE")
            refused(billing, spends, Busy)
            assert billing.wallet("c").available == 100
        assert rows(url) == before
        assert billing.spend("c", 5, key="k").available == 95


def test_a_database_without_its_tables(empty_database_url: str) -> None:
    with opened(empty_database_url) as billing:
        refused(billing, VERBS | QUESTIONS, DatabaseUnavailable)
        with pytest.raises(DatabaseUnavailable, match="billing db upgrade"):
            billing.audit()


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_bytes(b"Not a database at all. " * 400)
    before = file.read_bytes()
    with opened(f"sqlite:///{file}") as billing:
        refused(billing, VERBS | QUESTIONS, DatabaseUnavailable)
    assert file.read_bytes() == before
    with pytest.raises(DatabaseUnavailable):
        Billing(f"sqlite:///{file}/billing.sqlite3")
    with opened(f"sqlite:///{tmp_path}") as billing:
        refused(billing, VERBS | QUESTIONS, DatabaseUnavailable)
        with pytest.raises(DatabaseUnavailable, match="write to its folder"):
            billing.wallet("c")


def test_a_server_that_is_not_there() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: whoever connects is turned away
        port = taken.getsockname()[1]
        with opened(f"postgresql://nobody:secret@127.0.0.1:{port}/billing") as billing:
            refused(billing, VERBS | QUESTIONS, DatabaseUnavailable)
            with pytest.raises(DatabaseUnavailable) as said:
                billing.wallet("c")
    assert "secret" not in str(said.value)


@pytest.mark.database("postgresql")
def test_a_server_that_goes_and_comes_back(url: str) -> None:
    """What was under way is rolled back; the next request finds its way by itself."""
    with opened(url) as billing, opened(url) as other:

        def interrupted() -> None:
            with billing.transaction() as tx:
                tx.spend("c", 5, key="k")
                with other.database.write() as killing:
                    killing.connection.exec_driver_sql(
                        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                        "WHERE datname = current_database() AND pid <> pg_backend_pid()"
                    )
                tx.spend("c", 6, key="l")

        with pytest.raises(DatabaseUnavailable):
            interrupted()
        assert billing.wallet("c").available == 100
        assert billing.spend("c", 5, key="k").available == 95


@pytest.mark.database("postgresql")
def test_who_comes_back_to_an_idle_connection_finds_its_statements_prepared(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That it is asked whether it lives, and what time it is, must not make the driver forget them."""
    monkeypatch.setattr(db, "_FRESH", 0)
    monkeypatch.setattr(skew, "_TRUSTED", -1)
    monkeypatch.setattr(at_once, "KEPT", 0)
    with opened(url) as billing:
        for number in range(8):
            billing.spend("c", 1, key=f"k{number}")
        with billing.database.engine.connect() as connection:
            assert connection.exec_driver_sql("SELECT count(*) FROM pg_prepared_statements").scalar_one() >= 3


@pytest.mark.database("postgresql")
def test_the_clock_is_looked_at_on_the_connection_that_spends(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else that one is never trusted where another takes the transactions, and each spend costs a transaction more."""
    monkeypatch.setattr(skew, "_TRUSTED", 0)
    begun: list[Connection] = []
    with opened(url) as billing:
        billing.spend("c", 1, key="warm")
        event.listen(billing.database.engine, "begin", begun.append)
        for number in range(4):
            billing.spend("c", 1, key=f"k{number}")
        assert begun == []


class Off(SystemClock):
    """Real time, off by so much."""

    def __init__(self, by: timedelta) -> None:
        self.by = by

    def now(self) -> Any:
        return super().now() + self.by


@pytest.mark.parametrize("off", [timedelta(days=1), timedelta(days=-1), timedelta(seconds=7), timedelta(seconds=-7)])
def test_a_clock_that_is_off(url: str, rows: Rows, off: timedelta) -> None:
    before = rows(url)
    with opened(url, Off(off)) as billing:
        refused(billing, VERBS, ClockSkew)
        with pytest.raises(ClockSkew) as said, billing.transaction():
            pass
        assert f" {off.total_seconds():+.0f} seconds" in str(said.value)
        with Session(billing.database.engine) as session, pytest.raises(ClockSkew):
            billing.within(session)
        assert billing.wallet("c").unit == "credits"
    assert rows(url) == before


def test_a_clock_that_goes_astray_while_it_runs(url: str, rows: Rows) -> None:
    clock = Off(timedelta(seconds=2))
    with opened(url, clock) as billing:
        billing.spend("c", 1, key="a")
        before = rows(url)
        for off in (timedelta(days=1), timedelta(days=-1)):
            clock.by = off
            refused(billing, VERBS, ClockSkew)
        assert rows(url) == before
        clock.by = timedelta(seconds=-2)
        assert billing.spend("c", 1, key="b").available == 98
