"""For one set of facts about money going back, any order and repetition of their messages ends in the same books."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from billing.sales.back import disputes, refunds
from billing.stripe.questions import InvoiceOfPayment, SessionOfPayment
from billing.stripe.values import Dispute, Refund
from billing.testing import TestBilling
from tests.sales.paid import seconds, session, tell
from tests.sales.returning import CATALOG
from tests.stories.books import all_entries, books, cents_left
from tests.stories.story import moment

pytestmark = pytest.mark.quick_on("sqlite")

START = moment("1 Apr 09:00")
HOUR = timedelta(hours=1)
Fact = tuple[str, str, int, int]
"""Id, status, cents, and for a dispute how many hours after the start Stripe said so."""

TWO_REFUNDS: list[Fact] = [
    ("re_1", "succeeded", 301, 0),
    ("re_1", "failed", 301, 0),
    ("re_2", "pending", 300, 0),
    ("re_2", "succeeded", 300, 0),
]
LOST: list[Fact] = [
    ("re_1", "succeeded", 250, 0),
    ("dp_1", "warning_needs_response", 400, 1),
    ("dp_1", "needs_response", 400, 2),
    ("dp_1", "lost", 400, 3),
]
REINSTATED: list[Fact] = [
    ("dp_1", "needs_response", 700, 1),
    ("dp_1", "lost", 700, 2),
    ("dp_1", "lost", 0, 3),
    ("re_1", "pending", 200, 0),
    ("re_1", "canceled", 200, 0),
]
WON: list[Fact] = [
    ("re_1", "succeeded", 333, 0),
    ("dp_1", "needs_response", 600, 2),
    ("dp_1", "under_review", 600, 30),
    ("dp_1", "won", 0, 50),
    ("re_2", "succeeded", 100, 0),
]
STORIES = {"two refunds": TWO_REFUNDS, "lost": LOST, "reinstated": REINSTATED, "won": WON}


@dataclass
class Customer:
    billing: TestBilling
    number: int
    pack: str = "thirty"

    @property
    def name(self) -> str:
        return f"team_{self.number}"

    def buy(self, cents: int = 1_000) -> None:
        n = self.number
        self.billing.customer(self.name, stripe_customer_id=f"cus_{n}")
        told = session(
            id=f"cs_{n}", payment_intent=f"pi_{n}", customer=f"cus_{n}", client_reference_id=self.name,
            metadata={"pack": self.pack}, amount_subtotal=cents, amount_total=cents, created=seconds(START),
        )  # fmt: skip
        tell(self.billing, told)

    def tell(self, fact: Fact) -> None:
        id, status, cents, hours = fact
        id, payment = f"{id}_{self.number}", f"pi_{self.number}"
        known: dict[Any, Any] = {InvoiceOfPayment(payment, None): None, SessionOfPayment(payment): None}
        with self.billing.database.write() as tx:
            if id.startswith("re"):
                refund = Refund(id, None, payment, cents, "usd", status, START, {})
                refunds.apply(tx, self.billing.catalog, refund, known)
            else:
                withdrawn = 0 if status.startswith("warning") else cents
                amount = max(one[2] for one in REINSTATED) if status in ("lost", "won") and not cents else cents
                amount = 600 if status == "won" else amount
                dispute = Dispute(id, None, payment, amount, "usd", status, None, START + HOUR, withdrawn)
                disputes.apply(tx, self.billing.catalog, dispute, START + hours * HOUR, known)

    def books(self) -> tuple[Any, ...]:
        wallet = self.billing.wallet(self.name)
        entries = all_entries(self.billing, self.name)
        left = cents_left(entries)
        lots = sorted(
            (one.origin.partition("_")[0], one.remaining, one.held, left[one.id], one.expires_at, one.status)
            for one in self.billing.buckets(self.name, limit=100)
        )
        return (wallet.available, wallet.held, wallet.owed), tuple(books(entries)), tuple(lots)


def played(
    billing: TestBilling, orders: Sequence[Sequence[Fact]], *, before: int, step: timedelta, after: bool, pack: str
) -> dict[tuple[Any, ...], Sequence[Fact]]:
    """Every order on a customer of its own, the clock going on alike; the ends they came to, each with one order."""
    customers = [Customer(billing, number, pack) for number in range(len(orders))]
    spends = []
    for one in customers:
        one.buy()
        spends.append(billing.spend(one.name, before, key="before").id if before else None)
    for place in range(len(orders[0])):
        billing.advance(by=step)
        for one, order in zip(customers, orders, strict=True):
            one.tell(order[place])
    ends: dict[tuple[Any, ...], Sequence[Fact]] = {}
    for one, order, spend in zip(customers, orders, spends, strict=True):
        between = one.books()
        if after and spend is not None and billing.wallet(one.name).available >= 3:
            billing.spend(one.name, 3, key="after")
            billing.reverse(one.name, spend, 1, key="back")
        ends.setdefault((between, one.books()), order)
    return ends


def agree(ends: dict[tuple[Any, ...], Sequence[Fact]]) -> None:
    assert len(ends) == 1, "\n\n".join(f"{order}\n → {end}" for end, order in ends.items())


@pytest.mark.database("sqlite")
@pytest.mark.parametrize("story", STORIES)
def test_some_orders(make_billing: Callable[..., TestBilling], story: str) -> None:
    every = list(itertools.permutations(STORIES[story]))
    some = random.Random(7).sample(every, 6)
    agree(played(engine(make_billing), some, before=33, step=HOUR, after=True, pack="thirty"))


@pytest.mark.slow
@pytest.mark.parametrize("step", [HOUR, timedelta(days=7)], ids=["at once", "over the bucket's end"])
@pytest.mark.parametrize("story", STORIES)
def test_nearly_every_order(
    make_billing: Callable[..., TestBilling], request: pytest.FixtureRequest, story: str, step: timedelta
) -> None:
    """With twins: each is told once more at some place behind the first time."""
    every = [with_twins(order) for order in itertools.permutations(STORIES[story])]
    if "postgresql" in request.node.name:
        every = random.Random(3).sample(every, len(every) // 10)
    elif len(every) > 48:  # five facts: two of five orders, others for each step
        every = random.Random(step.days).sample(every, 48)
    agree(played(engine(make_billing), every, before=20, step=step, after=step == HOUR, pack="thirty"))


def with_twins(order: Sequence[Fact]) -> list[Fact]:
    told = list(order)
    choose = random.Random(repr(order))
    for fact in order:
        told.insert(choose.randint(told.index(fact) + 1, len(told)), fact)
    return told


def engine(make_billing: Callable[..., TestBilling]) -> TestBilling:
    return make_billing(catalog=CATALOG, start=START)
