from __future__ import annotations

from collections.abc import Callable

import pytest

from billing.testing import TestBilling
from tests.sales.paid import APRIL, CATALOG


@pytest.fixture
def billing(make_billing: Callable[..., TestBilling]) -> TestBilling:
    """At the start of April, with the customer `team`, who is Stripe's `cus_1`."""
    engine = make_billing(catalog=CATALOG, start=APRIL)
    engine.customer("team", stripe_customer_id="cus_1")
    return engine


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Money going back is quick to try on SQLite; on PostgreSQL it is tried with the slow ones."""
    for item in items:
        if item.path.name.startswith("test_returns") and "postgresql" in item.name:
            item.add_marker(pytest.mark.slow)
