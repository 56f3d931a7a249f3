from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from billing.testing import TestBilling
from tests.buying.shop import Shop, open_shop
from tests.buying.subscriber import CATALOG, START, Subscriber
from tests.sandbox.serving import Watch


@pytest.fixture
def shop(make_billing: Callable[..., TestBilling], tmp_path: Path, watch: Watch) -> Iterator[Shop]:
    with open_shop(make_billing, tmp_path, watch) as shop:
        yield shop


@pytest.fixture
def team(make_billing: Callable[..., TestBilling], tmp_path: Path, watch: Watch) -> Iterator[Subscriber]:
    """Somebody who subscribes by the catalog of `subscriber`."""
    with open_shop(make_billing, tmp_path, watch, start=START, catalog=CATALOG) as shop:
        yield Subscriber(shop)
