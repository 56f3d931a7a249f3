"""Where a nasty case is played: an engine that sells through the sandbox and hears of it through its signed endpoint.

Nothing is delivered by itself: a case says what arrives, how often and in which order. Time stands still but for `go`.
"""

from __future__ import annotations

import copy
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Any

import stripe

from billing import Catalog, Gateway
from billing.testing import TestBilling
from tests.cases.sold import CATALOG, PRICES
from tests.sandbox.serving import KEY, Watch, client, served
from tests.stories.books import all_entries, books
from tests.stories.story import counted, moment
from tests.web.service import Service, service_on
from web.sandbox import Sandbox

Case = Callable[["Desk"], None]
Event = dict[str, Any]
Json = dict[str, Any]

START = moment("1 Apr 00:00")
SECRET, CUSTOMER = "whsec_desk", "team"
BACK = "https://app.example.com/back"
SETTLED = ("done", "ignored")


@dataclass
class Desk:
    """`left`: types of events that a case leaves waiting on purpose."""

    billing: TestBilling
    sandbox: Sandbox
    service: Service
    at: datetime = START
    left: list[str] = field(default_factory=list)
    prices: dict[str, str] = field(default_factory=dict)
    _seen: set[str] = field(default_factory=set)
    _numbers: Iterator[int] = field(default_factory=count)

    def __post_init__(self) -> None:
        self.stripe = client(self.sandbox)
        self.v1: Any = self.stripe.v1
        product = self.v1.products.create({"name": "All of it"})
        for key, (cents, currency, interval) in PRICES.items():
            params: Any = {"product": product.id, "currency": currency, "unit_amount": cents, "lookup_key": key}
            if interval:
                params["recurring"] = {"interval": interval}
            self.prices[key] = self.v1.prices.create(params).id
        self.billing.customer(CUSTOMER, name="Team", email="team@example.com")
        self.hear("price.created")

    # Time

    def go(self, when: str | datetime) -> None:
        """Time goes on, at Stripe and here; what is due here is done."""
        self.at = moment(when) if isinstance(when, str) else when
        self.sandbox.advance(self.at)
        self.billing.advance(to=self.at)

    def through(self, when: str | datetime) -> None:
        """As `go`, and what happens at Stripe on the way is heard as it happens."""
        to = moment(when) if isinstance(when, str) else when

        def stop(at: datetime) -> None:
            self.billing.advance(to=at)
            self.hear()

        self.sandbox.advance(to, stop)
        self.at = to

    # What Stripe tells

    def news(self, *types: str) -> list[Event]:
        """What happened at Stripe since it was asked last, in that order; only of these types, if any are given."""
        with self.sandbox.store.transaction() as rows:
            found = [json.loads(row["body"]) for row in rows.run("SELECT body FROM events ORDER BY seq")]
        new = [event for event in found if event["id"] not in self._seen]
        self._seen |= {event["id"] for event in new}
        return [event for event in new if not types or event["type"] in types]

    def post(self, *events: Event) -> list[str]:
        """They arrive, one after the other: what became of each."""
        found = []
        for event in events:
            answer = self.send(*signed(event))
            assert answer.status_code == 200, answer.text
            found.append(answer.get_json()["status"])
        return found

    def send(self, body: bytes, header: str) -> Any:
        """One request at the endpoint, as it is."""
        client = self.service.app.test_client()
        return client.post("/webhooks/stripe", data=body, headers={"Stripe-Signature": header})

    def hear(self, *types: str) -> list[str]:
        """All news arrive, in the order they happened."""
        return self.post(*self.news(*types))

    def try_again(self) -> list[str]:
        """What waits or failed is handled once more: what became of it."""
        return [self.billing.replay_stripe_event(id).status for id, _, _ in self._open()]

    def silent(self) -> None:
        """From now on the engine reaches Stripe no more; it only hears."""
        self.billing.gateway = Gateway(KEY, "http://127.0.0.1:9")

    def sells(self, catalog: Catalog) -> None:
        """This is the catalog from now on."""
        self.billing.catalog = catalog

    # What the customer does

    def subscribe(self, plan: str = "basic", card: str = Sandbox.CARD, **more: Any) -> Json:
        """The customer subscribes and pays at Checkout; the session."""
        opened = self.billing.subscribe(CUSTOMER, plan, key=f"{plan}-{self.at}", success_url=BACK, **more)
        return self.sandbox.pay(str(opened.session), card=card)

    def buys(self, items: list[Json], **more: Any) -> Any:
        """A subscription made at Stripe by hand, for the customer, who has a card there: the subscription."""
        return self.v1.subscriptions.create({"customer": self.stripe_customer(), "items": items, **more})

    def subscription(self) -> Any:
        """The newest of them, as it is at Stripe now."""
        return self.v1.subscriptions.list({"status": "all"}).data[0]

    def change(self, price: str | None = None, *, quantity: int | None = None, **more: Any) -> Any:
        """What is subscribed to is changed at Stripe, and billed at once unless said otherwise: the subscription."""
        subscription = self.subscription()
        item: Json = {"id": subscription["items"].data[0].id}
        item |= {"price": self.prices[price]} if price else {}
        item |= {"quantity": quantity} if quantity else {}
        wanted = {"items": [item], "proration_behavior": "always_invoice", **more}
        return self.v1.subscriptions.update(subscription.id, wanted)

    def stripe_customer(self, card: str = "pm_card_visa") -> str:
        """The customer at Stripe, with a card: made and tied by hand if there is none."""
        for found in self.v1.customers.list({}).data:
            return str(found.id)
        how: Any = {"payment_method": card, "invoice_settings": {"default_payment_method": card}}
        made = self.v1.customers.create({"email": "team@example.com", **how})
        self.billing.put_customer(CUSTOMER, stripe_customer_id=made.id)
        self.news()
        return str(made.id)

    def top_up(self, pack: str = "small", card: str = Sandbox.CARD, **more: Any) -> Json:
        """The customer buys a pack and pays at Checkout; the session."""
        return self.sandbox.pay(self.open_top_up(pack, **more), card=card)

    def open_top_up(self, pack: str = "small", **more: Any) -> str:
        options = {"key": f"{pack}-{self.at}", "success_url": BACK, **more}
        return str(self.billing.topup(CUSTOMER, pack, **options).session)

    def spend(self, credits: int) -> None:
        self.billing.spend(CUSTOMER, credits, key=f"spend-{next(self._numbers)}")

    # What must be true

    def shows(self, credits: str, cents: str | None = None) -> None:
        """available · held · owed, and deferred · earned · broken · refunded · credited; 0 if not said."""
        wallet = self.billing.wallet(CUSTOMER)
        stands = (wallet.available, wallet.held, wallet.owed)
        assert stands == _whole(credits, 3), f"{self.at}: {stands}, not {credits}"
        if cents is not None:
            found = books(all_entries(self.billing, CUSTOMER))
            assert found == (*_whole(cents, 5), 0), f"{self.at}: {found}, not {cents}"

    def ends(self, *buckets: str) -> None:
        """When each bucket ends, the oldest first; `-` never."""
        found = [one.expires_at for one in reversed(self.billing.buckets(CUSTOMER))]
        assert found == [None if when == "-" else moment(when) for when in buckets], found

    @property
    def waiting(self) -> list[tuple[str, str]]:
        """What waits or failed: its type and the reason."""
        return [(kind, reason) for _, kind, reason in self._open()]

    def _open(self) -> list[tuple[str, str, str]]:
        events = self.billing.stripe_events(limit=100)
        return [(one.id, one.type, str(one.reason)) for one in events if one.status not in SETTLED]


