"""Several payments on one invoice, credit notes, and money that went back before we learnt that it came."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from billing.sales.back import refunds
from billing.sales.values import Applied
from billing.stripe.values import CreditNote, NamedRefund
from billing.testing import TestBilling
from tests.sales.paid import APRIL, invoice, line, session, tell
from tests.sales.returning import CATALOG, Money
from tests.sales.sold import year
from tests.stories.story import moment

pytestmark = pytest.mark.quick_on("sqlite")


@pytest.fixture
def billing(make_billing: Callable[..., TestBilling]) -> TestBilling:
    engine = make_billing(catalog=CATALOG, start=APRIL)
    engine.customer("team", stripe_customer_id="cus_1")
    return engine


def available(billing: TestBilling) -> int:
    return billing.wallet("team").available


def note(billing: TestBilling, told: CreditNote) -> Applied:
    with billing.database.write() as tx:
        return refunds.credit_note(tx, billing.catalog, told, {})


def test_a_refund_of_one_of_several_payments_is_a_share_of_the_total(billing: TestBilling) -> None:
    tell(billing, invoice(line("price_basic", 1_000), id="in_1", total=1_000, amount_paid=1_000))
    money = Money(billing)
    for payment in ("pi_1", "pi_2"):
        money.invoice(payment, "in_1", 1_000)
    money.refund("re_1", 400, of="pi_2")
    assert available(billing) == 60
    money.dispute("dp_1", 600, of="pi_1")
    assert available(billing) == 0
    money.becomes("dp_1", "won", 0)
    assert available(billing) == 60


def test_tax_and_what_is_not_for_credits_count_in_the_total(billing: TestBilling) -> None:
    tell(billing, invoice(line("price_basic", 1_000), id="in_1", total=1_250, amount_paid=1_250))
    money = Money(billing)
    money.invoice("pi_1", "in_1", 1_250)
    money.refund("re_1", 625)
    assert available(billing) == 50


def test_a_credit_note_counts_what_its_refunds_do_not_say(billing: TestBilling) -> None:
    tell(billing, invoice(line("price_basic", 1_000), id="in_1", total=1_000, amount_paid=1_000))
    money = Money(billing)
    money.invoice("pi_1", "in_1", 1_000)
    to_balance = CreditNote("cn_1", "in_1", "cus_1", "usd", "issued", billing.now, 0, 250, 0, ())
    for _ in range(2):
        note(billing, to_balance)
        assert available(billing) == 75
    both = CreditNote("cn_2", "in_1", "cus_1", "usd", "issued", billing.now, 0, 300, 0, (NamedRefund("re_1", None),))
    assert note(billing, both).waits == "not all refunds of cn_2 are known yet"
    money.refund("re_1", 300)
    assert available(billing) == 45
    assert note(billing, both).note == "its refunds say what went back"
    assert available(billing) == 45
    note(billing, replace(to_balance, status="void"))
    assert available(billing) == 70
    note(billing, to_balance)
    assert available(billing) == 70


def test_money_that_went_back_before_we_learnt_that_it_came(billing: TestBilling) -> None:
    money = Money(billing)
    money.invoice("pi_2", "in_1", 1_000)
    early = money.refund("re_1", 400, of="pi_2")
    assert early.waits == "in_1 has brought nothing yet that could be taken back"
    tell(billing, invoice(line("price_basic", 1_000), id="in_1", total=1_000, amount_paid=1_000))
    assert available(billing) == 60
    assert money.tell(money.last["re_1"]).waits is None
    assert available(billing) == 60
    tell(billing, session(id="cs_1", payment_intent="pi_1", metadata={"pack": "plain"}))
    assert available(billing) == 160


def test_what_had_repaid_comes_back_to_a_bucket_that_ended_empty(billing: TestBilling) -> None:
    """Nothing was due at its end, as it was empty; what a lapsing hold brings back to it later comes too late."""
    tell(billing, session(id="cs_1", payment_intent="pi_1", metadata={"pack": "thirty"}))
    billing.advance(to=moment("20 Apr 00:00"))
    billing.hold("team", 70, key="hold", expires_in=25 * 86_400)
    billing.advance(to=moment("2 May 00:00"))
    billing.grant("team", 8, reason="gift", key="gift", expires_at=moment("6 May 00:00"))
    billing.advance(to=moment("5 May 00:00"))
    Money(billing).refund("re_1", 500)  # 30 had expired, 20 are owed, of which the gift repays 8
    assert (available(billing), billing.wallet("team").owed) == (0, 12)
    billing.advance(to=moment("20 May 00:00"))
    assert (available(billing), billing.wallet("team").owed) == (0, 0)
    ends = [(entry.cause[:4], entry.credits) for entry in billing.entries("team", kind="expire")]
    assert ends == [("hold", 50), ("hold", 8), ("end:", 30)]


def test_of_a_year_each_month_is_held_when_it_is_allotted(make_billing: Callable[..., TestBilling]) -> None:
    billing = make_billing(catalog=CATALOG, start=moment("1 Jan 2025 00:00"))
    billing.customer("team", stripe_customer_id="cus_1")
    year(billing, billing.now)
    money = Money(billing)
    money.invoice("pi_1", "in_y1", 10_000)
    billing.spend("team", 40, key="a")
    money.dispute("dp_1", 10_000)

    def stands() -> tuple[int, int, int]:
        wallet = billing.wallet("team")
        return wallet.available, wallet.held, wallet.owed

    assert stands() == (0, 60, 0)
    billing.clock.move(moment("1 Feb 00:00"))
    assert stands() == (0, 160, 0)  # a reader sees it, too
    billing.advance(to=moment("10 Feb 00:00"))
    assert stands() == (0, 160, 0)
    money.becomes("dp_1", "won", 0)
    assert stands() == (160, 0, 0)
    ends = {one.origin.rpartition("#")[2]: one.expires_at for one in billing.buckets("team", limit=100)}
    assert ends == {"1": moment("14 Mar 00:00"), "2": moment("11 Apr 00:00")}
    money.refund("re_1", 10_000)
    assert stands() == (0, 0, 40)
    money.becomes("re_1", "failed")
    assert stands() == (160, 0, 0)
    billing.advance(to=moment("1 Mar 00:00"))
    assert stands() == (260, 0, 0)
    assert billing.audit() == []


def test_a_month_given_back_after_its_time_comes_late(make_billing: Callable[..., TestBilling]) -> None:
    billing = make_billing(catalog=CATALOG, start=moment("1 Jan 2025 00:00"))
    billing.customer("team", stripe_customer_id="cus_1")
    year(billing, billing.now)
    money = Money(billing)
    money.invoice("pi_1", "in_y1", 10_000)
    money.refund("re_1", 9_500)
    assert available(billing) == 60
    billing.advance(to=moment("10 Mar 00:00"))
    assert available(billing) == 0
    money.becomes("re_1", "failed")
    assert available(billing) == 100
    billing.advance(to=moment("1 Apr 00:00"))
    assert available(billing) == 200
    assert billing.audit() == []
