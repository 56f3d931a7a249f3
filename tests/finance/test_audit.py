"""The audit notices what was done to books behind the engine's back, and says what. A whole world is in order."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import Connection, text

from billing.base.db import Tx
from billing.finance.auditing import audit
from billing.testing import TestBilling
from tests.finance.corruptions import CORRUPTIONS
from tests.finance.world import live
from tests.sales.paid import APRIL, CATALOG

pytestmark = pytest.mark.breaks_books


@pytest.fixture
def busy(make_billing: Callable[..., TestBilling]) -> tuple[TestBilling, dict[str, int]]:
    billing = make_billing(catalog=CATALOG, start=APRIL)
    billing.customer("team", stripe_customer_id="cus_1")
    return billing, live(billing)


@contextmanager
def behind_its_back(billing: TestBilling) -> Iterator[Connection]:
    """A transaction in which no trigger, foreign key or (on SQLite) check holds; undone afterwards."""
    with billing.database.engine.connect() as connection:
        if connection.dialect.name == "sqlite":
            raw = connection.connection.driver_connection
            assert raw is not None
            raw.execute("PRAGMA foreign_keys = OFF")
        with connection.begin() as begun:
            if connection.dialect.name == "sqlite":
                triggers = "SELECT name FROM sqlite_master WHERE type = 'trigger'"
                for name in connection.execute(text(triggers)).scalars().all():
                    connection.execute(text(f"DROP TRIGGER {name}"))
            else:
                connection.execute(text("SET LOCAL session_replication_role = replica"))
            yield connection
            begun.rollback()


def test_a_whole_world_is_in_order(busy: tuple[TestBilling, dict[str, int]]) -> None:
    assert busy[0].audit() == []


@pytest.mark.slow
@pytest.mark.database("sqlite")
def test_every_corruption_is_noticed_and_named(busy: tuple[TestBilling, dict[str, int]]) -> None:
    check_corruptions(*busy)


@pytest.mark.slow
@pytest.mark.database("postgresql")
def test_every_corruption_is_noticed_and_named_on_postgresql(busy: tuple[TestBilling, dict[str, int]]) -> None:
    check_corruptions(*busy)


def check_corruptions(billing: TestBilling, wallets: dict[str, int]) -> None:
    missed = []
    for statements, invariant, words in CORRUPTIONS:
        with behind_its_back(billing) as connection:
            changed = 0
            for statement in statements.format(**wallets).split("; "):
                changed += connection.exec_driver_sql(statement).rowcount
            found = audit.breaches(Tx(connection, billing.now), billing.catalog) if changed else []
        if not any(breach.invariant == invariant and words in str(breach) for breach in found):
            missed.append(f"{statements}\n    should be {invariant}: {words}\n    " + "\n    ".join(map(str, found)))
    assert not missed, "\n".join(missed)
    assert billing.audit() == []
