"""Spending inside a host's transactions: its rows are committed whatever becomes of the spend."""

from __future__ import annotations

from collections import Counter

from sqlalchemy import select
from sqlalchemy.orm import Session

from billing import Billing
from tests.stories.books import all_entries

from . import hosts
from .race import processes

WORKERS = 4


def prepared(url: str, credits: int) -> Billing:
    engine = hosts.host_engine(url)
    hosts.Base.metadata.create_all(engine)
    engine.dispose()
    billing = Billing(url)
    billing.customer("host")
    billing.grant("host", credits, reason="start", key="start")
    return billing


def test_racing_keys_in_hosts_transactions(fresh_database_url: str) -> None:
    """Four hosts try the same thirty keys at once; every one commits its own rows, each key is charged once."""
    billing = prepared(fresh_database_url, 90)
    keys = [f"job-{number}" for number in range(30)]
    with processes(WORKERS) as pool:
        futures = [
            pool.submit(hosts.work, fresh_database_url, worker, ["host"] * 30, keys[worker:] + keys[:worker])
            for worker in range(WORKERS)
        ]
        outcomes = Counter(outcome for future in futures for outcome in future.result(timeout=100))
    assert outcomes == {"spent": 30, "again": 30 * (WORKERS - 1)}
    engine = hosts.host_engine(fresh_database_url)
    assert hosts.jobs(engine) == 2 * 30 * WORKERS
    engine.dispose()
    entries = all_entries(billing, "host")
    assert sorted(e.key for e in entries if e.kind == "spend" and e.key) == sorted(keys)
    assert billing.wallet("host").available == 0
    assert billing.audit() == []
    billing.close()


def test_hosts_transaction_goes_on(fresh_database_url: str) -> None:
    """After a duplicate, a refusal and an unknown customer the host still writes, and all of it is committed."""
    billing = prepared(fresh_database_url, 10)
    engine = hosts.host_engine(fresh_database_url)
    with Session(engine) as session, session.begin():
        for customer, credits, key in [
            ("host", 4, "a"),
            ("host", 4, "a"),
            ("host", 40, "b"),
            ("nobody", 4, "c"),
            ("host", 4, "d"),
        ]:
            outcome = hosts.spend(billing, session, customer, credits, key)
            session.add(hosts.Job(worker=0, key=key, outcome=outcome))
            session.flush()
    with Session(engine) as session:
        rows = session.scalars(select(hosts.Job.outcome).order_by(hosts.Job.id)).all()
    assert rows == ["spent", "again", "refused", "unknown", "spent"]
    assert billing.wallet("host").available == 2
    assert billing.audit() == []
    engine.dispose()
    billing.close()


def test_hosts_rollback_takes_the_spend_along(fresh_database_url: str) -> None:
    billing = prepared(fresh_database_url, 10)
    engine = hosts.host_engine(fresh_database_url)
    with Session(engine) as session:
        assert hosts.spend(billing, session, "host", 4, "a") == "spent"
        session.rollback()
    assert billing.wallet("host").available == 10
    assert billing.spend("host", 4, key="a").replayed is False
    assert billing.audit() == []
    engine.dispose()
    billing.close()
