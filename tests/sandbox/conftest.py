from __future__ import annotations

import pytest
import stripe

from tests.sandbox.shop import Shop
from web.sandbox import Sandbox


@pytest.fixture
def shop(sandbox: Sandbox, stripe_client: stripe.StripeClient) -> Shop:
    return Shop(sandbox, stripe_client)
