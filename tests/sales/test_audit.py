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
    _past_the_rules(billing, statement)
    assert found in "\n".join(map(str, billing.audit()))


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        ("UPDATE billing_change_takings SET credits = 90 WHERE credits > 0", "changes took (90, 634)"),
        ("UPDATE billing_change_takings SET cents = 600", "its lines come to -634 cents, and it took 600"),
        ("UPDATE billing_change_takings SET credits = 101", "more credits than its month up to"),
        ("DELETE FROM billing_change_takings", "changes took (0, 0), by the entries (95, 634)"),
        ("UPDATE billing_sales SET item_id = 'si_2' WHERE kind = 'allocation'", "its name is that of another item"),
        ("DELETE FROM billing_sales WHERE cents > 0", "it gives money back for a period that was never sold"),
        ("UPDATE billing_sales SET item_id = 'si_2' WHERE cents > 600 AND kind = 'change'", "of another item"),
    ],
)
def test_it_finds_changes(billing: TestBilling, statement: str, found: str) -> None:
    start = [("price_basic", -667), ("price_pro", 1_333)], [("price_pro", -1_267), ("price_basic", 633)]
    tell(billing, invoice(line("price_basic", 1_000)))
    for day, lines in zip(("11 Apr 00:00", "12 Apr 00:00"), start, strict=True):
        parts = [line(price, cents, day, proration=True) for price, cents in lines]
        assert tell(billing, invoice(*parts, paid=day)).status == "done"
    assert billing.audit() == []
    _past_the_rules(billing, statement)
    assert found in "\n".join(map(str, billing.audit()))


def _past_the_rules(billing: TestBilling, statement: str) -> None:
    with billing.database.engine.connect() as connection:
        raw = connection.connection.driver_connection
        assert raw is not None
        raw.execute("PRAGMA foreign_keys=OFF")
        triggers = connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).scalars().all()
        for name in triggers:
            connection.execute(text(f"DROP TRIGGER {name}"))
        connection.execute(text(statement))
        connection.commit()
