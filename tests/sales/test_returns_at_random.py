"""Money that goes back between all that a customer may do meanwhile: the books add up whatever happens."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import billing as product
from billing.testing import TestBilling
from tests.sales.paid import seconds, session, tell
from tests.sales.returning import CATALOG, Money
from tests.sales.sold import year
from tests.stories.story import moment

pytestmark = pytest.mark.quick_on("sqlite")

START = moment("1 Apr 09:00")
Step = tuple[str, int, int]

REFUNDED = ("pending", "succeeded", "failed")
DISPUTED = ("warning_needs_response", "needs_response", "lost", "won", "reinstated")

STEPS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(("spend", "hold")), st.integers(1, 130), st.just(0)),
        st.tuples(st.sampled_from(("reverse", "capture", "release")), st.integers(0, 5), st.integers(1, 30)),
        st.tuples(st.just("advance"), st.sampled_from((1, 1, 24, 24 * 8, 24 * 40)), st.just(0)),
        st.tuples(st.just("refund"), st.integers(0, 3), st.integers(0, 2)),
        st.tuples(st.just("dispute"), st.integers(0, 1), st.integers(0, 4)),
        st.tuples(st.sampled_from(("grant", "owe", "void")), st.integers(1, 40), st.just(0)),
    ),
    min_size=4,
    max_size=30,
)


@dataclass
class Life:
    """One customer with a pack and a year; things are chosen by their place among those of their kind."""

    billing: TestBilling
    name: str
    number: int
    money: Money
    spends: list[str] = field(default_factory=list)
    holds: list[str] = field(default_factory=list)
    key: int = 0

    def begin(self) -> None:
        at, n = seconds(self.billing.now), self.number
        self.billing.customer(self.name, stripe_customer_id=f"cus_{n}")
        told = session(id=f"cs_{n}", payment_intent=f"pi_{n}", customer=f"cus_{n}", client_reference_id=self.name,
                       metadata={"pack": "thirty"}, created=at, amount_subtotal=1_000, amount_total=1_000)  # fmt: skip
        tell(self.billing, told)
        year(self.billing, self.billing.now, cents=1_003, credits=11, invoice=f"in_{n}", customer=self.name)
        self.money.invoice(f"pi_y{n}", f"in_{n}", 1_003)

    def next_key(self) -> str:
        self.key += 1
        return f"k{self.key}"

    def do(self, step: Step) -> None:
        verb, first, second = step
        with suppress(product.Refusal):
            getattr(self, verb)(first, second)

    def spend(self, credits: int, _: int) -> None:
        self.spends.append(self.billing.spend(self.name, credits, key=self.next_key()).id)

    def hold(self, credits: int, _: int) -> None:
        held = self.billing.hold(self.name, credits, key=self.next_key(), expires_in=3_600 * 24 * 20)
        self.holds.append(held.id)

    def reverse(self, place: int, credits: int) -> None:
        if self.spends:
            self.billing.reverse(self.name, self.spends[-1 - place % len(self.spends)], credits, key=self.next_key())

    def capture(self, place: int, credits: int) -> None:
        if self.holds:
            self.spends.append(self.billing.capture(self.name, self.holds[-1 - place % len(self.holds)], credits).id)

    def release(self, place: int, _: int) -> None:
        if self.holds:
            self.billing.release(self.name, self.holds[-1 - place % len(self.holds)])

    def advance(self, hours: int, _: int) -> None:
        self.billing.advance(by=timedelta(hours=hours))

    def grant(self, credits: int, _: int) -> None:
        self.billing.grant(self.name, credits, reason="more", key=self.next_key(), paid_cents=7, currency="usd")

    def void(self, place: int, _: int) -> None:
        buckets = self.billing.buckets(self.name, limit=100)
        self.billing.void(self.name, buckets[place % len(buckets)].id, reason="so", key=self.next_key())

    def owe(self, limit: int, _: int) -> None:
        debt = ("repay", "carry", "forgive")[limit % 3]
        self.billing.set_wallet(self.name, overdraft={"limit": limit, "debt": debt})

    def refund(self, which: int, status: int) -> None:
        of = f"pi_{self.number}" if which % 2 else f"pi_y{self.number}"
        self.money.refund(f"re_{which}_{self.number}", (717, 402, 900, 299)[which], REFUNDED[status], of=of)

    def dispute(self, which: int, status: int) -> None:
        of = f"pi_{self.number}" if which % 2 else f"pi_y{self.number}"
        said = DISPUTED[status]
        id, cents = f"dp_{which}_{self.number}", (640, 777)[which]
        self.money.said_of_dispute(id, cents, said, of=of)


def live(billing: TestBilling, steps: list[Step], number: int, often: bool) -> None:
    life = Life(billing, f"team_{number}", number, Money(billing))
    life.begin()
    for step in steps:
        life.do(step)
        if often:
            assert billing.audit() == [], step
    wallet, again = billing.wallet(life.name), billing.wallet(life.name, as_of=billing.now)
    assert (wallet.available, wallet.held, wallet.owed) == (again.available, again.held, again.owed)
    assert billing.audit() == []


@pytest.mark.slow
def test_the_books_add_up(make_billing: Callable[..., TestBilling], request: pytest.FixtureRequest) -> None:
    billing: Any = make_billing(catalog=CATALOG, start=START)
    numbers = iter(range(1, 10_000))

    @settings(
        max_examples=60 if "sqlite" in request.node.name else 15, deadline=None, database=None,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(STEPS)
    def some_life(steps: list[Step]) -> None:
        live(billing, steps, next(numbers), often=False)

    some_life()
