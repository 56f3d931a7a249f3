"""A life at Stripe, told to an engine in any order: what Stripe did between two acts of the customer is one chapter.

The sandbox tells nobody by itself. After a chapter its events are taken from it and brought to engines, each on a copy
of the books as they stood before, in another order; what an engine asks, it asks the sandbox as it stands then.
"""

from __future__ import annotations

import json
import random
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import permutations
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit
from uuid import uuid4

import psycopg
import stripe
from psycopg import sql

from billing import Catalog, Gateway
from billing.testing import TestBilling, open_billing
from tests import databases
from tests.sandbox.serving import KEY
from tests.stories.books import Books, all_entries, books, cents_left
from web.sandbox import Sandbox

SECRET, CUSTOMER = "whsec_arrival", "team"
SETTLED = ("done", "ignored")

Event = dict[str, Any]


class Lot(NamedTuple):
    """A bucket, by where it comes from and not by when it was made."""

    origin: str
    granted: int
    remaining: int
    cents: int
    expires_at: datetime | None


class Ending(NamedTuple):
    """All that must not depend on the order in which things were heard."""

    available: int
    held: int
    owed: int
    books: Books
    lots: tuple[Lot, ...]


@dataclass
class World:
    """Stripe, at the time of the story."""

    sandbox: Sandbox
    at: datetime
    _seen: set[str] = field(default_factory=set)
    names: dict[str, str] = field(default_factory=dict)
    """What chapters keep for later ones."""

    def __post_init__(self) -> None:
        self.stripe = stripe.StripeClient(KEY, base_addresses={"api": self.sandbox.url}, max_network_retries=2)
        self.v1 = self.stripe.v1

    def go(self, to: datetime) -> None:
        """Time goes on at Stripe, and what is due there happens."""
        self.sandbox.advance(to)
        self.at = to

    def news(self) -> list[Event]:
        """What happened since it was asked last, in the order it happened."""
        with self.sandbox.store.transaction() as rows:
            found = [json.loads(row["body"]) for row in rows.run("SELECT body FROM events ORDER BY seq")]
        new = [event for event in found if event["id"] not in self._seen]
        self._seen |= {event["id"] for event in new}
        return new


def signed(event: Event) -> tuple[bytes, str]:
    body = json.dumps(event | {"pending_webhooks": 1}).encode()
    header = stripe.WebhookSignature.generate_signature_header(body.decode(), SECRET, int(time.time()))
    return body, header


def twin(event: Event) -> Event:
    """The same fact under an id of its own."""
    return event | {"id": f"{event['id']}_twin"}


def tell(billing: TestBilling, events: Sequence[Event]) -> None:
    """Through the signed door. What waits for another is tried again until nothing changes any more."""
    for event in events:
        billing.receive_stripe_event(*signed(event))
    for _ in range(len(events) + 1):
        open_ones = [one.id for one in billing.stripe_events(limit=100) if one.status not in SETTLED]
        if not open_ones:
            break
        for id in open_ones:
            billing.replay_stripe_event(id)


def ending(billing: TestBilling, customer: str = CUSTOMER) -> Ending:
    """How the customer's wallet stands."""
    wallet, entries = billing.wallet(customer), all_entries(billing, customer)
    cents = cents_left(entries)
    lots = [
        Lot(one.origin, one.granted, one.remaining, cents.get(one.id, 0), one.expires_at)
        for one in billing.buckets(customer)
    ]
    return Ending(wallet.available, wallet.held, wallet.owed, books(entries), tuple(sorted(lots, key=str)))


@dataclass
class Shelf:
    """Copies of a database: of a SQLite file, of a PostgreSQL database."""

    folder: Path

    def copy(self, url: str) -> str:
        if url.startswith("sqlite"):
            file = self.folder / f"{uuid4().hex}.sqlite3"
            source = Path(url.removeprefix("sqlite:///"))
            shutil.copyfile(source, file)
            return f"sqlite:///{file}"
        name = f"{urlsplit(url).path[1:].rpartition('_')[0]}_{uuid4().hex[:12]}"
        with psycopg.connect(url.rpartition("/")[0] + "/postgres", autocommit=True) as connection:
            statement = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
            connection.execute(statement.format(sql.Identifier(name), sql.Identifier(urlsplit(url).path[1:])))
        return f"{url.rpartition('/')[0]}/{name}"

    def drop(self, url: str) -> None:
        if url.startswith("sqlite"):
            for file in self.folder.glob(f"{Path(url.removeprefix('sqlite:///')).name}*"):
                file.unlink()
            return
        with psycopg.connect(url.rpartition("/")[0] + "/postgres", autocommit=True) as connection:
            connection.execute(
                sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(urlsplit(url).path[1:]))
            )


