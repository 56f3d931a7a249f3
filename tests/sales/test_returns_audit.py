"""The audit finds what is wrong with months, takings and what disputes hold, and names it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from billing.base.db import Tx
from billing.finance.auditing import audit
from billing.testing import TestBilling
from tests.finance.test_audit import behind_its_back
from tests.sales.paid import seconds, session, tell
from tests.sales.returning import CATALOG, Money
from tests.sales.sold import year
from tests.stories.story import moment

pytestmark = [pytest.mark.breaks_books, pytest.mark.slow, pytest.mark.database("sqlite")]

CORRUPTIONS = [
    ("UPDATE billing_months SET left_cents = left_cents + 1 WHERE place = 3", "6 months", "left_cents is"),
    ("UPDATE billing_months SET taken = taken - 1 WHERE taken > 0", "6 months", "taken is"),
    ("UPDATE billing_months SET allotted = 0 WHERE allotted > 0", "6 months", "allotted is 0"),
    ("UPDATE billing_months SET broken_cents = 5 WHERE place = 3", "6 months", "broken_cents is 5"),
    ("UPDATE billing_months SET owed = 1 WHERE owed > 0", "6 months", "takings made the wallet owe (1"),
    ("UPDATE billing_months SET unearned_cents = 0", "6 months", "takings made the wallet owe"),
    ("UPDATE billing_months SET is_open = 0 WHERE is_open", "6 months", "is_open is"),
    ("UPDATE billing_months SET credits = credits + 1 WHERE place = 4", "3 sales", "its 12 months as"),
    ("UPDATE billing_months SET cents = cents + 1 WHERE place = 4", "6 months", "its months cost"),
    ("UPDATE billing_months SET sale = 'topup:cs_gone' WHERE sale = 'topup:cs_A'", "3 sales", "was never sold"),
    ("DELETE FROM billing_months WHERE sale LIKE 'topup:%'", "3 sales", "it has no months"),
    ("UPDATE billing_wallets SET open_months = 0", "2 wallets", "open_months is 0"),
    ("UPDATE billing_wallets SET last_month = 99", "2 wallets", "last_month is 99"),
    ("UPDATE billing_buckets SET disputed = disputed - 1 WHERE disputed > 0", "2 disputes", "hold something else"),
    ("UPDATE billing_buckets SET counted = counted + 1 WHERE expired > 1", "1 buckets", "expired, voided, counted"),
    ("UPDATE billing_buckets SET expired_cents = expired_cents + 1", "1 buckets", "expired, voided, counted"),
    ("UPDATE billing_buckets SET voided_cents = voided_cents + 1", "1 buckets", "expired, voided, counted"),
    ("UPDATE billing_buckets SET sale = NULL WHERE month = 1", "3 sales", "its month says something else"),
    ("UPDATE billing_buckets SET basis_cents = basis_cents + 1", "1 recognition", "its basis is"),
    ("UPDATE billing_entries SET credits = 999 WHERE kind = 'clawback'", "6 months", "were taken back"),
    ("UPDATE billing_entries SET cents = cents + 7 WHERE kind = 'owe'", "6 months", "by the entries"),
    ("UPDATE billing_entries SET destination = 'clawed_back:77' WHERE kind = 'owe'", "6 months", "clawed_back:77"),
    ("UPDATE billing_entries SET source = 'bucket:1' WHERE kind = 'owe'", "listed flows", "owe: bucket:1"),
    ("UPDATE billing_entries SET via = 12 WHERE kind = 'hold'", "2 disputes", "another month"),
    ("UPDATE billing_entries SET via = NULL WHERE kind = 'hold'", "3 holds", "for a hold that is not there"),
    ("UPDATE billing_entries SET cents = cents + 1 WHERE kind = 'sell'", "6 money", "Stripe's objects brought"),
    ("UPDATE billing_entries SET cause = 'spend:1' WHERE kind = 'owe'", "3 causes", "its cause may not"),
    ("UPDATE billing_claims SET cents = cents + 1", "4 claims", "claimed for"),
]  # fmt: skip


def lived(make_billing: Callable[..., TestBilling]) -> TestBilling:
    """A pack refunded after most was used, a year partly refunded, a dispute under way."""
    billing = make_billing(catalog=CATALOG, start=moment("1 Jan 2025 00:00"))
    billing.customer("team", stripe_customer_id="cus_1")
    money = Money(billing)
    for name, pack in (("A", "thirty"), ("B", "plain")):
        told = session(id=f"cs_{name}", payment_intent=f"pi_{name}", metadata={"pack": pack},
                       created=seconds(billing.now))  # fmt: skip
        tell(billing, told)
    billing.spend("team", 70, key="a")
    money.refund("re_1", 900, of="pi_A")
    year(billing, billing.now)
    money.invoice("pi_1", "in_y1", 10_000)
    money.refund("re_2", 1_000)
    money.dispute("dp_1", 300, of="pi_B")
    billing.advance(to=moment("5 Feb 10:00"))
    money.refund("re_3", 8_500)
    assert billing.audit() == []
    return billing


def test_it_finds(make_billing: Callable[..., TestBilling]) -> None:
    billing = lived(make_billing)
    missed = []
    for statement, invariant, words in CORRUPTIONS:
        with behind_its_back(billing) as connection:
            changed = connection.exec_driver_sql(statement).rowcount
            found = audit.breaches(Tx(connection, billing.now), billing.catalog) if changed else []
        if not any(breach.invariant == invariant and words in str(breach) for breach in found):
            missed.append(f"{statement}: {invariant}, {words}\n    " + "\n    ".join(map(str, found[:6])))
    assert not missed, "\n".join(missed)
    assert billing.audit() == []
