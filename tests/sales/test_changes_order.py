"""In whatever order a subscription's invoices arrive, they are applied in the order they were paid; and what is done
and undone mints nothing.
"""

from __future__ import annotations

import itertools
import json
import random
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from billing.catalog.loading import parse
from billing.sales.back import payments, refunds
from billing.sales.plans import allocations
from billing.sales.values import Applied
from billing.stripe import payloads
from billing.stripe.questions import (
    CreditNotesOfInvoice,
    DisputesOfPayment,
    Known,
    PaidInvoices,
    PaymentsOfInvoice,
    Question,
    RefundsOfPayment,
    StoodAt,
)
from billing.stripe.values import Invoice, InvoicePayment, Refund
from billing.testing import TestBilling
from tests.sales.paid import APRIL, MAY, Json, invoice, line, tell
from tests.sales.test_changes import CATALOG, CATALOG_TEXT, JANUARY, NEXT_YEAR, changes, part
from tests.sales.told import Told
from tests.stories.books import all_entries, books
from tests.stories.story import moment

pytestmark = pytest.mark.quick_on("sqlite")

LIMITED = parse(
    CATALOG_TEXT.replace('"price_basic", "price_yearly"]', '"price_basic"]\noverdraft = { limit = 20, debt = "carry" }')
    + """
[plans.yearly]
name = "Yearly"
credits = 100
prices = ["price_yearly"]
"""
)
"""Only the monthly plan allows an overdraft."""


class Stripe:
    """What Stripe would answer about these invoices and refunds."""

    def __init__(self, invoices: Sequence[Json], refunded: Sequence[Refund] = ()) -> None:
        self.invoices = [payloads.invoice(held) for held in invoices]
        self.refunded = list(refunded)

    def answer(self, question: Question) -> Any:
        match question:
            case PaidInvoices():
                return tuple(self.invoices)
            case StoodAt(_, id):
                return next(one for one in self.refunded if one.id == id)
            case PaymentsOfInvoice(id):
                return (InvoicePayment(f"inpay_{id}", id, f"pi_{id}", None, None, "paid"),)
            case RefundsOfPayment(payment):
                return tuple(one for one in self.refunded if one.payment_intent == payment)
            case DisputesOfPayment() | CreditNotesOfInvoice():
                return ()
        raise AssertionError(question)

    def tell(self, billing: TestBilling, what: Invoice | Refund) -> None:
        """As the inbox does: rolled back and asked as long as it needs more."""
        known: dict[Question, Any] = {}
        for _ in range(5):
            answer = self._once(billing, what, known)
            if not answer.needs:
                assert answer.waits is None, answer
                return
            known.update({question: self.answer(question) for question in answer.needs})
        raise AssertionError("asked again and again")

    def _once(self, billing: TestBilling, what: Invoice | Refund, known: Known) -> Applied:
        with billing.database.write() as tx:
            if isinstance(what, Refund):
                paid = (what.payment_intent or "").removeprefix("pi_")
                payments.note(tx, payments.Purchase(invoice=paid), [(what.payment_intent, None)])
                answer = refunds.apply(tx, billing.catalog, what, known)
                return Applied() if answer.waits else answer  # nothing was bought yet: it is caught up with
            assert what.paid_at is not None
            return allocations.apply(tx, billing.catalog, what, what.paid_at, known)


def ended(billing: TestBilling, customer: str, suffix: str) -> object:
    wallet = billing.wallet(customer)
    buckets = sorted(
        (one.origin.replace(suffix, ""), one.remaining, one.status)
        for one in billing.buckets(customer)
        if one.remaining
    )
    return (wallet.available, wallet.held, wallet.owed), books(all_entries(billing, customer)), buckets