@dataclass(frozen=True)
class Life:
    """What happens, in order: `acts` of the customer at the engine, `chapters` at Stripe, each told before the next."""

    name: str
    catalog: Catalog
    prices: dict[str, tuple[int, str, str | None]]
    """By lookup key: cents, currency, interval."""
    steps: tuple[tuple[str, Callable[..., object]], ...]


Orders = Callable[[Sequence[Event]], Iterator[Sequence[Event]]]


@dataclass
class Stage:
    """Where a life is played: with whose engines, on copies of which books."""

    world: World
    shelf: Shelf
    engines: databases.Engines
    heard: frozenset[str]

    def open(self, url: str, catalog: Catalog) -> TestBilling:
        """An engine at the world's time, which asks the world's Stripe."""
        gateway = Gateway(KEY, self.world.sandbox.url)
        billing = open_billing(
            url, catalog=catalog, start=self.world.at, migrate=False, webhook_secrets=(SECRET,), gateway=gateway
        )
        billing.database.engine = self.engines.lend(url)
        return billing

    def close(self, billing: TestBilling) -> None:
        self.engines.take_back(billing.database.engine)

    def play(self, life: Life, url: str, orders: Orders) -> tuple[TestBilling, int]:
        """The engine at the end, which the caller closes, and how many orders were tried. Fails where two end
        differently.
        """
        self.stock(life)
        billing, tried = self.open(url, life.catalog), 0
        billing.customer(CUSTOMER, name="Team", email="team@example.com")
        for kind, step in life.steps:
            if kind == "act":
                step(self.world, billing)
                continue
            self.close(billing)
            step(self.world)
            news = [event for event in self.world.news() if event["type"] in self.heard]
            assert news, f"{life.name}: nothing was heard of {step.__name__}"
            url, count = self._tell_all(life, url, orders(news), step.__name__)
            tried += count
            billing = self.open(url, life.catalog)
        return billing, tried

    def stock(self, life: Life) -> None:
        product = self.world.v1.products.create({"name": "All of it"})
        for key, (cents, currency, interval) in life.prices.items():
            params: Any = {"product": product.id, "currency": currency, "unit_amount": cents, "lookup_key": key}
            if interval:
                params["recurring"] = {"interval": interval}
            self.world.names[key] = self.world.v1.prices.create(params).id

    def _tell_all(self, life: Life, url: str, orders: Iterator[Sequence[Event]], chapter: str) -> tuple[str, int]:
        """Tells each order to a copy of the books; the first of them goes on."""
        first: tuple[str, Ending, list[str]] | None = None
        count = 0
        for order in orders:
            count += 1
            copy = self.shelf.copy(url)
            billing = self.open(copy, life.catalog)
            tell(billing, order)
            while billing.catch_up():
                pass
            end, types = ending(billing), [event["type"] for event in order]
            waiting = [(one.type, one.reason) for one in billing.stripe_events(limit=100) if one.status not in SETTLED]
            if count % 50 == 1:
                assert billing.audit() == [], f"{life.name}, {chapter}: {types}"
            self.close(billing)
            assert not waiting, f"{life.name}, {chapter}: {types} leaves {waiting}"
            if first is None:
                first = copy, end, types
                continue
            assert end == first[1], f"{life.name}, {chapter}: {types} ends otherwise than {first[2]}"
            self.shelf.drop(copy)
        assert first is not None
        return first[0], count


def every(events: Sequence[Event]) -> Iterator[Sequence[Event]]:
    """Every order of them; beyond six, 720 random ones."""
    if len(events) <= 6:
        yield from permutations(events)
        return
    chance = random.Random(len(events))
    for _ in range(720):
        yield chance.sample(events, len(events))


def a_tenth(events: Sequence[Event]) -> Iterator[Sequence[Event]]:
    """As they happened, and a random tenth of the other orders."""
    chance = random.Random(7)
    for place, order in enumerate(every(events)):
        if place == 0 or chance.random() < 0.1:
            yield order


def shuffles(count: int, seed: int) -> Orders:
    """Random orders with duplicates and twins."""
    chance = random.Random(seed)

    def shuffled(events: Sequence[Event]) -> Iterator[Sequence[Event]]:
        yield events
        for _ in range(count):
            more = [chance.choice([event, twin(event)]) for event in events if chance.random() < 0.5]
            order = [*events, *more]
            chance.shuffle(order)
            yield order

    return shuffled
