"""A spend that takes no transaction: what others change while it is decided; connections that are kept for it."""

from __future__ import annotations

import gc
import os
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from sqlalchemy import event

from billing import Billing, DatabaseUnavailable, IdempotencyKeyReused, InsufficientCredits, Spend, WalletFrozen
from billing.base import at_once, db
from billing.credits import opening, spending, writing
from billing.testing import TestBilling

Meanwhile = Callable[[Callable[[Billing], object]], list[int]]


@pytest.fixture
def billing(make_billing: Callable[..., TestBilling]) -> TestBilling:
    """`c` has 100 credits for images, which its purse has to leave alone, and 50 for anything."""
    billing = make_billing()
    billing.customer("c")
    billing.grant("c", 100, reason="-", key="a", features=["images"], expires_at=billing.now + timedelta(days=3))
    billing.grant("c", 50, reason="-", key="b", paid_cents=77, currency="eur")
    return billing


@pytest.fixture
def other(billing: TestBilling, database_url: str) -> Iterator[Billing]:
    """Another process."""
    other = Billing(database_url, clock=billing.clock)
    yield other
    other.close()


@pytest.fixture
def meanwhile(billing: TestBilling, other: Billing, monkeypatch: pytest.MonkeyPatch) -> Meanwhile:
    """What another process does between the look at the wallet and what is written on it, the first time."""

    def does(act: Callable[[Billing], object]) -> list[int]:
        looks = list[int]()

        def looked(*given: Any) -> Any:
            found = opening.look_at(*given)
            looks.append(1)
            if len(looks) == 1:
                act(other)
            return found

        monkeypatch.setattr(spending, "look_at", looked)
        return looks

    return does


OTHERS = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
"""How many others are connected."""


def plain(url: str) -> str:
    return url.replace("postgresql+psycopg", "postgresql")


def cut_off(url: str) -> None:
    """All others, as a restart does."""
    with psycopg.connect(plain(url), autocommit=True) as admin:
        admin.execute(OTHERS.replace("count(*)", "pg_terminate_backend(pid)"))


def nobody_is_connected(url: str) -> None:
    """A moment from now: a server takes one to notice that somebody has gone."""
    with psycopg.connect(plain(url), autocommit=True) as admin:
        patient = time.monotonic() + 10
        while admin.execute(OTHERS).fetchone() != (0,):
            assert time.monotonic() < patient


def count_transactions(billing: Billing) -> list[object]:
    begun: list[object] = []
    event.listen(billing.database.engine, "begin", begun.append)
    return begun


def test_what_is_decided_takes_no_transaction(billing: TestBilling) -> None:
    begun = count_transactions(billing)
    spent = billing.spend("c", 130, key="1", feature="images")
    assert [credits for _, credits in spent.slices] == [100, 30]
    with pytest.raises(InsufficientCredits) as refused:
        billing.spend("c", 21, key="2")
    assert refused.value.available == 20
    assert begun == []
    assert billing.wallet("c").available == 20
    assert billing.audit() == []


def test_what_asks_for_more_than_the_wallet_and_its_buckets_takes_one(billing: TestBilling) -> None:
    held = billing.hold("c", 10, key="h")
    begun = count_transactions(billing)
    assert billing.spend("c", 40, key="1").available == 0
    assert len(begun) == 1
    billing.capture("c", held.id)
    assert billing.spend("c", 60, key="1 for images", feature="images").slices[0][1] == 60
    assert billing.audit() == []


@pytest.mark.database("postgresql")
@pytest.mark.parametrize("how", ["from a bucket", "a bucket", "frozen", "an overdraft", "another end"])
def test_what_another_changes_meanwhile_is_seen(billing: TestBilling, meanwhile: Meanwhile, how: str) -> None:
    bucket = billing.buckets("c")[1]
    acts: dict[str, Callable[[Billing], object]] = {
        "from a bucket": lambda other: other.spend_many([Spend("c", 45, "theirs")]),
        "a bucket": lambda other: other.grant("c", 5, reason="-", key="c"),
        "frozen": lambda other: other.set_wallet("c", frozen=True),
        "an overdraft": lambda other: other.set_wallet("c", overdraft="unlimited"),
        "another end": lambda other: other.extend("c", bucket.id, billing.now + timedelta(days=9), key="e"),
    }
    looks = meanwhile(acts[how])
    if how == "from a bucket":
        with pytest.raises(InsufficientCredits) as refused:
            billing.spend("c", 10, key="1")
        assert refused.value.available == 5
    elif how == "frozen":
        with pytest.raises(WalletFrozen):
            billing.spend("c", 10, key="1")
    else:
        assert billing.spend("c", 10, key="1").available == (45 if how == "a bucket" else 40)
    assert len(looks) == 1  # the second time it was locked
    entries = billing.entries("c", kind="spend")
    assert [entry.credits for entry in entries] == {"from a bucket": [45], "a bucket": [5, 5], "frozen": []}.get(
        how, [10]
    )
    assert billing.audit() == []


@pytest.mark.database("postgresql")
def test_the_same_request_meanwhile_is_answered_with_its_receipt(billing: TestBilling, meanwhile: Meanwhile) -> None:
    given = []
    meanwhile(lambda other: given.extend(other.spend_many([Spend("c", 10, "1")])))
    again = billing.spend("c", 10, key="1")
    assert again == given[0]
    assert again.replayed
    with pytest.raises(IdempotencyKeyReused):
        billing.spend("c", 11, key="1")
    assert billing.wallet("c").available == 40
    assert billing.audit() == []


