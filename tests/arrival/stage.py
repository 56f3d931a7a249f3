"""Where lives are played: with whose engines, on copies of which books, and what is compared in the end."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise, takewhile
from typing import Any, NamedTuple

from billing import Catalog, Gateway
from billing.stripe.questions import Question
from billing.testing import TestBilling, open_billing
from tests import databases
from tests.sandbox.serving import KEY

from .told import CUSTOMER, SECRET, SETTLED, Ending, Event, Shelf, World, ending, hear, tell, try_again, twin


class Act(NamedTuple):
    """What the customer does at the engine."""

    does: Callable[[World, TestBilling], object]


class Chapter(NamedTuple):
    """What happens at Stripe, step by step, before the customer does anything again."""

    steps: tuple[Callable[[World], object], ...]

    @property
    def name(self) -> str:
        return ", ".join(step.__name__ for step in self.steps)


class Life:
    """What happens, in order."""

    def __init__(self, name: str, *parts: Act | Chapter) -> None:
        self.name, self.parts = name, parts


@dataclass
class Ear:
    """One who is told of a chapter, step by step, on a copy of the books."""

    url: str
    chance: random.Random
    heard: list[list[str]] = field(default_factory=list)
    _waiting: list[Event] = field(default_factory=list)

    def hears(self, news: Sequence[Event], *, all_of_it: bool, in_time: bool) -> Sequence[Event]:
        """What of the news, and of what waited, arrives now, and in which order."""
        if in_time:
            now = list(news)
        else:
            self._waiting += news
            self._waiting += [self.chance.choice([one, twin(one)]) for one in news if self.chance.random() < 0.4]
            self.chance.shuffle(self._waiting)
            count = len(self._waiting) if all_of_it else self.chance.randint(0, len(self._waiting))
            now, self._waiting = self._waiting[:count], self._waiting[count:]
        self.heard.append([one["type"] for one in now])
        return now


Orders = Callable[[Sequence[Event]], Iterator[Sequence[Event]]]


class Remembering(Gateway):
    """Between two steps of the world its answers stay the same: each question is asked of it once."""

    def __init__(self, url: str) -> None:
        super().__init__(KEY, url)
        self._answers: dict[Question, Any] = {}

    def answer(self, question: Question) -> Any:
        if question not in self._answers:
            self._answers[question] = super().answer(question)
        return self._answers[question]

    def forget(self) -> None:
        self._answers.clear()


@dataclass
class Stage:
    """Where a life is played: with whose engines, on copies of which books."""

    world: World
    shelf: Shelf
    engines: databases.Engines
    heard: frozenset[str]
    catalog: Catalog
    prices: Mapping[str, tuple[int, str, str | None]]
    """By lookup key: cents, currency, interval."""

    def __post_init__(self) -> None:
        self.gateway = Remembering(self.world.sandbox.url)

    def open(self, url: str) -> TestBilling:
        """An engine at the world's time, which asks the world's Stripe."""
        billing = open_billing(
            url,
            catalog=self.catalog,
            start=self.world.at,
            migrate=False,
            webhook_secrets=(SECRET,),
            gateway=self.gateway,
        )
        billing.database.engine = self.engines.lend(url)
        return billing

    def close(self, billing: TestBilling) -> None:
        self.engines.take_back(billing.database.engine)

    def play(self, life: Life, url: str, orders: Orders) -> tuple[TestBilling, list[int]]:
        """The engine at the end, which the caller closes, and how many orders of each chapter were tried. Fails where
        two end differently.
        """
        billing, tried = self.begin(url), []
        for part in life.parts:
            if isinstance(part, Act):
                part.does(self.world, billing)
                continue
            self.close(billing)
            for step in part.steps:
                step(self.world)
            url, count = self._tell_all(life, url, orders(self.news()), part.name)
            tried.append(count)
            billing = self.open(url)
        return billing, tried

    def begin(self, url: str) -> TestBilling:
        """An engine on empty books, whose customer is known to Stripe and has a card there."""
        product = self.world.v1.products.create({"name": "All of it"})
        for key, (cents, currency, interval) in self.prices.items():
            params: Any = {"product": product.id, "currency": currency, "unit_amount": cents, "lookup_key": key}
            if interval:
                params["recurring"] = {"interval": interval}
            self.world.names[key] = self.world.v1.prices.create(params).id
        card = "pm_card_visa"
        params = {"payment_method": card, "invoice_settings": {"default_payment_method": card}}
        self.world.names["customer"] = self.world.v1.customers.create(params).id
        self.world.news()
        billing = self.open(url)
        billing.customer(
            CUSTOMER, name="Team", email="team@example.com", stripe_customer_id=self.world.names["customer"]
        )
        return billing

    def news(self) -> list[Event]:
        """What the engine listens to of what happened since it was asked last."""
        self.gateway.forget()
        return [event for event in self.world.news() if event["type"] in self.heard]

    def mix(self, life: Life, url: str, count: int, seed: int) -> TestBilling:
        """The engine that heard all in time, which the caller closes.

        Plays it as it happens up to its last chapter. That is heard by many at once, each on a copy of the books: the
        first hears all in time, the others some of it now and the rest later, in any order, some of it twice or under
        two ids, and all of it in the end.
        """
        billing = self.begin(url)
        for part in life.parts[:-1]:
            if isinstance(part, Act):
                part.does(self.world, billing)
                continue
            self.close(billing)
            for step in part.steps:
                step(self.world)
            billing = self.open(url)
            tell(billing, self.news())
        self.close(billing)
        last = life.parts[-1]
        assert isinstance(last, Chapter)
        ears = [Ear(self.shelf.copy(url), random.Random(f"{seed} {number}")) for number in range(count)]
        for number, step in enumerate(last.steps, 1):
            step(self.world)
            news = self.news()
            for ear in ears:
                if now := ear.hears(news, all_of_it=number == len(last.steps), in_time=ear is ears[0]):
                    billing = self.open(ear.url)
                    tell(billing, now)
                    self.close(billing)
        self._compare(life, ears, seed)
        return self.open(ears[0].url)

    def _compare(self, life: Life, ears: Sequence[Ear], seed: int) -> None:
        wanted: Ending | None = None
        for number, ear in enumerate(ears):
            told = f"{life.name}, seed {seed}, {number}: {ear.heard}"
            billing = self.open(ear.url)
            try:
                end = self.settled(billing, told, audited=number < 3)
            finally:
                self.close(billing)
            wanted = wanted or end
            assert end == wanted, f"{told}\nis {end},\n{ears[0].heard}\nis {wanted}"
        for ear in ears[1:]:
            self.shelf.drop(ear.url)

    def _tell_all(self, life: Life, url: str, orders: Iterator[Sequence[Event]], chapter: str) -> tuple[str, int]:
        """Tells each order to a copy of the books; the first of them goes on."""
        first: tuple[str, Ending, list[str]] | None = None
        count, branch = 0, Branch(self, url)
        for order, following in pairwise([*orders, []]):
            types = [event["type"] for event in order]
            copy, rest = branch.towards(order, alike(order, following))
            billing = self.open(copy)
            try:
                hear(billing, rest)
                try_again(billing, len(order))
                end = self.settled(billing, f"{life.name}, {chapter}: {types}", audited=count % 50 == 0)
            finally:
                self.close(billing)
            count += 1
            if first is None:
                first = copy, end, types
                continue
            assert end == first[1], f"{life.name}, {chapter}: {types}\nis {end},\n{first[2]}\nis {first[1]}"
            self.shelf.drop(copy)
        branch.cut(0)
        assert first is not None
        return first[0], count

    def settled(self, billing: TestBilling, told: str, *, audited: bool) -> Ending:
        """How the books stand when all that is due is done, and nothing that was told waits any more."""
        while billing.catch_up():
            pass
        waiting = [(one.type, one.reason) for one in billing.stripe_events(limit=100) if one.status not in SETTLED]
        assert not waiting, f"{told} leaves {waiting}"
        assert not (breaches := billing.audit() if audited else []), f"{told}: {breaches}"
        return ending(billing)


def alike(one: Sequence[Event], other: Sequence[Event]) -> int:
    """With how many events both begin."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] is pair[1], zip(one, other, strict=False)))


@dataclass
class Branch:
    """Copies of the books after each event that an order began with, as far as the next order begins alike: so every
    beginning is told once, however many orders it has. Where a copy takes longer than to tell it there are none.
    """

    stage: Stage
    url: str
    told: list[Event] = field(default_factory=list)
    copies: list[str] = field(default_factory=list)

    def towards(self, order: Sequence[Event], shared: int) -> tuple[str, Sequence[Event]]:
        """A copy that has heard the beginning of this order, and the rest of it. `shared`: so much of it the next one
        begins with, too.
        """
        self.cut(alike(self.told, order))
        while self.url.startswith("sqlite") and len(self.told) < shared:
            event, copy = order[len(self.told)], self._copy()
            billing = self.stage.open(copy)
            try:
                hear(billing, [event])
            finally:
                self.stage.close(billing)
            self.told.append(event)
            self.copies.append(copy)
        return self._copy(), order[len(self.told) :]

    def cut(self, count: int) -> None:
        """No more than so many events are kept."""
        for copy in self.copies[count:]:
            self.stage.shelf.drop(copy)
        del self.told[count:], self.copies[count:]

    def _copy(self) -> str:
        return self.stage.shelf.copy(self.copies[-1] if self.copies else self.url)
