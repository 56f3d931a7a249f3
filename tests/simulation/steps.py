"""Steps of a wallet's life, as Hypothesis draws them and as they are then played on engine and model alike.

What is drawn is relative ("the second bucket, ten days more", "to the next thing that is due"), so that shrinking
keeps stories whole; `settled` makes it absolute, by the model's state.
"""

from __future__ import annotations

import os
from collections.abc import Sized
from datetime import datetime, timedelta
from typing import NamedTuple

from hypothesis import strategies as st

from .model import Model
from .pieces import next_month

LIVES = int(os.environ.get("LIVES", "1"))
"""So many times as many lives as `make check` wants; `make soak` wants more."""

START = datetime.fromisoformat("2025-04-28T10:00:00+00:00")
LONG_AGO = START - timedelta(days=40)
TICK = timedelta(microseconds=1)


class Drawn(NamedTuple):
    verb: str
    arguments: dict[str, object]


class Call(NamedTuple):
    """A verb with what it is called with; verb `clock` moves the time."""

    verb: str
    arguments: dict[str, object]


spans = st.sampled_from(
    [timedelta(minutes=1), timedelta(minutes=15), timedelta(hours=5), timedelta(days=1), timedelta(days=9)]
)
features = st.sampled_from([None, None, "image", "video"])
some_credits = st.integers(1, 40)
nth = st.integers(1, 12)
part = st.none() | some_credits

DRAWS: dict[str, st.SearchStrategy[dict[str, object]]] = {
    "grant": st.fixed_dictionaries(
        {
            "credits": some_credits,
            "begins": st.sampled_from([None, None, None, "ago", "later"]),
            "ends": st.sampled_from([None, "month", "now"]) | spans,
            "priority": st.sampled_from([50, 50, 50, 10]),
            "features": st.sampled_from([(), (), (), ("image",), ("image", "video")]),
            "cents": st.just(0) | st.integers(1, 1000),
        }
    ),
    "spend": st.fixed_dictionaries({"credits": some_credits, "feature": features}),
    "reverse": st.fixed_dictionaries({"spend": nth, "credits": part}),
    "hold": st.fixed_dictionaries(
        {"credits": some_credits, "seconds": st.sampled_from([60, 900, 18000, 86400]), "feature": features}
    ),
    "capture": st.fixed_dictionaries({"hold": nth, "credits": part}),
    "release": st.fixed_dictionaries({"hold": nth}),
    "void": st.fixed_dictionaries({"bucket": nth}),
    "extend": st.fixed_dictionaries({"bucket": nth, "by": spans}),
    "overdraft": st.fixed_dictionaries(
        {
            "limit": st.sampled_from([0, 20, 50, None]),
            "debt": st.sampled_from(["repay", "repay", "carry", "forgive"]),
        }
    ),
    "freeze": st.fixed_dictionaries({"frozen": st.sampled_from([False, False, False, True])}),
    "clock": st.fixed_dictionaries({"to": st.sampled_from(["due", "due", "just before", "month"]) | spans}),
}


# Few amounts, few instants and a debt: much meets at one instant, and what comes back finds something owed.
hours = st.sampled_from([timedelta(hours=1), timedelta(hours=5)])
few_credits = st.sampled_from([5, 10, 15])
IN_DEBT: dict[str, st.SearchStrategy[dict[str, object]]] = {
    "grant": st.fixed_dictionaries(
        {
            "credits": few_credits,
            "begins": st.sampled_from([None, None, "later"]),
            "ends": st.none() | hours,
            "priority": st.sampled_from([50, 10]),
            "features": st.just(()),
            "cents": st.sampled_from([0, 100, 301]),
        }
    ),
    "spend": st.fixed_dictionaries({"credits": st.sampled_from([10, 15, 30]), "feature": st.none()}),
    "reverse": st.fixed_dictionaries({"spend": nth, "credits": st.none() | few_credits}),
    "hold": st.fixed_dictionaries(
        {
            "credits": st.sampled_from([10, 15, 30]),
            "seconds": st.sampled_from([3600, 18000]),
            "feature": st.none(),
        }
    ),
    "capture": st.fixed_dictionaries({"hold": nth, "credits": st.none() | few_credits}),
    "release": st.fixed_dictionaries({"hold": nth}),
    "clock": st.fixed_dictionaries({"to": hours | st.sampled_from(["due", "month"])}),
}


def lives(
    draws: dict[str, st.SearchStrategy[dict[str, object]]], often: list[str], most: int, least: int
) -> st.SearchStrategy[list[Drawn]]:
    one = st.sampled_from([*draws, *often]).flatmap(
        lambda verb: draws[verb].map(lambda arguments: Drawn(verb, arguments))
    )
    return st.lists(one, min_size=least, max_size=most)


def drawn_steps(most: int, least: int = 3) -> st.SearchStrategy[list[Drawn]]:
    """Anything that may happen to a wallet."""
    return lives(DRAWS, ["grant", "spend", "spend", "hold", "reverse", "clock"], most, least)


def steps_in_debt(most: int, least: int = 3) -> st.SearchStrategy[list[Drawn]]:
    """A life below zero: an overdraft to begin with, and one of the ways to repay it."""
    begun = DRAWS["overdraft"].map(lambda drawn: [Drawn("overdraft", {**drawn, "limit": 50})])
    return st.tuples(begun, lives(IN_DEBT, ["grant", "hold"], most, least)).map(lambda two: two[0] + two[1])


def settled(model: Model, drawn: Drawn) -> Call | None:
    """The same step in absolute terms. None if it names what is not there."""
    verb, arguments = drawn.verb, dict(drawn.arguments)
    things: dict[str, Sized] = {"spend": model.spends, "hold": model.holds, "bucket": model.buckets}
    for name, made in things.items():
        number = arguments.get(name)
        if isinstance(number, int):
            if not made:
                return None
            arguments[name] = (number - 1) % len(made) + 1
    if verb == "grant":
        arguments["begins"], arguments["ends"] = validity(model.now, arguments["begins"], arguments["ends"])
    if verb == "extend":
        bucket, by = model.buckets[int(str(arguments["bucket"])) - 1], arguments.pop("by")
        assert isinstance(by, timedelta)
        arguments["ends"] = (bucket.expires_at or model.now) + by
    if verb == "clock":
        arguments["to"] = moved(model, arguments["to"])
    return Call(verb, arguments)


def validity(now: datetime, begins: object, ends: object) -> tuple[datetime | None, datetime | None]:
    start = {"ago": LONG_AGO, "later": now + timedelta(hours=5)}.get(str(begins))
    if ends == "month":
        return start, next_month(start or now)
    if ends == "now":
        return start, now
    return start, (start or now) + ends if isinstance(ends, timedelta) else None


def moved(model: Model, to: object) -> datetime:
    """To an instant at which something is due, just before it, to the month's end, or by a span."""
    if isinstance(to, timedelta):
        return model.now + to
    due = min(model.instants(), default=next_month(model.now))
    if to == "month":
        return next_month(model.now)
    return max(model.now, due - TICK) if to == "just before" else due
