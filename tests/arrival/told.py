"""A life at Stripe, told to an engine in any order: what Stripe did between two acts of the customer is one chapter.

The sandbox tells nobody by itself. After a chapter its events are taken from it and brought to engines, each on a copy
of the books as they stood before, in another order; what an engine asks, it asks the sandbox as it stands then.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit
from uuid import uuid4

import psycopg
import stripe
from psycopg import sql

from billing.testing import TestBilling
from tests.sandbox.serving import KEY
from tests.stories.books import Books, all_entries, books, cents_left
from web.sandbox import Sandbox

SECRET, CUSTOMER = "whsec_arrival", "team"
SETTLED = ("done", "ignored")

Event = dict[str, Any]


class Lot(NamedTuple):
    """A bucket with something in it, by where it comes from: not by when it was made, nor by how much of what was taken
    had been in it before.
    """

    origin: str
    free: int
    held: int
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
    names: dict[str, str] = field(default_factory=dict)
    """What chapters keep for later ones."""
    _seen: set[str] = field(default_factory=set)

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


def hear(billing: TestBilling, events: Sequence[Event]) -> None:
    """Through the signed door."""
    for event in events:
        billing.receive_stripe_event(*signed(event))


def tell(billing: TestBilling, events: Sequence[Event]) -> None:
    """What waits for another is tried again until nothing changes any more."""
    hear(billing, events)
    try_again(billing, len(events))


def try_again(billing: TestBilling, count: int) -> None:
    """Until none of so many events waits for another, or it would wait for ever."""
    for _ in range(count + 1):
        open_ones = [one.id for one in billing.stripe_events(limit=100) if one.status not in SETTLED]
        if not open_ones:
            break
        for id in open_ones:
            billing.replay_stripe_event(id)


def ending(billing: TestBilling, customer: str = CUSTOMER) -> Ending:
    """How the customer's wallet stands."""
    wallet, entries = billing.wallet(customer), all_entries(billing, customer)
    cents, there = cents_left(entries), billing.buckets(customer)
    origins = {one.id.rpartition("_")[2]: one.origin for one in there}

    def origin(name: str) -> str:
        head, _, number = name.partition(":")
        return f"{head}:{origin(origins[number])}" if head == "rolled" else name

    lots = [
        Lot(origin(one.origin), one.remaining, one.held, cents.get(one.id, 0), one.expires_at)
        for one in there
        if one.remaining or one.held or cents.get(one.id)
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
