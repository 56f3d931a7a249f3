"""Roll-over through invoices with changes and a refund: told in time or late, in any order, the books end the same."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from billing.catalog.loading import parse
from billing.stripe.values import Invoice, Refund
from billing.testing import TestBilling
from tests.sales.paid import APRIL, JULY, JUNE, MAY, Json, invoice, line
from tests.sales.test_changes import changes
from tests.sales.test_changes_order import Stripe, _named, ended
from tests.stories.story import moment

pytestmark = pytest.mark.quick_on("sqlite")

AUGUST = JULY.replace(month=8)

CATALOG = parse("""
[plans.basic]
name = "Basic"
credits = 100
prices = ["price_basic", "price_yearly"]
at_period_end = { roll_over = { max = 60, periods = 2 } }

[plans.pro]
name = "Pro"
credits = 250
prices = ["price_pro"]
at_period_end = { roll_over = { max = "50%", periods = 1 } }
""")

STORY = [
    invoice(line("price_basic", 1_000, APRIL, MAY), paid=APRIL, id="i1", total=1_000),
    changes("11 Apr 00:00", ("price_basic", -667), ("price_pro", 1_333), id="i2"),
    invoice(line("price_pro", 2_000, MAY, JUNE), paid="1 May 01:00", id="i3", total=2_000),
    changes("20 May 00:00", ("price_pro", -774), ("price_basic", 387), end=JUNE, id="i4"),
    invoice(line("price_basic", 1_000, JUNE, JULY), paid="1 Jun 01:00", id="i5", total=1_000),
]
BACK = Refund("re_1", None, "pi_i3", 700, "usd", "succeeded", moment("4 Jun 10:00"), {})


@pytest.mark.slow
@pytest.mark.parametrize("refunded", [(), (BACK,)], ids=["kept", "refunded"])
def test_told_in_time_or_late_in_any_order(
    make_billing: Callable[..., TestBilling], refunded: tuple[Refund, ...]
) -> None:
    billing = make_billing(catalog=CATALOG, start=APRIL)
    stripes = {name: _stripe(billing, name, refunded) for name in ("in time", *(f"late {n}" for n in range(6)))}
    in_time = stripes.pop("in time")
    facts: list[Invoice | Refund] = [*in_time.invoices, *in_time.refunded]
    for what in sorted(facts, key=_when):
        billing.advance(to=_when(what))
        in_time.tell(billing, what)
    billing.advance(to=moment("5 Jun 00:00"))
    wanted = ended(billing, "in time", "xin time")
    orders = list(itertools.permutations(range(len(STORY) + len(refunded))))
    for (name, stripe), order in zip(stripes.items(), random.Random(3).sample(orders, 6), strict=True):
        told: list[Invoice | Refund] = [*stripe.invoices, *stripe.refunded]
        for at in order:
            stripe.tell(billing, told[at])
            stripe.tell(billing, told[at])
        assert _without_numbers(ended(billing, name, f"x{name}")) == _without_numbers(wanted), order
    assert billing.audit() == []
    assert any(one.origin.startswith("rolled:") and one.remaining for one in billing.buckets("in time"))


def test_after_a_taking_the_roll_over_is_the_same_to_the_cent(make_billing: Callable[..., TestBilling]) -> None:
    """A downgrade took of June, which was spent from; July is heard of in time, or a week late."""
    billing, found = make_billing(catalog=CATALOG, start=moment("1 Jun 01:00")), {}
    told = [
        invoice(line("price_pro", 2_000, JUNE, JULY), paid="1 Jun 01:00", id="i1", total=2_000),
        changes("4 Jun 02:00", ("price_pro", -1_794), ("price_basic", 897), end=JULY, id="i2"),
        invoice(line("price_basic", 1_000, JULY, AUGUST), paid="1 Jul 01:00", id="i3", total=1_000),
    ]
    stripes = {name: Stripe([_named(held, name) for held in told]) for name in ("x1", "x2")}
    for name, stripe in stripes.items():
        billing.customer(name, stripe_customer_id=f"cus_1{name}")
        stripe.tell(billing, stripe.invoices[0])
    billing.advance(to=moment("4 Jun 02:00"))
    for name, stripe in stripes.items():
        stripe.tell(billing, stripe.invoices[1])
        billing.spend(name, 11, key="s")
    for when, name in (("1 Jul 01:00", "x1"), ("8 Jul 00:00", "x2")):
        billing.advance(to=moment(when))
        stripes[name].tell(billing, stripes[name].invoices[2])
    for name in stripes:
        found[name] = _without_numbers(ended(billing, name, name))
    assert found["x1"] == found["x2"]


def _stripe(billing: TestBilling, name: str, refunded: tuple[Refund, ...]) -> Stripe:
    billing.customer(name, stripe_customer_id=f"cus_1x{name}")
    of = [replace(one, id=f"{one.id}x{name}", payment_intent=f"{one.payment_intent}x{name}") for one in refunded]
    return Stripe([_named(held, f"x{name}") for held in STORY], of)


def _when(what: Invoice | Refund) -> datetime:
    at: datetime | None = getattr(what, "paid_at", None) or getattr(what, "created", None)
    assert at is not None
    return at


def _without_numbers(state: Any) -> object:
    """A rolled bucket is named by the number of its source, which is another where others were told before."""
    figures, sums, buckets = state
    named = [("rolled" if origin.startswith("rolled:") else origin, left, status) for origin, left, status in buckets]
    return figures, sums, sorted(named)


def test_the_months_of_a_year_roll_over(make_billing: Callable[..., TestBilling]) -> None:
    billing = make_billing(catalog=CATALOG, start=APRIL)
    billing.customer("team", stripe_customer_id="cus_1")
    year: Json = invoice(
        line("price_yearly", 10_000, APRIL, APRIL.replace(year=2026)), paid=APRIL, id="y", total=10_000
    )
    stripe = Stripe([year])
    stripe.tell(billing, stripe.invoices[0])
    billing.advance(to=moment("2 May 00:00"))
    assert billing.wallet("team").available == 160
    billing.advance(to=moment("2 Jun 00:00"))
    assert billing.wallet("team").available == 160
    assert billing.audit() == []
