"""However the same is asked for, the same is told: alone, in transactions, in batches, with a purse and without."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from itertools import count, groupby
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from billing import Billing, InsufficientCredits, Spend
from billing.base.outbox import outbox
from billing.catalog.loading import parse
from tests import purse

from .engine_side import SetClock
from .steps import LIVES, START

FEW = settings(
    max_examples=4,
    derandomize=True,  # so few that chance might draw none of which anything is told
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
MANY = settings(FEW, max_examples=25 * LIVES, derandomize=False)
CATALOG = parse("""
[policy]
low_balance = [45, "30%", 20, 0]

[plans.free]
name = "Free"
credits = 60
every = "week"
""")
_customers = count(1)

Act = tuple[str, int, bool]
"""What is done, with how much, and whether it is together with what is done before it."""

some = st.integers(1, 25)
acts = st.lists(
    st.tuples(st.sampled_from(["spend"] * 8 + ["grant", "short", "hold", "take back", "days"]), some, st.booleans()),
    min_size=8,
    max_size=20,
)


class Alone:
    """Each by itself."""

    def __init__(self, billing: Billing, clock: SetClock) -> None:
        self.billing, self.clock = billing, clock
        self.customer = f"low_{next(_customers)}"
        clock.at = START
        billing.customer(self.customer, plan="free")
        self.keys = count(1)
        self.receipts: list[str] = []

    def spends(self, amounts: list[int]) -> None:
        for credits in amounts:
            self.spend(self.billing, credits)

    def spend(self, through: Any, credits: int) -> None:
        try:
            self.receipts.append(through.spend(self.customer, credits, key=f"k{next(self.keys)}").id)
        except InsufficientCredits:
            return

    def play(self, drawn: list[Act]) -> list[dict[str, Any]]:
        for kind, its in groupby(_cut(drawn), key=lambda one: (one[0], one[3])):
            if kind[0] == "spend":
                self.spends([credits for _, credits, _, _ in its])
            else:
                for what, credits, _, _ in its:
                    self.do(what, credits, f"k{next(self.keys)}")
        self.billing.catch_up()
        with self.billing.database.engine.connect() as connection:
            mine = sa.select(outbox.c.type, outbox.c.facts).where(outbox.c.customer_id == self.customer)
            told = [{"type": row.type, **row.facts, "customer": ""} for row in connection.execute(mine)]
        return sorted((one for one in told if "thresholds" in one), key=repr)

    def do(self, what: str, credits: int, key: str) -> None:
        billing, customer = self.billing, self.customer
        if what == "days":
            self.clock.at += timedelta(days=credits % 5)
        elif what == "hold":
            try:
                hold = billing.hold(customer, credits, key=key)
            except InsufficientCredits:
                return
            billing.release(customer, hold.id) if credits % 2 else billing.capture(customer, hold.id, 1)
        elif what == "take back":
            if self.receipts:
                billing.reverse(customer, self.receipts.pop(), key=key)
        else:
            ends = self.clock.at + timedelta(days=2) if what == "short" else None
            billing.grant(customer, credits, reason="-", key=key, expires_at=ends)


class Together(Alone):
    """Spends in transactions."""

    def spends(self, amounts: list[int]) -> None:
        with self.billing.transaction() as tx:
            for credits in amounts:
                self.spend(tx, credits)


class Batched(Alone):
    """Spends in batches, beside another customer's."""

    def spends(self, amounts: list[int]) -> None:
        batch = [Spend(self.customer, credits, f"k{next(self.keys)}") for credits in amounts]
        answers = self.billing.spend_many([*batch, Spend("nobody", 1, "x")])
        self.receipts += [one.id for one in answers if not isinstance(one, Exception)]


class PromptlyCaughtUp(Alone):
    """What time does is written down each day."""

    def do(self, what: str, credits: int, key: str) -> None:
        for _ in range(credits % 5 if what == "days" else 0):
            self.clock.at += timedelta(days=1)
            self.billing.catch_up()
        if what != "days":
            super().do(what, credits, key)


def _cut(drawn: list[Act]) -> Iterator[tuple[str, int, bool, int]]:
    number = 0
    for what, credits, together in drawn:
        number += not together
        yield what, credits, together, number


@contextmanager
def _as_it_is() -> Iterator[None]:
    yield


def compare(url: str, with_settings: settings) -> None:
    clock, some_were_told = SetClock(START), 0
    with closing(Billing(url, catalog=CATALOG, clock=clock)) as billing:
        billing.customer("nobody")

        @with_settings
        @given(acts)
        def lives(drawn: list[Act]) -> None:
            nonlocal some_were_told
            told = Alone(billing, clock).play(drawn)
            some_were_told += len(told) > 1
            for way in (Together, Batched, PromptlyCaughtUp):
                assert way(billing, clock).play(drawn) == told, way.__doc__
            with purse.taken_out():
                assert Alone(billing, clock).play(drawn) == told

        lives()
        assert some_were_told
        clock.at = START.replace(year=2100)


@pytest.mark.database("sqlite")  # the long one runs on both
def test_the_same_is_told_however_it_is_asked_for(database_url: str, auditor: Any) -> None:
    auditor.catalog = CATALOG
    compare(database_url, FEW)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_same_is_told_however_it_is_asked_for_for_long(database_url: str, auditor: Any) -> None:
    auditor.catalog = CATALOG
    compare(database_url, MANY)
