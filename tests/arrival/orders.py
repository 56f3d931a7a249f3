"""Orders in which events come: all of them, some, and with repetition."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from itertools import permutations

from .stage import Orders
from .told import Event

PERMUTED, BEYOND = 6, 40
"""So many events are told in every order; of more, so many orders."""


def every(events: Sequence[Event]) -> Iterator[Sequence[Event]]:
    """As they happened, then every other order of them; of more than six, random ones."""
    if len(events) <= PERMUTED:
        yield from permutations(events)
        return
    yield events
    yield events[::-1]
    chance = random.Random(len(events))
    for _ in range(BEYOND):
        yield chance.sample(events, len(events))


def some(share: float, seed: int = 7) -> Orders:
    """As they happened, the other way round, and a random share of the other orders."""

    def chosen(events: Sequence[Event]) -> Iterator[Sequence[Event]]:
        yield events
        yield events[::-1]
        chance = random.Random(seed)
        if share:
            yield from (order for order in every(events) if chance.random() < share)

    return chosen