MONTH = [
    invoice(line("price_basic", 1_000, APRIL, MAY), paid=APRIL, id="i1", total=1_000),
    changes("11 Apr 00:00", ("price_basic", -667), ("price_pro", 1_333), id="i2"),
    changes("12 Apr 00:00", ("price_pro", -1_267), ("price_basic", 633), id="i3"),
    changes("13 Apr 00:00", ("price_basic", -600), ("price_pro", 1_200), id="i4"),
]
YEAR = [
    invoice(line("price_yearly", 10_000, JANUARY, NEXT_YEAR), paid=JANUARY, id="i1", total=10_000),
    invoice(
        part("price_yearly", -8_767, "15 Feb 00:00", NEXT_YEAR),
        part("price_yearly", 17_534, "15 Feb 00:00", NEXT_YEAR, quantity=2), paid="15 Feb 00:00", id="i2", total=8_767,
    ),
    invoice(
        part("price_yearly", -14_247, "16 Apr 00:00", NEXT_YEAR, quantity=2),
        part("price_yearly", 7_123, "16 Apr 00:00", NEXT_YEAR), paid="16 Apr 00:00", id="i3", total=-7_124,
    ),
]  # fmt: skip
SWITCH = [
    MONTH[0],
    MONTH[1],
    invoice(
        part("price_pro", -1_000, "16 Apr 00:00"),
        line("price_yearly", 10_000, "16 Apr 00:00", "16 Apr 2026 00:00"), paid="16 Apr 00:00", id="i3", total=9_000,
    ),
]  # fmt: skip
MONTHLY = [
    YEAR[0],
    changes("15 Feb 00:00", ("price_yearly", -8_767), ("price_pro", 17_534), id="i2", end=NEXT_YEAR),
    invoice(
        part("price_pro", -14_247, "16 Mar 00:00", NEXT_YEAR),
        line("price_basic", 1_000, "16 Mar 00:00", "16 Apr 00:00"), paid="16 Mar 00:00", id="i3", total=-13_247,
    ),
    invoice(line("price_basic", 1_000, "16 Apr 00:00", "16 May 00:00"), paid="16 Apr 00:00", id="i4", total=1_000),
]  # fmt: skip
LATE = [
    MONTH[0],
    changes("13 Apr 00:00", ("price_pro", -1_200), ("price_basic", 600), id="i2"),
    invoice(
        part("price_basic", -667, "11 Apr 00:00"),
        part("price_pro", 1_333, "11 Apr 00:00"), paid="16 Apr 00:00", id="i3", total=666,
    ),
]  # fmt: skip
BOUGHT_AGAIN = [
    MONTH[0],
    MONTH[1],
    changes("16 Apr 00:00", ("price_basic", -500), ("price_pro", 1_000), id="i3"),
]
BACK = Refund("re_1", None, "pi_i2", 666, "usd", "succeeded", moment("12 Apr 10:00"), {})


@pytest.mark.parametrize(
    ("invoices", "refunded"),
    [
        pytest.param(MONTH, (), marks=pytest.mark.slow, id="month"),
        pytest.param(YEAR, (), marks=pytest.mark.slow, id="year"),
        pytest.param(SWITCH, (), marks=pytest.mark.slow, id="switch"),
        pytest.param(MONTHLY, (), marks=pytest.mark.slow, id="monthly"),
        pytest.param(LATE, (), marks=pytest.mark.slow, id="late"),
        pytest.param(BOUGHT_AGAIN, (BACK,), id="bought again"),
    ],
)
def test_any_order_of_arrival_ends_the_same(
    make_billing: Callable[..., TestBilling], invoices: Sequence[Json], refunded: Sequence[Refund]
) -> None:
    """All at one time, after they were paid: between two acts of the customer."""
    billing = make_billing(catalog=CATALOG, start=moment("17 Apr 00:00"))
    orders = list(itertools.permutations(range(len(invoices) + len(refunded))))
    chosen = [orders[0], orders[-1], *random.Random(7).sample(orders, 4)]
    found = []
    for number, order in enumerate(chosen):
        customer, suffix = f"team{number}", f"x{number}"
        billing.customer(customer, stripe_customer_id=f"cus_1{suffix}")
        stripe = Stripe(
            [_named(held, suffix) for held in invoices],
            [replace(one, id=one.id + suffix, payment_intent=f"{one.payment_intent}{suffix}") for one in refunded],
        )
        told: list[Invoice | Refund] = [*stripe.invoices, *stripe.refunded]
        for at in order:
            stripe.tell(billing, told[at])
            stripe.tell(billing, told[at])
        found.append(ended(billing, customer, suffix))
    assert billing.audit() == []
    for order, state in zip(chosen, found, strict=True):
        assert state == found[0], order


@pytest.mark.parametrize("late", [(0, 3, 1, 2), (3, 2, 0, 1)], ids=["after its year", "first of all"])
def test_a_renewal_that_is_heard_before_the_switch(
    make_billing: Callable[..., TestBilling], late: tuple[int, ...]
) -> None:
    """The year was cut short by the switch, not by the renewal; the terms that hold are the running period's."""
    billing = make_billing(catalog=LIMITED, start=moment("17 Apr 00:00"))
    found = []
    for customer, order in (("x0", (0, 1, 2, 3)), ("x1", late)):
        billing.customer(customer, stripe_customer_id=f"cus_1{customer}")
        stripe = Stripe([_named(held, customer) for held in MONTHLY])
        for at in order:
            stripe.tell(billing, stripe.invoices[at])
        found.append(ended(billing, customer, customer))
        billing.spend(customer, 110, key="into the overdraft of the plan that holds now")
    assert found[0] == found[1]


