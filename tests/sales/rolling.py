"""Lives of a customer who rolls over, changes plans, spends and gets money back: made at random, told in any order."""

from __future__ import annotations

import itertools
import json
import random
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from billing import InsufficientCredits
from billing.stripe.values import Invoice, Refund
from billing.testing import TestBilling
from tests.sales.paid import Json, invoice, line
from tests.sales.test_changes_order import Stripe, ended
from tests.stories.books import Books, all_entries

MONTHS = [datetime(2025, month, 1, tzinfo=UTC) for month in range(4, 9)]
CENTS = {"price_basic": 1_000, "price_pro": 2_000}
MAX, SHARE = 60, 2
"""What the plans of `test_rollover_order` roll over: basic 60, pro half of the next period's allocation."""

Fact = Json | Refund


@dataclass
class Life:
    """What Stripe says, each fact with its time, and what the customer spends."""

    facts: list[tuple[datetime, Fact]] = field(default_factory=list)
    spends: list[tuple[datetime, int]] = field(default_factory=list)


def at_random(seed: int) -> Life:
    """Four months, each renewed in time, late or very late, with changes to the other plan, refunds and spends."""
    chance, life, price, number = random.Random(seed), Life(), "price_basic", 0
    paid: list[tuple[str, int]] = []
    for start, end in itertools.pairwise(MONTHS):
        number += 1
        at = start + timedelta(hours=chance.choice([0, 1, 1, 30]))
        period = line(price, CENTS[price], start, end)
        life.facts.append((at, invoice(period, paid=at, id=f"i{number}", total=CENTS[price])))
        paid.append((f"i{number}", CENTS[price]))
        for _ in range(chance.randint(0, 4)):
            at += timedelta(hours=chance.randint(5, 200))
            if at >= end - timedelta(hours=2):
                break
            what = chance.choice(["change", "refund", "spend", "spend"])
            if what == "spend":
                life.spends.append((at, chance.randint(1, 60)))
                continue
            number += 1
            if what == "change":
                old, price = price, "price_pro" if price == "price_basic" else "price_basic"
                held = _change(old, price, at, start, end, f"i{number}")
                life.facts.append((at, held))
                if held["total"] > 0:
                    paid.append((held["id"], held["total"]))
            elif paid:
                of, cents = paid.pop(chance.randrange(len(paid)))
                back = chance.choice([cents, chance.randint(1, cents)])
                life.facts.append((at, Refund(f"re_{number}", None, f"pi_{of}", back, "usd", "succeeded", at, {})))
    return life


def _change(old: str, new: str, at: datetime, start: datetime, end: datetime, id: str) -> Json:
    left = (end - at) / (end - start)
    less, more = round(CENTS[old] * left), round(CENTS[new] * left)
    lines = [line(old, -less, at, end, proration=True), line(new, more, at, end, proration=True)]
    return invoice(*lines, paid=at, id=id, total=more - less)