@pytest.mark.database("postgresql")
def test_after_a_race_was_lost_the_wallet_is_locked_first_for_a_moment(
    billing: TestBilling, meanwhile: Meanwhile, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = meanwhile(lambda other: other.spend_many([Spend("c", 1, "theirs")]))
    for number in range(3):
        billing.spend("c", 1, key=f"{number}")
    assert len(looks) == 1
    monkeypatch.setattr("billing.base.races.monotonic", lambda: 10.0**12)
    billing.spend("c", 1, key="later")
    assert len(looks) == 2
    assert billing.wallet("c").available == 45


@pytest.mark.database("postgresql")
def test_a_connection_is_kept_for_a_moment_only(billing: TestBilling, monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[object] = []
    event.listen(billing.database.engine, "checkout", lambda *given: taken.append(given[0]))
    for number in range(5):
        billing.spend("c", 1, key=f"{number}")
    assert len(taken) == 1
    later = time.monotonic() + 2
    monkeypatch.setattr(at_once, "monotonic", lambda: later)
    for number in range(5, 10):
        billing.spend("c", 1, key=f"{number}")
    assert len(taken) == 2
    monkeypatch.setattr(at_once, "KEPT", 0)
    billing.spend("c", 1, key="given back")
    with billing.database.engine.connect() as connection:  # as everybody finds it
        assert not connection.connection.dbapi_connection.autocommit  # type: ignore[union-attr]


@pytest.mark.database("postgresql")
def test_a_kept_one_that_was_cut_off_is_said_and_not_used_again(billing: TestBilling, database_url: str) -> None:
    billing.spend("c", 1, key="1")
    cut_off(database_url)
    with pytest.raises(DatabaseUnavailable):
        billing.spend("c", 1, key="2")
    assert billing.spend("c", 1, key="2").available == 48


@pytest.mark.database("postgresql")
def test_what_is_closed_keeps_none(database_url: str, billing: TestBilling, other: Billing) -> None:
    other.spend("c", 1, key="1")
    billing.database.engine.dispose()
    with psycopg.connect(plain(database_url), autocommit=True) as admin:
        assert admin.execute(OTHERS).fetchone() == (1,)
    other.database.engine.dispose()
    nobody_is_connected(database_url)
    assert other.spend("c", 1, key="2").available == 48  # and it goes on


@pytest.mark.database("postgresql")
def test_a_child_does_not_speak_through_its_parents_connection(billing: TestBilling) -> None:
    billing.spend("c", 1, key="parent")
    child = os.fork()
    if child == 0:  # pragma: no cover
        code = 1
        try:
            billing.database.engine.dispose(close=False)  # as SQLAlchemy wants it of who forks
            code = 0 if billing.spend("c", 1, key="child").available == 48 else 2
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert billing.spend("c", 1, key="parent again").available == 47


@pytest.mark.database("postgresql")
def test_who_is_interrupted_leaves_no_connection_that_commits_by_itself(
    billing: TestBilling, monkeypatch: pytest.MonkeyPatch
) -> None:
    billing.spend("c", 1, key="1")

    def interrupted() -> float:
        monkeypatch.setattr(at_once, "monotonic", time.monotonic)
        raise KeyboardInterrupt

    monkeypatch.setattr(at_once, "monotonic", interrupted)
    with pytest.raises(KeyboardInterrupt):
        billing.spend("c", 1, key="2")
    gc.collect()
    with suppress(ZeroDivisionError), billing.transaction() as tx:
        tx.grant("c", 500, reason="-", key="rolled back")
        raise ZeroDivisionError
    assert billing.wallet("c").available == 49


@pytest.mark.database("postgresql")
def test_one_that_died_while_nobody_came_is_not_noticed(
    billing: TestBilling, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    billing.spend("c", 1, key="1")
    cut_off(database_url)
    later = time.monotonic() + 2
    for place in (at_once, db):
        monkeypatch.setattr(place, "monotonic", lambda: later)
    assert billing.spend("c", 1, key="2").available == 48


@pytest.mark.database("postgresql")
def test_an_engine_that_nobody_has_any_more_has_no_connections(database_url: str, billing: TestBilling) -> None:
    billing.database.engine.dispose()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        for number in range(3):
            Billing(database_url, clock=billing.clock).spend("c", 1, key=f"{number}")
        for _ in range(3):  # the connection goes to its pool first, and the pool then
            gc.collect()
    nobody_is_connected(database_url)


@pytest.mark.database("postgresql")
def test_one_that_is_used_while_all_are_closed_is_closed_too(
    billing: TestBilling, database_url: str, meanwhile: Meanwhile
) -> None:
    meanwhile(lambda _: billing.database.engine.dispose())
    assert billing.spend("c", 10, key="1").available == 40
    billing.database.engine.dispose()
    nobody_is_connected(database_url)


@pytest.mark.database("sqlite")
def test_what_is_given_up_in_the_middle_has_written_nothing(
    billing: TestBilling, monkeypatch: pytest.MonkeyPatch
) -> None:
    class GivenUp(Exception):
        pass

    def write(*given: Any) -> bool:
        writing.write(*given)
        raise GivenUp

    monkeypatch.setattr(spending, "write", write)
    with pytest.raises(GivenUp):
        billing.spend("c", 120, key="1", feature="images")
    monkeypatch.undo()
    assert billing.wallet("c").available == 50
    assert billing.spend("c", 120, key="1", feature="images").available == 30
    assert billing.audit() == []
