"""A database to which the demo's story is told."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from billing import Billing, StandingClock
from billing.base import schema
from web.demo.sold import story_catalog
from web.demo.telling import tell

NOW = datetime(2026, 11, 20, 15, 30, tzinfo=UTC)
SECRET = "whsec_of_a_test"


def empty(folder: Path) -> str:
    """The url of a migrated database."""
    url = f"sqlite:///{folder / 'demo.sqlite3'}"
    schema.upgrade(url)
    return url


def told(url: str, now: datetime = NOW) -> Billing:
    """The engine after the story was told up to `now`."""
    tell(url, story_catalog(), SECRET, now)
    return opened(url, now)


def opened(url: str, now: datetime = NOW) -> Billing:
    return Billing(url, catalog=story_catalog(), clock=StandingClock(now))


def everything(billing: Billing) -> dict[str, Any]:
    """All that the books and the inbox hold."""
    ids = [customer.id for customer in billing.customers()]
    return {
        "customers": billing.customers(),
        "entries": {id: billing.entries(id, limit=10_000) for id in ids},
        "buckets": {id: billing.buckets(id, limit=1000) for id in ids},
        "events": billing.stripe_events(limit=1000),
    }
