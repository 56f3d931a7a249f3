"""A refund beside more of the same purchase that is being sold in another transaction: it takes from that, too."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest
from sqlalchemy import text

from billing.catalog.loading import parse
from billing.sales.plans import allocations
from billing.stripe import payloads
from billing.testing import TestBilling
from tests.sales.paid import APRIL, invoice, line, tell
from tests.sales.returning import Money

BEFORE = parse("""
[packs.a]
name = "A"
credits = 100
stripe_prices = ["price_a"]
""")
AFTER = parse("""
[packs.a]
name = "A"
credits = 100
stripe_prices = ["price_a"]

[packs.b]
name = "B"
credits = 100
stripe_prices = ["price_b"]
""")


def waits_for_a_lock(billing: TestBilling) -> bool:
    waiting = text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
    with billing.database.engine.connect() as connection:
        return bool(connection.execute(waiting).scalar_one())


@pytest.mark.database("postgresql")
def test_the_second_half_is_sold_while_the_refund_waits(make_billing: Callable[..., TestBilling]) -> None:
    billing = make_billing(catalog=BEFORE, start=APRIL)
    billing.customer("team", stripe_customer_id="cus_1")
    held = invoice(
        line("price_a", 1_000, id="il_a", item=None), line("price_b", 1_000, id="il_b", item=None), id="in_1",
        parent=None, total=2_000, amount_paid=2_000,
    )  # fmt: skip
    assert tell(billing, held).status == "waiting"
    money = Money(billing, by_events=True)
    money.invoice("pi_1", "in_1", 2_000)
    assert billing.wallet("team").available == 100

    billing.catalog = AFTER
    refund = threading.Thread(target=lambda: money.refund("re_1", 2_000))
    with billing.database.write() as tx:
        assert allocations.apply(tx, AFTER, payloads.invoice(held), APRIL, {}).granted
        refund.start()
        until = time.monotonic() + 60
        while not waits_for_a_lock(billing) and time.monotonic() < until:
            time.sleep(0.01)
    refund.join(30)
    assert (billing.wallet("team").available, billing.wallet("team").owed) == (0, 0)
    assert billing.audit() == []
