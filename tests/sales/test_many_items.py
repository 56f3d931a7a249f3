"""A subscription of very many items: one invoice renews them all, and what was left of each rolls over."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from billing.testing import TestBilling

from .paid import APRIL, JUNE, MAY, Json, invoice, line, tell
from .test_rollover import ROLL

MANY = 1_100
"""More than SQLite takes parts of one condition."""


def renewed(start: object, end: object, number: int) -> Json:
    lines = [line("price_roll", 1_000, start, end, item=f"si_{place}") for place in range(MANY)]  # type: ignore[arg-type]
    return invoice(*lines, paid=start, id=f"in_{number}")  # type: ignore[arg-type]


@pytest.mark.slow
@pytest.mark.database("sqlite")
def test_very_many_items_are_renewed_by_one_invoice(make_billing: Callable[..., TestBilling]) -> None:
    billing = make_billing(catalog=ROLL, start=APRIL)
    billing.customer("team", stripe_customer_id="cus_1")
    assert tell(billing, renewed(APRIL, MAY, 1)).status == "done"
    billing.spend("team", 50, key="one")
    billing.advance(to=MAY)
    assert tell(billing, renewed(MAY, JUNE, 2)).status == "done"
    billing.advance(to=MAY + timedelta(days=2))
    assert billing.wallet("team").available == MANY * 160 - 10, "of each 60 roll over; of one 50 were left"
    assert billing.audit() == []