@contextmanager
def open_desk(make_billing: Callable[..., TestBilling], folder: Path, watch: Watch, **more: Any) -> Iterator[Desk]:
    """With the customer `team`. What is said on the wire is held to Stripe's interface."""
    options = {"catalog": CATALOG, "webhook_secrets": (SECRET,), **more}
    billing = make_billing(start=START, **options)
    with served(folder / "sandbox.sqlite3", watch, now=lambda: START) as sandbox:
        billing.gateway = Gateway(KEY, sandbox.url)
        yield Desk(billing, sandbox, service_on(billing))
    assert not watch.wrong, "this is not Stripe's interface:\n" + "\n".join(watch.wrong)


def signed(event: Event, secret: str = SECRET, age: int = 0) -> tuple[bytes, str]:
    """Its body and the header that Stripe would have made so many real seconds ago."""
    body = json.dumps(event | {"pending_webhooks": 1}).encode()
    at = int(time.time()) - age
    return body, stripe.WebhookSignature.generate_signature_header(body.decode(), secret, at)


def twin(event: Event) -> Event:
    """The same fact under an id of its own."""
    return event | {"id": f"{event['id']}_twin"}


def changed(event: Event, id: str, **paths: Any) -> Event:
    """The event with other values at these places of its object (`a__b`: b in a, numbers in lists), under that id."""
    other = copy.deepcopy(event) | {"id": id}
    for path, value in paths.items():
        *way, last = path.split("__")
        place = other["data"]["object"]
        for step in way:
            place = place[int(step) if step.isdigit() else step]
        place[last] = value
    return other


def at_once(*acts: Callable[[], object]) -> None:
    """All of them at the same time, each in a thread of its own; what one raises is raised here."""
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(len(acts)) as pool:
        for one in [pool.submit(act) for act in acts]:
            one.result()


def _whole(figures: str, count: int) -> tuple[int, ...]:
    said = counted(figures)
    return (*said, *(0 for _ in range(count - len(said))))