def test_an_upgrade_paid_after_the_downgrade_that_followed_it(make_billing: Callable[..., TestBilling]) -> None:
    """It was pro for two days, and that is what is brought."""
    billing = make_billing(catalog=CATALOG, start=moment("17 Apr 00:00"))
    billing.customer("x0", stripe_customer_id="cus_1x0")
    stripe = Stripe([_named(held, "x0") for held in LATE])
    for told in stripe.invoices:
        stripe.tell(billing, told)
    assert billing.wallet("x0").available == 110


def test_where_nobody_can_be_asked_levels_count_by_time(make_billing: Callable[..., TestBilling]) -> None:
    """Whichever of a period's changes is heard first: the credits are the same, and so are the sums of money."""
    billing = make_billing(catalog=CATALOG, start=moment("17 Apr 00:00"))
    found = []
    for order in [(0, 1, 2, 3), (0, 3, 2, 1), (0, 2, 3, 1), (0, 1, 3, 2)]:
        customer = "x" + "".join(map(str, order))
        billing.customer(customer, stripe_customer_id=f"cus_1{customer}")
        for at in order:
            tell(billing, _named(MONTH[at], customer))
        wallet = billing.wallet(customer)
        found.append((wallet.available, books(all_entries(billing, customer))))
    assert found == [found[0]] * 4


def test_an_upgrade_in_a_months_last_minute_brings_the_months_to_come(
    make_billing: Callable[..., TestBilling],
) -> None:
    story = Told(make_billing(catalog=CATALOG, start=JANUARY)).paid(YEAR[0]).at("31 Jan 23:59")
    up = changes("31 Jan 23:59", ("price_yearly", -9_153), ("price_pro", 18_306), end=NEXT_YEAR)
    story.paid(up).at("1 Feb 00:00").shows("350 · 0 · 0", "19,153 · 0 · 0")
    assert story.billing.audit() == []


def _named(held: Json, suffix: str) -> Json:
    """The same invoice of another customer."""
    text = re.sub(r'"(cus_1|sub_1|si_1|il_[0-9]+|i[0-9])"', rf'"\1{suffix}"', json.dumps(held))
    found: Json = json.loads(text)
    return found


@pytest.mark.slow
@pytest.mark.parametrize("coupon", [False, True])
def test_fifty_times_up_and_down_mints_nothing(make_billing: Callable[..., TestBilling], coupon: bool) -> None:
    story = Told(make_billing(catalog=CATALOG, start=APRIL))
    story.paid(invoice(line("price_basic", 1_000, APRIL, MAY, off=1_000 if coupon else 0), paid=APRIL))
    at, plans = APRIL, itertools.cycle([("price_basic", "price_pro"), ("price_pro", "price_basic")])
    cents = 0 if coupon else 1_000
    for number in range(100):
        at += timedelta(hours=5)
        story.billing.advance(to=at)
        left = (MAY - at) / (MAY - APRIL)
        old, new = (({"price_basic": 1_000, "price_pro": 2_000}[price], price) for price in next(plans))
        lines = [
            line(price, sign * round(full * left), at, MAY, proration=True,
                 off=sign * round(full * left) if coupon else 0)
            for sign, (full, price) in ((-1, old), (1, new))
        ]  # fmt: skip
        cents += 0 if coupon else sum(one["amount"] for one in lines)
        assert tell(story.billing, invoice(*lines, paid=at, id=f"in_cycle_{number}")).status == "done"
    sums = books(all_entries(story.billing, "team"))
    assert sums.deferred + sums.earned + sums.broken == cents
    most = 250 if coupon else 100 + 150 // 2
    assert story.billing.wallet("team").available <= most
    assert story.billing.audit() == []


@pytest.mark.slow
def test_cancelled_and_come_back_mints_nothing(make_billing: Callable[..., TestBilling]) -> None:
    """Each time the rest is given back, and bought anew by another subscription, as a stub up to the same day."""
    story = Told(make_billing(catalog=CATALOG, start=APRIL))
    story.paid(invoice(line("price_basic", 1_000, APRIL, MAY), paid=APRIL))
    at, item = APRIL, "si_1"
    for number in range(12):
        at += timedelta(hours=30)
        story.billing.advance(to=at)
        rest = round(1_000 * ((MAY - at) / (MAY - APRIL)))
        back = invoice(line("price_basic", -rest, at, MAY, proration=True, item=item), paid=at)
        item = f"si_again_{number}"
        again = invoice(line("price_basic", rest, at, MAY, proration=True, item=item), paid=at)
        story.paid(back).paid(again)
    assert 100 - 12 <= story.billing.wallet("team").available <= 100
    sums = books(all_entries(story.billing, "team"))
    assert sums.deferred + sums.earned + sums.broken == 1_000
    assert story.billing.audit() == []
