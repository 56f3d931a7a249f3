"""The three-way reconciliation: it finds what differs, says why and what to do, and moves nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from billing.catalog.loading import parse
from billing.catalog.terms import CheckoutTerms
from billing.finance import at_stripe
from billing.finance.reconciliation import Reconciliation, reconcile
from billing.testing import START, TestBilling
from tests.buying.shop import Shop, open_shop
from tests.sales.paid import APRIL, CATALOG, MAY, invoice, line, session, tell
from tests.sales.returning import Money
from tests.sandbox.serving import Watch

pytestmark = pytest.mark.quick_on("sqlite")


CATALOG_WITHOUT = '[plans.pro]\nname = "Pro"\ncredits = 1\nprices = ["price_pro"]'


@pytest.fixture
def billing(make_billing: Callable[..., TestBilling]) -> TestBilling:
    billing = make_billing(catalog=CATALOG, start=APRIL)
    billing.customer("team", stripe_customer_id="cus_1")
    return billing


@pytest.fixture
def shop(make_billing: Callable[..., TestBilling], tmp_path: Path, watch: Watch) -> Iterator[Shop]:
    with open_shop(make_billing, tmp_path, watch) as shop:
        yield shop


def looked(billing: TestBilling, since: datetime = APRIL, until: datetime = MAY, **more: Any) -> Reconciliation:
    with billing.database.read() as tx:
        return reconcile(tx, billing.catalog, since, until, **more)


def asked(shop: Shop, **more: Any) -> Reconciliation:
    """January, with Stripe itself asked."""
    since, until = START, START + timedelta(days=31)
    assert shop.billing.gateway is not None
    paid = at_stripe.paid(shop.billing.gateway, since, until)
    back = at_stripe.returned(shop.billing.gateway, since, until)
    return looked(shop.billing, since, until, at_stripe=paid, back=back, **more)


def kinds(found: Reconciliation) -> list[tuple[str, str]]:
    return [(one.kind, one.where.partition(" ")[0]) for one in found.differences]


def sums(found: Reconciliation) -> list[tuple[str, int, int, int, int]]:
    return [
        (tie.currency, tie.paid_cents, tie.granted_cents, tie.booked_cents, tie.outside_cents) for tie in found.ties
    ]


def test_what_was_granted_ties(billing: TestBilling) -> None:
    tell(billing, invoice(line("price_basic", 1_000), line("price_pro", 2_500, item="si_2", off=500), id="in_1"))
    tell(billing, session(id="cs_1"))
    tell(billing, session(id="cs_2", invoice="in_2", amount_total=900, amount_subtotal=1000,
                          total_details={"amount_discount": 100, "amount_shipping": 0, "amount_tax": 0}))  # fmt: skip
    tell(billing, invoice(line("price_small", 1_000, item=None, off=100), id="in_2"))
    billing.grant("team", 10, reason="Bought at the fair", key="g1", paid_cents=300, currency="eur")
    tell(billing, invoice(line("price_basic", 700, MAY, MAY + timedelta(days=31)), paid=MAY, id="in_3"))
    found = looked(billing)
    assert found.differences == ()
    assert sums(found) == [("eur", 0, 0, 0, 300), ("usd", 4_900, 4_900, 4_900, 0)]
    assert not found.asked
    assert sums(looked(billing, MAY, MAY + timedelta(days=31))) == [("usd", 700, 700, 700, 0)]


def test_what_waits_and_fails_is_listed_with_its_next_step(billing: TestBilling) -> None:
    tell(billing, invoice(line("price_basic", 1_000), id="in_1", customer="cus_9"))
    tell(billing, invoice(line("price_?", 700), id="in_2", paid=APRIL + timedelta(days=1)))
    tell(billing, invoice(currency=5, id="in_3"), at=APRIL + timedelta(days=2))
    tell(billing, session(id="cs_9", customer="cus_9", client_reference_id=None, created=None),
         at=APRIL + timedelta(days=3))  # fmt: skip
    before = billing.stripe_events()
    found = looked(billing)
    assert kinds(found) == [("waiting", "in_1"), ("waiting", "in_2"), ("failed", "in_3"), ("waiting", "cs_9")]
    steps = [one.next_step for one in found.differences]
    assert "customers put ID --stripe-customer" in steps[0]
    assert "Name the price" in steps[1]
    assert "replay" in steps[2]
    assert "customers put ID --stripe-customer" in steps[3]
    assert found.differences[0].since == APRIL
    assert sums(found) == [("usd", 2_000, 0, 0, 0)]
    assert billing.stripe_events() == before, "nothing is repaired"


def test_an_event_that_was_handled_and_brought_nothing(billing: TestBilling) -> None:
    waits = tell(billing, invoice(line("price_basic", 1_000), id="in_1", customer="cus_9"))
    with billing.database.write() as tx:
        done = sa.text("UPDATE billing_stripe_events SET status = 'done' WHERE id = :id")
        tx.connection.execute(done, {"id": waits.id})
    assert kinds(looked(billing)) == [("not_granted", "in_1")]


@pytest.mark.breaks_books
def test_a_sale_that_the_books_do_not_hold(billing: TestBilling) -> None:
    tell(billing, invoice(line("price_basic", 1_000), id="in_1"))
    with billing.database.engine.begin() as connection:
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql("DROP TRIGGER billing_entries_refuse_update")
        else:
            connection.exec_driver_sql("SET session_replication_role = replica")
        connection.exec_driver_sql("UPDATE billing_entries SET cents = 900 WHERE kind = 'grant'")
    found = looked(billing)
    assert kinds(found) == [("not_booked", "in_1")]
    assert sums(found) == [("usd", 1_000, 1_000, 900, 0)]
    assert "billing audit" in found.differences[0].next_step


def test_what_was_paid_before_our_time_is_no_difference(make_billing: Callable[..., TestBilling]) -> None:
    billing = make_billing(catalog=CATALOG, start=APRIL)
    billing.stripe_start = APRIL + timedelta(days=14)
    billing.customer("team", stripe_customer_id="cus_1")
    tell(billing, invoice(line("price_basic", 1_000), id="in_1"))
    tell(billing, session(id="cs_1"))
    found = looked(billing)
    assert (found.differences, found.ties) == ((), ())


@pytest.mark.slow
def test_stripe_itself_is_asked(shop: Shop) -> None:
    shop.stock()
    first = shop.buy("one")
    shop.pay(first.session)
    assert asked(shop).differences == ()
    shop.events = False
    opened = shop.billing.subscribe("team", "pro", key="s", success_url="https://app.example.com/{checkout}")
    shop.pay(opened.session)
    second = shop.buy("two")
    shop.pay(second.session)
    found = asked(shop)
    assert found.asked
    assert sorted(kind for kind, _ in kinds(found)) == ["never_arrived", "never_arrived"]
    assert {one.paid_cents for one in found.differences} == {1_000, 2_000}
    assert all("billing stripe sync" in one.next_step for one in found.differences)
    assert sums(found) == [("usd", 1_000, 1_000, 1_000, 0)]
    begins = START + timedelta(days=1)
    assert asked(shop, start=begins).differences == (), "from before our time"
    shop.billing.settle(second.session or "")
    assert [one.paid_cents for one in asked(shop).differences] == [2_000], "settled on the buyer's way back"
    assert [kind for kind, _ in kinds(looked(shop.billing, START, MAY))] == ["never_arrived"]


def test_a_session_and_the_invoice_it_made_are_one_payment(shop: Shop) -> None:
    shop.events = False
    shop.billing.catalog = replace(shop.billing.catalog, checkout=CheckoutTerms(invoice=True))
    shop.pay(shop.buy("one").session)
    [one] = asked(shop).differences
    assert (one.kind, one.paid_cents, one.customer, one.where[:3]) == ("never_arrived", 1_000, "team", "in_")


@pytest.mark.slow
def test_what_stripe_knows_nothing_of(shop: Shop) -> None:
    shop.stock()
    shop.events = False
    bought = shop.buy("one")
    shop.pay(bought.session)
    shop.billing.settle(bought.session or "")
    found = looked(shop.billing, START, MAY, at_stripe=[])
    assert kinds(found) == [("not_at_stripe", bought.session)]
    assert found.differences[0].granted_cents == 1_000


def test_what_went_back_and_nobody_heard_of(shop: Shop) -> None:
    shop.stock()
    sold = [shop.buy(name) for name in ("one", "two")]
    intents = []
    for topup in sold:
        shop.pay(topup.session)
        intents.append(shop.stripe.v1.checkout.sessions.retrieve(topup.session).payment_intent)
    shop.told()
    disputed = shop.sandbox.dashboard.dispute(str(intents[1]))
    shop.told()
    assert asked(shop).differences == ()
    shop.events = False
    refunded = shop.sandbox.dashboard.refund(str(intents[0]), 400)
    shop.sandbox.dashboard.judge(disputed["id"], "lose")
    shop.told()
    found = {one.where.partition(" ")[0]: one for one in asked(shop).differences}
    assert {id: (one.kind, one.customer, one.paid_cents) for id, one in found.items()} == {
        refunded["id"]: ("never_arrived", "team", -400),
        disputed["id"]: ("never_arrived", "team", -1_000),
    }
    assert found[refunded["id"]].cause == "Stripe says of this refund: succeeded. No event has told of it."
    assert found[disputed["id"]].cause == "Stripe says of this dispute: lost. Here it stands as: needs response."
    assert asked(shop, start=START + timedelta(days=1)).differences == (), "from before our time"
    while shop.billing.sync_stripe():
        pass
    assert asked(shop).differences == (), "healed"


def test_a_price_that_this_catalog_does_not_know_is_said(billing: TestBilling) -> None:
    """Somebody asks with another catalog than the one that granted. What a dispute holds is for nobody to mend."""
    tell(billing, invoice(line("price_basic", 1_000), id="in_1"))
    without = parse(CATALOG_WITHOUT)
    with billing.database.read() as tx:
        found = reconcile(tx, without, APRIL, MAY)
    assert kinds(found) == [("unpriced", "in_1")]
    assert not found.agrees
    assert looked(billing).agrees
    money = Money(billing)
    money.invoice("pi_1", "in_1", 1_000)
    money.dispute("du_1", 1_000)
    [held] = looked(billing).differences
    assert (held.kind, "Nothing is to be mended" in held.next_step) == ("waiting", True)
