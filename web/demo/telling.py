"""Tells the story: from where it stands, so that a telling that was cut off goes on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from web.demo import story
from web.demo.people import CUSTOMERS
from web.demo.story import Step
from web.demo.world import World, catch_up

if TYPE_CHECKING:
    from billing import Billing

Progress = Callable[[int], None]
"""Hears how far it is, in percent."""


def tell(world: World, now: datetime, progress: Progress = lambda _: None) -> None:
    """Lives the customers' months up to `now`, at the sandbox's clock, which the engine's must be.

    Every step says what it does under a key of its own, in a transaction of its own. So whenever the process ends, the
    next one goes on at the last instant that was written, and says that instant's things again.
    """
    stands = _stands_at(world.billing)
    if stands is None:
        began = now - story.LENGTH
        world.sandbox.start_at(began)
    else:
        began = world.billing.find_customer(CUSTOMERS[0].id).created_at
    world.account.sell()
    world.account.promote()
    _play(world, story.steps(began), stands or began, progress)
    _move(world, now)


def _play(world: World, steps: Sequence[Step], stands: datetime, progress: Progress) -> None:
    for number, step in enumerate(steps):
        if step.at < stands:
            continue
        next_day = step.at.date() != world.sandbox.clock.now().date()
        if next_day:
            progress(100 * number // len(steps))
        _move(world, step.at, and_then=next_day)
        step.do(world)
        world.sandbox.drain()


def _move(world: World, to: datetime, *, and_then: bool = True) -> None:
    """On to `to`, doing what falls due on the way when it does; and once more there (verbs do so by themselves)."""

    def after_stop(at: datetime) -> None:
        if at < to or and_then:
            catch_up(world.billing)

    if to > world.sandbox.clock.now():
        world.sandbox.advance(to, after_stop)


def _stands_at(billing: Billing) -> datetime | None:
    """The last instant that was written; None if the story has not begun."""
    if not billing.customers(limit=1):
        return None
    instants = []
    for customer in billing.customers():
        instants.append(customer.created_at)
        instants += [entry.recorded_at for entry in billing.entries(customer.id, limit=1)]
    return max(instants)
