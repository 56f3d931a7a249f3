from __future__ import annotations

from collections.abc import Callable

import pytest

from billing.testing import TestBilling
from tests.sales.paid import APRIL, CATALOG

SECRETS = ("whsec_new", "whsec_old")


@pytest.fixture
def billing(make_billing: Callable[..., TestBilling]) -> TestBilling:
    """At the start of April, with the customer `team`, who is Stripe's `cus_1`, and two webhook secrets."""
    engine = make_billing(catalog=CATALOG, start=APRIL, webhook_secrets=SECRETS)
    engine.customer("team", stripe_customer_id="cus_1")
    return engine
