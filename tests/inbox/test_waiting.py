"""What waits for a customer is handled when the customer comes, however often it was tried in vain before."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from billing import Gateway
from billing.inbox import handling
from billing.stripe import calling
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


@pytest.mark.quick_on("sqlite")
def test_of_many_that_wait_the_oldest_are_tried_at_once(
    make_billing: Callable[..., TestBilling], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rest is due in a minute, once for all the grants till then; the other mode's wait for another key."""
    monkeypatch.setattr(handling, "AT_ONCE", 3)
    monkeypatch.setattr(calling, "LONGEST", 0.2)  # nobody answers there
    billing = make_billing(catalog=CATALOG, start=APRIL, gateway=Gateway("sk_test_nobody", "http://127.0.0.1:9"))
    billing.customer("team", stripe_customer_id="cus_1")

    def take(*lines: Any, **more: Any) -> str:
        return billing.take_stripe_event(body({**event(invoice(*lines)), **more})).id

    unknown = [take(line("price_x", 5, item=f"si_{n}"), id=f"evt_{n:03}", created=n, livemode=n % 4 == 3)
               for n in range(12)]  # fmt: skip
    billing.advance(by=timedelta(seconds=30))

    def tried() -> list[int]:
        found = {one.id: one.attempts for one in billing.stripe_events(limit=100)}
        return [found[id] for id in unknown]

    assert tried() == [1] * 12
    for item in ("si_a", "si_b"):
        take(line("price_basic", 1_000, item=item), id=f"evt_{item}", livemode=False)
    ours = [n for n in range(12) if n % 4 != 3]
    assert [n for n, times in enumerate(tried()) if times == 3] == ours[:3]
    assert sum(tried()) == 12 + 2 * 3
    billing.advance(by=timedelta(seconds=40))
    while billing.handle_stripe_events():
        pass
    assert {tried()[n] for n in ours[3:]} == {2}
    assert len(billing.buckets("team")) == 2


@pytest.mark.quick_on("sqlite")
def test_all_that_waited_for_a_link_comes_in_the_end(billing: TestBilling, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handling, "AT_ONCE", 3)
    monkeypatch.setattr(calling, "LONGEST", 0.2)  # nobody answers there
    billing.customer("team")
    for n in range(5):
        held = invoice(line("price_small", 1_000, item=None, id=f"il_{n}"), id=f"in_{n}")
        billing.take_stripe_event(body(event(held, id=f"evt_{n:02}")))
    tried_in_vain(billing)
    billing.take_stripe_event(body(event(session(), id="evt_session")))
    assert len(billing.buckets("team")) == 1 + 3
    billing.advance(by=timedelta(minutes=1))
    while billing.handle_stripe_events():
        pass
    assert len(billing.buckets("team")) == 1 + 5
