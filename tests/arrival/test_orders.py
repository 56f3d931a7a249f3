"""Whatever the order in which Stripe is heard, the books end the same."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from billing.inbox.handlers import HANDLERS
from tests.sandbox.serving import Watch, served

from .lives import CATALOG, PRICES, START, pays, renews, spend, subscribe, top_up
from .told import Life, Shelf, Stage, World, every

TOPUP = Life("top-up, spend", CATALOG, PRICES, (top_up("small"), ("chapter", pays), spend(30)))
PLAN = Life("subscribe, renew", CATALOG, PRICES, (subscribe("basic"), ("chapter", pays), spend(30), ("chapter", renews)))


@pytest.fixture
def stage(tmp_path: Path, watch: Watch, auditor) -> Iterator[Stage]:
    with served(tmp_path / "sandbox.sqlite3", watch, now=None) as sandbox:
        sandbox.start_at(START)
        yield Stage(World(sandbox, START), Shelf(tmp_path), auditor.engines, frozenset(HANDLERS))
    assert not watch.wrong


@pytest.mark.parametrize("life", [TOPUP, PLAN], ids=lambda life: life.name)
@pytest.mark.database("sqlite")
def test_every_order_ends_the_same(stage: Stage, fresh_database_url: str, life: Life) -> None:
    billing, tried = stage.play(life, fresh_database_url, every)
    print(tried)
    stage.close(billing)
