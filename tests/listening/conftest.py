from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from billing.testing import TestBilling
from tests.buying.shop import Shop, open_shop
from tests.sandbox.serving import Watch


@pytest.fixture
def shop(make_billing: Callable[..., TestBilling], tmp_path: Path, watch: Watch) -> Iterator[Shop]:
    """A shop with its prices, whose engine hears nothing by itself: each test says what arrives."""
    with open_shop(make_billing, tmp_path, watch) as shop:
        shop.stock()
        shop.events = False
        yield shop
