"""What a request may reach for: the engine, the settings, the time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from threading import BoundedSemaphore
from typing import TYPE_CHECKING, cast

from flask import current_app

from web.prices import Prices

if TYPE_CHECKING:
    from billing import Billing, Transaction
    from billing.base.settings import Settings

EXTENSION = "billing"

MOST_ASKING = 4
"""Half of the threads that `billing serve` has in a process."""


@dataclass(frozen=True, slots=True)
class Demo:
    """What every page of a demo shows beside its time: where it begins, and where its clock is moved (None: it can't
    be, the payments are those of a real account's test mode).
    """

    home: str
    controls: str | None


@dataclass
class Heard:
    """What Stripe's endpoint took and turned away since this process began, by why: a wrong secret and a wrong clock
    look alike from Stripe's side.
    """

    taken: int = 0
    refused: Counter[str] = field(default_factory=Counter)

    def shown(self) -> dict[str, int]:
        return {
            "taken": self.taken,
            "refused_signature": self.refused["signature"],
            "refused_tolerance": self.refused["tolerance"],
            "refused_other": self.refused.total() - self.refused["signature"] - self.refused["tolerance"],
        }


@dataclass(frozen=True, slots=True)
class State:
    """`checks`: what else must be well for the service to be ready, by name; each says what is wrong, or None. `demo`
    is None outside of one. `prices` remembers what Stripe's prices are. `asking` lets so many
    wait for Stripe at once: when it is silent, those who buy or come back from paying must not hold every thread.
    """

    billing: Billing
    settings: Settings
    checks: Mapping[str, Callable[[], str | None]] = field(default_factory=dict)
    demo: Demo | None = None
    prices: Prices = field(default_factory=Prices)
    asking: BoundedSemaphore = field(default_factory=lambda: BoundedSemaphore(MOST_ASKING))
    heard: Heard = field(default_factory=Heard)


PATIENCE = 2.0
"""Seconds for which a purchase waits for its turn to ask Stripe."""


@contextmanager
def turn_to_ask(patience: float | None = None) -> Iterator[None]:
    """One of the few who may wait for Stripe at once; waits `patience` seconds (a purchase's) for its turn. Raises
    StripeUnavailable where nobody else may for the moment.
    """
    from billing import StripeUnavailable

    if not state().asking.acquire(timeout=PATIENCE if patience is None else patience):
        raise StripeUnavailable("Too many are waiting for Stripe just now. Send the same request again.")
    try:
        yield
    finally:
        state().asking.release()


def state() -> State:
    """What the application was made with."""
    return cast("State", current_app.extensions[EXTENSION])


def engine() -> Billing:
    return state().billing


def sells_credits() -> bool:
    """Is there a pack, or any number of credits, to be bought?"""
    catalog = engine().catalog
    return bool(catalog.packs_on_sale or catalog.topups)


@contextmanager
def snapshot() -> Iterator[Transaction]:
    """Several questions, one state of the books: what a page shows adds up."""
    from billing import Transaction

    with engine().database.read() as tx:
        yield Transaction(tx, engine().catalog)


def secrets() -> Sequence[str]:
    """The secrets that links and keys are signed with, newest first."""
    return state().settings.secret_keys


def clock_now() -> datetime:
    """The engine's time: pages and links go by the clock that credits go by."""
    return engine().clock.now()
