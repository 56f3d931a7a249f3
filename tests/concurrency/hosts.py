"""A host application with a table and sessions of its own on our database, spending inside its transactions."""

from __future__ import annotations

from sqlalchemy import Engine, String, create_engine, func, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from billing import Billing, Busy, InsufficientCredits, UnknownCustomer


class Base(DeclarativeBase):
    pass


class Job(Base):
    """What the host wants to keep together with its spend, or without it."""

    __tablename__ = "host_jobs"

    id: Mapped[int] = mapped_column(primary_key=True)
    worker: Mapped[int]
    key: Mapped[str] = mapped_column(String(40))
    outcome: Mapped[str] = mapped_column(String(40))


def host_engine(url: str) -> Engine:
    waits = {"timeout": 30} if url.startswith("sqlite") else {}
    return create_engine(url, connect_args=waits)


def jobs(engine: Engine) -> int:
    with Session(engine) as session:
        return session.scalar(select(func.count()).select_from(Job)) or 0


def do_job(billing: Billing, engine: Engine, worker: int, customer: str, credits: int, key: str) -> str:
    """One transaction of the host: a row of its own, a spend, another row. Retried as a whole when busy."""
    for _ in range(100):
        try:
            with Session(engine) as session, session.begin():
                session.add(Job(worker=worker, key=key, outcome="begun"))
                session.flush()
                outcome = spend(billing, session, customer, credits, key)
                session.add(Job(worker=worker, key=key, outcome=outcome))
        except (Busy, DBAPIError) as error:
            if not isinstance(error, Busy) and "lock" not in str(error):
                raise
            continue
        return outcome
    raise TimeoutError(key)


def spend(billing: Billing, session: Session, customer: str, credits: int, key: str) -> str:
    try:
        receipt = billing.within(session).spend(customer, credits, key=key)
    except InsufficientCredits:
        return "refused"
    except UnknownCustomer:
        return "unknown"
    return "again" if receipt.replayed else "spent"


def work(url: str, worker: int, customers: list[str], keys: list[str]) -> list[str]:
    """One process of the host. Each customer and key, 3 credits each."""
    billing, engine = Billing(url), host_engine(url)
    outcomes = [
        do_job(billing, engine, worker, customer, 3, key) for customer, key in zip(customers, keys, strict=True)
    ]
    engine.dispose()
    billing.close()
    return outcomes
