"""Signals tell what is committed, once, whoever commits it."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy.orm import Session

from billing import InsufficientCredits, signals
from billing.testing import TestBilling


@pytest.fixture
def heard() -> Iterator[list[str]]:
    """The keys' own spends, by their causes."""
    causes: list[str] = []

    def listen(_: object, *, cause: str, **more: Any) -> None:
        causes.append(cause)

    with signals.credits_spent.connected_to(listen):
        yield causes


@pytest.fixture
def billing(make_billing: Callable[..., TestBilling]) -> TestBilling:
    billing = make_billing()
    billing.customer("c")
    billing.grant("c", 100, reason="to begin with", key="g")
    return billing


def test_own_transactions(billing: TestBilling, heard: list[str]) -> None:
    first = billing.spend("c", 1, key="a")
    billing.spend("c", 1, key="a")
    with pytest.raises(InsufficientCredits):
        billing.spend("c", 1000, key="b")
    assert heard == [first.id.replace("spend_1_", "spend:")]
    with pytest.raises(ZeroDivisionError):
        _spend_and_fail(billing)
    assert len(heard) == 1


def _spend_and_fail(billing: TestBilling) -> None:
    with billing.transaction() as tx:
        tx.spend("c", 1, key="c")
        raise ZeroDivisionError


def test_a_receiver_that_fails_stops_nothing(billing: TestBilling, heard: list[str]) -> None:
    def fail(_: object, **more: Any) -> None:
        raise RuntimeError("no mail today")

    with signals.credits_spent.connected_to(fail):
        billing.spend("c", 1, key="a")
    assert len(heard) == 1
    assert billing.wallet("c").available == 99


def test_within_a_session_savepoints_take_their_own_facts_along(billing: TestBilling, heard: list[str]) -> None:
    with Session(billing.database.engine) as session:
        tx = billing.within(session)
        tx.spend("c", 1, key="kept")
        savepoint = session.begin_nested()
        tx.spend("c", 2, key="undone")
        billing.within(session).spend("c", 4, key="undone, too")
        savepoint.rollback()
        savepoint = session.begin_nested()
        tx.spend("c", 8, key="let go")
        savepoint.commit()
        assert heard == []
        session.commit()
        assert heard == ["spend:2", "spend:3"]
        assert billing.wallet("c").available == 91
        billing.within(session).spend("c", 16, key="rolled back")
        session.rollback()
        session.commit()
        assert heard == ["spend:2", "spend:3"]
    assert billing.wallet("c").available == 91
