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
