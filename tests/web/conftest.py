from __future__ import annotations

from collections.abc import Callable

import pytest
import structlog

from billing.testing import TestBilling
from tests.web.service import Service, service_on

CATALOG = """
[units.tokens]
scale = 2

[plans.pro]
name = "Pro"
credits = 5000
prices = ["price_pro"]

[packs.small]
name = "Small"
credits = 1000
prices = { usd = 1000 }
valid_for = "12 months"
"""


@pytest.fixture
def service(make_billing: Callable[..., TestBilling]) -> Service:
    """The service with a catalog and one customer, `team_42`."""
    from billing.catalog.loading import parse

    billing = make_billing(catalog=parse(CATALOG))
    billing.customer("team_42", name="Team 42")
    return service_on(billing)


@pytest.fixture(autouse=True)
def quiet() -> None:
    """What the service logs is looked at where a test says so."""
    structlog.configure(
        processors=[structlog.processors.KeyValueRenderer()], logger_factory=structlog.ReturnLoggerFactory()
    )
