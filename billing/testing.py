"""For your own tests: an engine whose clock moves when you say so.

As a pytest plugin (`pytest_plugins = ["billing.testing"]`) it brings the fixture `billing`, on SQLite:

    def test_it_expires(billing):
        billing.customer("team_42")
        billing.grant("team_42", 100, reason="trial", key="g1", expires_at=billing.now + timedelta(days=30))
        billing.advance(to=billing.now + timedelta(days=31))
        assert billing.wallet("team_42").available == 0
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from billing.base import schema
from billing.base.clock import StandingClock
from billing.catalog.terms import Catalog
from billing.engine import Billing

START = datetime(2025, 1, 1, tzinfo=UTC)


class TestBilling(Billing):
    """The engine, with a clock that stands still until `advance`."""

    __test__ = False
    clock: StandingClock

    @property
    def now(self) -> datetime:
        return self.clock.now()

    def advance(self, *, to: datetime | None = None, by: timedelta | None = None) -> None:
        """Moves the clock on and does what is due on the way, in the order of time."""
        if (to is None) == (by is None):
            raise TypeError("say either advance(to=…) or advance(by=…)")
        self.clock.move(to if to is not None else self.now + (by or timedelta()))
        while self.catch_up():
            pass


def open_billing(
    url: str,
    *,
    catalog: Catalog | str | Path | None = None,
    start: datetime = START,
    migrate: bool = True,
    **more: Any,
) -> TestBilling:
    """An engine on the database at `url`, brought to the newest schema unless told otherwise; its time is `start`."""
    if migrate:
        schema.upgrade(url)
    return TestBilling(url, catalog=catalog, clock=StandingClock(start), **more)


@pytest.fixture
def billing(tmp_path: Path) -> Iterator[TestBilling]:
    """An empty engine on SQLite, at the start of 2025."""
    engine = open_billing(f"sqlite:///{tmp_path}/billing.sqlite3")
    yield engine
    engine.close()
