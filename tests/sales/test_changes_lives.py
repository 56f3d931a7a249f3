"""Lives at random: a subscription goes up, down, away and back, is spent from, refunded and reversed, over a year.
Whatever happens, the books add up, and what its lines came to is all that is in them.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from billing import AlreadyReversed, InsufficientCredits
from billing.testing import TestBilling
from tests.sales.paid import APRIL, MAY, invoice, line, tell
from tests.sales.test_changes import CATALOG
from tests.sales.told import Told
from tests.stories.books import all_entries, books

pytestmark = pytest.mark.quick_on("sqlite")

PRICES = {"price_basic": 1_000, "price_plus": 1_500, "price_pro": 2_000}
YEARLY = APRIL.replace(year=2026)


class Life:
    def __init__(self, story: Told, seed: int) -> None:
        self.story, self.billing, self.random = story, story.billing, random.Random(seed)
        self.start, self.end = APRIL, self.random.choice([MAY, YEARLY])
        self.price, self.seats, self.item, self.cents = "price_basic", 1, 1, 0
        self.invoices: dict[str, list[int]] = {}
        self.spends: list[str] = []
        self.number = 0

    def pay(self, *lines: dict[str, Any]) -> None:
        self.number += 1
        net = sum(one["amount"] - sum(part["amount"] for part in one["discount_amounts"]) for one in lines)
        held = invoice(*lines, paid=self.billing.now, id=f"in_{self.number}", total=net)
        answer = tell(self.billing, held)
        assert answer.status == "done", answer
        self.cents += net
        if net > 0:
            self.invoices[held["id"]] = [net, 0]

    def worth(self, price: str, seats: int) -> int:
        left = (self.end - self.billing.now) / (self.end - self.start)
        months = 12 if self.end == YEARLY else 1
        return round(PRICES[price] * seats * months * left)

    def begin(self) -> None:
        self.start = self.billing.now
        self.pay(line(self.price, self.worth(self.price, 1), self.start, self.end, item=f"si_{self.item}"))

    def change(self) -> None:
        price, seats = self.random.choice(list(PRICES)), self.random.choice([1, 1, 2, 3])
        off = self.random.choice([0, 0, 0, 1, 2])
        lines = []
        for sign, of, count in ((-1, self.price, self.seats), (1, price, seats)):
            amount = sign * self.worth(of, count)
            lines.append(
                line(of, amount, self.billing.now, self.end, item=f"si_{self.item}", quantity=count, proration=True,
                     off=(0, amount // 2, amount)[off])
            )  # fmt: skip
        if all(one["amount"] for one in lines):
            self.pay(*lines)
            self.price, self.seats = price, seats

    def away_and_back(self) -> None:
        """Another item takes its place: its rest is given back, and a stub begins."""
        back = self.worth(self.price, self.seats)
        item, self.item = self.item, self.item + 1
        again = self.worth("price_basic", 1)
        if back and again:
            now = self.billing.now
            self.pay(
                line(self.price, -back, now, self.end, item=f"si_{item}", quantity=self.seats, proration=True),
                line("price_basic", again, now, self.end, item=f"si_{self.item}", proration=True),
            )
            self.price, self.seats = "price_basic", 1

    def switch(self) -> None:
        """The period begins anew, of the other length."""
        back, now, old = self.worth(self.price, self.seats), self.billing.now, self.end
        if not back:
            return
        self.start, self.end = now, (now + timedelta(days=30) if self.end == YEARLY else YEARLY)
        price = PRICES["price_basic"] * (12 if self.end == YEARLY else 1)
        item = f"si_{self.item}"
        self.pay(
            line(self.price, -back, now, old, item=item, quantity=self.seats, proration=True),
            line("price_basic", price, now, self.end, item=item),
        )
        self.price, self.seats = "price_basic", 1

    def spend(self) -> None:
        try:
            receipt = self.billing.spend("team", self.random.randint(1, 120), key=f"s{len(self.spends)}")
        except InsufficientCredits:
            return
        self.spends.append(receipt.id)

    def reverse(self) -> None:
        if self.spends:
            try:
                self.billing.reverse("team", self.random.choice(self.spends), None, key=f"r{self.random.random()}")
            except AlreadyReversed:
                return

    def refund(self) -> None:
        left = [(id, total - back) for id, (total, back) in self.invoices.items() if total > back]
        if left:
            id, most = self.random.choice(left)
            cents = self.random.choice([most, self.random.randint(1, most)])
            self.number += 1
            self.invoices[id][1] += cents
            self.story.refunded(id, cents, f"re_{self.number}")

    def live(self, steps: int) -> None:
        self.begin()
        for _ in range(steps):
            self.billing.advance(by=timedelta(hours=self.random.randint(1, 60)))
            if self.billing.now >= self.end - timedelta(hours=1):
                break
            act = self.random.choice(
                [self.change, self.change, self.spend, self.spend, self.reverse, self.refund, self.away_and_back,
                 self.switch]
            )  # fmt: skip
            act()
            assert self.billing.audit() == [], act
        self.billing.advance(to=YEARLY + timedelta(days=40))
        assert self.billing.audit() == []
        sums = books(all_entries(self.billing, "team"))
        assert sums.deferred == 0
        assert sums.earned + sums.broken + sums.refunded == self.cents


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2, 5, 7, 9])
def test_whatever_happens_the_books_add_up(make_billing: Callable[..., TestBilling], seed: int) -> None:
    Life(Told(make_billing(catalog=CATALOG, start=APRIL)), seed).live(18)
