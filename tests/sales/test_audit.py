"""The audit finds what is wrong with sales and claims; nothing of ours makes it wrong."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from billing.testing import TestBilling
from tests.sales.paid import invoice, line, session, tell

pytestmark = [pytest.mark.breaks_books, pytest.mark.database("sqlite")]


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        ("UPDATE billing_claims SET cents = 999 WHERE stripe_id = 'il_a'", "sold for 1000 cents, claimed for 999"),
        ("DELETE FROM billing_claims WHERE stripe_id = 'cs_1'", "claimed for None"),
        ("UPDATE billing_sales SET cents = 1 WHERE session_id IS NULL", "sold as"),
        ("UPDATE billing_sales SET customer_id = 'other'", "'other'"),
        ("DELETE FROM billing_sales", "was never sold"),
        ("DELETE FROM billing_sales", "claimed for topup:cs_1, which was never sold"),
    ],
)
def test_it_finds(billing: TestBilling, statement: str, found: str) -> None:
    tell(billing, invoice(line("price_basic", 1_000, id="il_a")))
    tell(billing, session())
    assert billing.audit() == []
    with billing.database.engine.connect() as connection:
        raw = connection.connection.driver_connection
        assert raw is not None
        raw.execute("PRAGMA foreign_keys=OFF")
        triggers = connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).scalars().all()
        for name in triggers:
            connection.execute(text(f"DROP TRIGGER {name}"))
        connection.execute(text(statement))
        connection.commit()
    assert found in "\n".join(map(str, billing.audit()))
