"""A host's session: its transactions are its own, and what outlives them ends by itself."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import create_engine
from sqlalchemy.orm import Session, scoped_session, sessionmaker

from billing import HoldEnded, InsufficientCredits, WrongIsolation, signals
from billing.testing import TestBilling


@pytest.fixture
def billing(make_billing: Callable[..., TestBilling]) -> TestBilling:
    billing = make_billing()
    billing.customer("c")
    billing.grant("c", 100, reason="to begin with", key="g", expires_at=billing.now + timedelta(days=3))
    return billing


def test_a_hold_captured_after_the_hosts_commit_is_captured_for_good(billing: TestBilling) -> None:
    with Session(billing.database.engine) as session, session.begin():
        held = billing.within(session).hold("c", 10, key="h")
        also = billing.within(session).hold("c", 20, key="in time")
        also.capture(5)
    assert held.capture(4).credits == 4
    assert (billing.wallet("c").available, billing.wallet("c").held) == (91, 0)
    with pytest.raises(HoldEnded):
        also.release()


def test_a_handle_kept_over_commits_takes_place_when_its_verbs_do(billing: TestBilling) -> None:
    with Session(billing.database.engine) as session:
        kept = billing.within(session)
        assert kept.spend("c", 5, key="a").recorded_at == billing.now
        session.commit()
        billing.advance(by=timedelta(days=4))
        with pytest.raises(InsufficientCredits):
            kept.spend("c", 5, key="b")
        session.commit()


def test_sessions_that_commit_each_statement_are_refused(billing: TestBilling) -> None:
    engine = create_engine(billing.database.engine.url, isolation_level="AUTOCOMMIT")
    with Session(engine) as session, pytest.raises(WrongIsolation):
        billing.within(session)
    engine.dispose()


def test_a_scoped_session_is_the_session_of_now(billing: TestBilling) -> None:
    heard: list[int] = []

    def listen(_: object, *, credits: int, **more: object) -> None:
        heard.append(credits)

    sessions = scoped_session(sessionmaker(billing.database.engine))
    with signals.credits_spent.connected_to(listen):
        billing.within(sessions).spend("c", 5, key="a")
        with Session(billing.database.engine) as another:
            another.commit()
        assert heard == []
        sessions.commit()
        assert heard == [5]
    sessions.remove()


def test_a_session_closed_without_a_commit_tells_nothing(billing: TestBilling) -> None:
    heard: list[int] = []

    def listen(_: object, *, credits: int, **more: object) -> None:
        heard.append(credits)

    session = Session(billing.database.engine)
    with signals.credits_spent.connected_to(listen):
        billing.within(session).spend("c", 5, key="a")
        session.close()
        session.commit()
        assert heard == []
    assert billing.wallet("c").available == 100


@pytest.mark.database("sqlite")
def test_a_plain_sqlite_session_keeps_its_savepoints(billing: TestBilling) -> None:
    engine = create_engine(billing.database.engine.url)
    with Session(engine) as session:
        tx = billing.within(session)
        with session.begin_nested():
            tx.spend("c", 5, key="a")
        tx.customer("new", stripe_customer_id="cus_1")
        session.rollback()
    engine.dispose()
    assert billing.wallet("c").available == 100
    assert [customer.id for customer in billing.customers()] == ["c"]


def test_work_that_failed_is_charged_when_it_succeeds_under_the_same_key(billing: TestBilling) -> None:
    class Broken(Exception):
        pass

    def work(key: str, *, fails: bool) -> None:
        with billing.charge("c", 20, key=key) as hold:
            if fails:
                raise Broken
            hold.capture(13)

    for _ in range(2):
        with pytest.raises(Broken):
            work("job", fails=True)
    assert (billing.wallet("c").available, billing.wallet("c").held) == (100, 0)
    work("job", fails=False)
    work("job", fails=False)
    assert billing.wallet("c").available == 87
