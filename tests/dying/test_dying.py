"""Wherever a process dies of what Stripe says: the books end, row by row, as if it had lived."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from billing.testing import TestBilling
from tests.buying.shop import open_shop
from tests.dying.dying import children
from tests.dying.lives import CATALOG, LIVES, START, Stage, quickly
from tests.sandbox.serving import Watch


@pytest.fixture
def stage(
    make_billing: Callable[..., TestBilling], fresh_database_url: str, tmp_path: Path, watch: Watch, dialect: str
) -> Iterator[Stage]:
    with (
        children() as pool,
        open_shop(make_billing, tmp_path, watch, url=fresh_database_url, start=START, catalog=CATALOG) as shop,
    ):
        yield Stage(shop, fresh_database_url, pool, every=6 if dialect == "sqlite" else 15)


def dies(stage: Stage, life: Callable[[Stage], None]) -> None:
    life(stage)
    for one in (future.result() for future in stage.found):
        assert one.wrong == [], one.name
        assert one.died >= 2, f"{one.name}: what was never cut off shows nothing"
    assert stage.shop.billing.stripe_events(status="waiting") == []
    assert stage.shop.billing.stripe_events(status="failed") == []


@pytest.mark.database("sqlite")
def test_it_dies_of_a_payment(stage: Stage) -> None:
    stage.every = 10
    dies(stage, quickly)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("life", LIVES)
def test_it_dies_anywhere(stage: Stage, life: str) -> None:
    dies(stage, LIVES[life])
