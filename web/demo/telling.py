"""Tells the story to an engine: from where it stands, so that a telling that was cut off goes on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from billing import Billing, StandingClock
from web.demo import story
from web.demo.people import CUSTOMERS
from web.demo.story import Step, World

if TYPE_CHECKING:
    from billing import Catalog

Progress = Callable[[int], None]
"""Hears how far it is, in percent."""


def tell(database_url: str, catalog: Catalog, secret: str, now: datetime, progress: Progress = lambda _: None) -> None:
    """Lives the customers' months in that database, which is migrated and holds nothing or a part of this story.

    Every step says what it does under a key or id of its own, in a transaction of its own. So whenever the process
    ends, the next one goes on at the last instant that was written, and says that instant's things again.
    """
    clock = StandingClock(now - story.LENGTH)
    billing = Billing(database_url, catalog=catalog, clock=clock, webhook_secrets=(secret,))
    try:
        stands = _stands_at(billing)
        began = now - story.LENGTH if stands is None else billing.find_customer(CUSTOMERS[0].id).created_at
        clock = StandingClock(began)
        billing.close()
        billing = Billing(database_url, catalog=catalog, clock=clock, webhook_secrets=(secret,))
        steps = story.steps(began)
        _play(World(billing, secret), clock, steps, stands or began, progress)
        clock.move(max(now, clock.now()))
        _catch_up(billing)
    finally:
        billing.close()


def _play(world: World, clock: StandingClock, steps: Sequence[Step], stands: datetime, progress: Progress) -> None:
    for number, step in enumerate(steps):
        if step.at < stands:
            continue
        next_day = step.at.date() != clock.now().date()
        clock.move(step.at)
        if next_day:
            progress(100 * number // len(steps))
            _catch_up(world.billing)
        step.do(world)


def _catch_up(billing: Billing) -> None:
    while billing.catch_up():
        pass


def _stands_at(billing: Billing) -> datetime | None:
    """The last instant that was written; None if the story has not begun."""
    if not billing.customers(limit=1):
        return None
    instants = []
    for customer in billing.customers():
        instants.append(customer.created_at)
        instants += [entry.recorded_at for entry in billing.entries(customer.id, limit=1)]
    instants += [event.received_at for event in billing.stripe_events(limit=1)]
    return max(instants)
