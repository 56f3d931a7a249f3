"""A world to which the demo's story is told: an engine's database, and a sandbox's file beside it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from billing import Billing
from billing.base import schema
from billing.stripe.gateway import Gateway
from web.demo.account import Account
from web.demo.clock import DemoClock
from web.demo.sold import story_catalog
from web.demo.telling import tell
from web.demo.world import World
from web.sandbox import Sandbox, serve

NOW = datetime(2026, 11, 20, 15, 30, tzinfo=UTC)
SECRET = "whsec_of_a_test"
KEY = "sk_test_demo"


@contextmanager
def opened(folder: Path, now: datetime = NOW, url: str | None = None) -> Iterator[World]:
    """The world in that folder (its books at `url`, by default in a file there), at a clock that stands at `now`."""
    url = url or f"sqlite:///{folder / 'billing.sqlite3'}"
    schema.upgrade(url)
    clock, sandbox = DemoClock(), Sandbox(folder / "sandbox.sqlite3", now=lambda: now)
    clock.sandbox = sandbox
    served = serve(sandbox)
    billing = Billing(
        url, catalog=story_catalog(), clock=clock, gateway=Gateway(KEY, served.url), webhook_secrets=(SECRET,)
    )
    account = Account(served.url, KEY)
    sandbox.listen("http://127.0.0.1:1/webhooks/stripe", SECRET, deliver=delivery(billing))
    try:
        yield World(billing, sandbox, account)
    finally:
        account.close()
        served.close()
        sandbox.close()
        billing.close()


def delivery(billing: Billing) -> Callable[[bytes, str], int]:
    """The webhook's door, without HTTP."""

    def deliver(body: bytes, signature: str) -> int:
        billing.receive_stripe_event(body, signature)
        return 200

    return deliver


def told(folder: Path, now: datetime = NOW, url: str | None = None) -> None:
    """The story is told there up to `now`, or to its end where it was cut off."""
    with opened(folder, now, url) as world:
        tell(world, now)


def copied(folder: Path, to: Path) -> Path:
    """A copy of a world that nobody writes to."""
    shutil.copytree(folder, to, dirs_exist_ok=True)
    return to


def everything(billing: Billing) -> dict[str, Any]:
    """All that the books hold, and what Stripe told."""
    ids = [customer.id for customer in billing.customers()]
    return {
        "customers": billing.customers(),
        "entries": {id: billing.entries(id, limit=10_000) for id in ids},
        "buckets": {id: billing.buckets(id, limit=1000) for id in ids},
        "events": billing.stripe_events(limit=1000),
    }


def in_short(billing: Billing) -> dict[str, Any]:
    """What came of it, but for what is another at each telling: Stripe's ids, and the seconds that an answer took."""
    return {
        id: [
            (bucket.description, bucket.granted, bucket.remaining, bucket.held, bucket.status)
            for bucket in billing.buckets(id, limit=1000)
        ]
        for id in (customer.id for customer in billing.customers())
    }