class Customer:
    """One of those to whom the same happens, but for the order in which it is heard of."""

    def __init__(self, billing: TestBilling, name: str, life: Life) -> None:
        self.billing, self.name, self.told = billing, name, list[Fact]()
        billing.customer(name, stripe_customer_id=f"cus_1{name}")
        self.stripe = Stripe([])
        self.own: dict[str, Invoice | Refund] = {}
        for _, fact in life.facts:
            if isinstance(fact, Refund):
                payment = f"{fact.payment_intent}{name}"
                self.own[fact.id] = replace(fact, id=fact.id + name, payment_intent=payment)
            else:
                self.own[fact["id"]] = Stripe([_named(fact, name)]).invoices[0]

    def hears(self, fact: Fact, at: datetime) -> None:
        """`at`: Stripe knows all that had happened by then."""
        every = self.own.values()
        self.stripe.invoices = [one for one in every if isinstance(one, Invoice) and (one.paid_at or at) <= at]
        self.stripe.refunded = [one for one in every if isinstance(one, Refund) and one.created <= at]
        self.told.append(fact)
        self.stripe.tell(self.billing, self.own[id_of(fact)])

    def stands(self) -> tuple[Any, Books, list[Any]]:
        """Figures, sums of money, and what is left by origin; a rolled bucket's is named by a number that differs."""
        state: Any = ended(self.billing, self.name, self.name)
        figures, sums, buckets = state
        named = [("rolled" if one[0].startswith("rolled:") else one[0], *one[1:]) for one in buckets]
        return figures, sums, sorted(named)

    def owed(self) -> bool:
        """Did it ever owe credits? Then which bucket paid may follow arrival."""
        return any(one.kind in ("owe", "overdraw") and one.credits for one in all_entries(self.billing, self.name))

    def lost_room(self) -> bool:
        """Did a full cap turn credits away, because of newer ones whose money went back? Then they stay expired, though
        a refund learnt earlier would have made room.
        """
        number = {one.id: one for one in self.billing.buckets(self.name)}
        by_place = {f"bucket:{id}": one for id, one in number.items()}
        source = {one.id: one.origin.removeprefix("rolled:") for one in number.values() if "rolled:" in one.origin}
        refunded = {str(one.payment_intent)[3:] + self.name for one in self.told if isinstance(one, Refund)}
        granted = {one.effective_at: one.granted for one in number.values() if one.origin.startswith("allocation:")}

        def period(id: str) -> int:
            up = next((other for other in number if id in source and other.endswith(f"_{source[id]}")), None)
            return period(up) + 1 if up else number[id].effective_at.month

        rolled: Counter[str] = Counter()
        turned: dict[str, datetime] = {}  # at one instant an older one may have had its turn before the newer went on
        for one in all_entries(self.billing, self.name):
            out = by_place.get(one.source)
            if out is None:
                continue
            if one.kind == "roll_over":
                into = by_place[one.destination]
                forth = into.id in source and out.id.endswith(f"_{source[into.id]}")
                rolled[out.id if forth else into.id] += one.credits if forth else -one.credits
            elif one.kind == "expire" and one.credits:
                turned[out.id] = one.effective_at
            for id in [id for id, at in turned.items() if at == one.effective_at]:
                beside = [other for other in +rolled if period(other) == period(id)]
                newer = [other for other in beside if number[other].effective_at > number[id].effective_at]
                following = granted.get(datetime(2025, period(id) + 1, 1, tzinfo=UTC), 0)
                cap = MAX if (number[id].metadata or {})["plan"] == "basic" else following // SHARE
                full = sum(rolled[other] for other in beside) >= cap
                if full and any((number[other].metadata or {})["paid_by"] in refunded for other in newer):
                    return True
        return False


def play(billing: TestBilling, life: Life, seed: int, others: int = 2) -> str:
    """Whoever hears in time and whoever hears later, in any order, stand the same whenever the customer does something.
    `whole`, or why it was not compared to its end: it `owed`, or a full cap made the difference (`room`).
    """
    customers = [Customer(billing, f"xq{seed}n{number}", life) for number in range(others + 1)]
    in_time, late = customers[0], customers[1:]
    happens = [(at, 1, fact) for at, fact in life.facts] + [(at, 2, credits) for at, credits in life.spends]
    happens += [(MONTHS[4] + timedelta(days=3), 2, 1)]
    waiting: list[Fact] = []
    chance = random.Random(seed)
    for at, _, what in sorted(happens, key=lambda one: one[:2]):
        billing.advance(to=max(at, billing.now))
        if not isinstance(what, int):
            in_time.hears(what, at)
            waiting.append(what)
            continue
        for customer in late:
            for fact in chance.sample(waiting, len(waiting)):
                customer.hears(fact, at)
        waiting = []
        if any(customer.owed() for customer in customers):
            return "owed"
        stand = [customer.stands() for customer in customers]
        if any(one != stand[0] for one in stand):
            _only_room(customers, stand, at)
            return "room"
        for customer in customers:
            _spend(billing, customer.name, what, f"spent at {at}")
    return "whole"


def _only_room(customers: Sequence[Customer], stand: Sequence[Any], at: datetime) -> None:
    """What differs is who had room: the same money was paid, used, and went back."""
    orders = [[id_of(fact) for fact in customer.told] for customer in customers]
    assert any(customer.lost_room() for customer in customers), (at, orders, stand)
    for _, sums, _ in stand:
        left = {"deferred": sums.deferred + sums.broken, "broken": 0}
        first = stand[0][1]
        assert sums._replace(**left) == first._replace(deferred=first.deferred + first.broken, broken=0), (at, stand)


def _spend(billing: TestBilling, customer: str, credits: int, key: str) -> None:
    try:
        billing.spend(customer, credits, key=key)
    except InsufficientCredits:
        return


def id_of(fact: Fact) -> str:
    return fact.id if isinstance(fact, Refund) else str(fact["id"])


def _named(held: Json, suffix: str) -> Json:
    """The same invoice of another customer."""
    text = re.sub(r'"(cus_1|sub_1|si_1|il_[0-9]+|i[0-9]+)"', rf'"\1{suffix}"', json.dumps(held))
    found: Json = json.loads(text)
    return found
