from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from billing.testing import TestBilling
from tests.autotopup.saver import CATALOG, Saver
from tests.buying.shop import open_shop
from tests.sandbox.serving import Watch


@pytest.fixture
def team(make_billing: Callable[..., TestBilling], tmp_path: Path, watch: Watch) -> Iterator[Saver]:
    """Somebody who has bought a pack by hand and saved the card, 100 credits: nothing is set yet."""
    with open_shop(make_billing, tmp_path, watch, catalog=CATALOG) as shop:
        yield Saver(shop, watch).saved()


@pytest.fixture
def fresh(
    make_billing: Callable[..., TestBilling], fresh_database_url: str, tmp_path: Path, watch: Watch
) -> Iterator[Saver]:
    """The same on a database of its own, for races and crashes; the sandbox tells nothing of itself."""
    with open_shop(make_billing, tmp_path, watch, url=fresh_database_url, catalog=CATALOG) as shop:
        shop.events = False
        yield Saver(shop, watch)
