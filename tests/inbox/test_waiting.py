"""What waits for a customer is handled when the customer comes, however often it was tried in vain before."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from billing.testing import TestBilling
from tests.sales.paid import APRIL, CATALOG, body, event, invoice, line, session


@pytest.fixture
def billing(make_billing: Callable[..., TestBilling]) -> TestBilling:
    return make_billing(catalog=CATALOG, start=APRIL)


def tried_in_vain(billing: TestBilling) -> None:
    for _ in range(20):
        billing.handle_stripe_events()
        billing.advance(by=timedelta(hours=13))


def test_a_customer_named_by_the_payment_and_made_long_after(billing: TestBilling) -> None:
    billing.take_stripe_event(body(event(invoice(line("price_basic", 1_000), metadata={"billing_customer": "late"}))))
    billing.take_stripe_event(body(event(session(client_reference_id="later", customer=None))))
    tried_in_vain(billing)
    billing.customer("late")
    billing.customer("later")
    billing.handle_stripe_events()
    assert [one.status for one in billing.stripe_events()] == ["done", "done"]
    assert billing.buckets("late")[0].granted == 100
    assert billing.wallet("later").available == 100


def test_a_stripe_customer_linked_long_after(billing: TestBilling) -> None:
    billing.take_stripe_event(body(event(invoice(line("price_basic", 1_000)))))
    billing.customer("team")
    tried_in_vain(billing)
    billing.customer("team", stripe_customer_id="cus_1")
    billing.handle_stripe_events()
    assert billing.buckets("team")[0].granted == 100


def test_a_session_that_is_not_paid_links_nobody(billing: TestBilling) -> None:
    billing.customer("team")
    billing.take_stripe_event(body(event(session(payment_status="unpaid"))))
    billing.take_stripe_event(body(event(session(mode="setup", id="cs_2"))))
    assert billing.find_customer("team").stripe_customer_id is None


def test_plans_that_end_together_hold_in_either_order(billing: TestBilling) -> None:
    """The overdraft a customer has bought does not depend on which invoice came first."""
    basic, pro = line("price_basic", 1_000, item="si_1"), line("price_pro", 2_000, item="si_2")
    shown = []
    for number, order in enumerate([(basic, pro), (pro, basic)]):
        name = f"team_{number}"
        billing.customer(name, stripe_customer_id=f"cus_{number}")
        for place, bought in enumerate(order):
            its = {**bought, "id": f"il_{number}_{place}"}
            billing.take_stripe_event(body(event(invoice(its, customer=f"cus_{number}"))))
        shown.append(billing.wallet(name).overdraft)
    assert shown[0] == shown[1]
    assert shown[0].limit == 50


@pytest.mark.database("sqlite")
def test_what_is_done_is_not_looked_through(billing: TestBilling) -> None:
    """The step's search costs what is still open, and nothing for years of events that are done."""
    asked: list[tuple[str, Any]] = []

    def note(_: Any, __: Any, statement: str, parameters: Any, *___: Any) -> None:
        if "billing_stripe_events" in statement:
            asked.append((statement, parameters))

    sa.event.listen(billing.database.engine, "before_cursor_execute", note)
    try:
        billing.handle_stripe_events()
    finally:
        sa.event.remove(billing.database.engine, "before_cursor_execute", note)
    with billing.database.engine.connect() as connection:
        plans = [
            str(connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).all())
            for statement, parameters in asked
        ]
    assert plans
    assert all("billing_stripe_events_open_idx" in plan for plan in plans), plans
