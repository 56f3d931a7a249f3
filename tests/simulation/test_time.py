"""The order of time: when the step runs, how often, or if ever, changes nothing that a customer sees."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from billing import Billing
from tests.stories.books import all_entries

from .engine_side import EngineSide, SetClock
from .model_side import ModelSide
from .outcomes import Cents, Outcome, Shown
from .steps import LIVES, START, Call, Drawn, drawn_steps, settled

FEW = settings(
    max_examples=10,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
MANY = settings(FEW, max_examples=150 * LIVES)
_customers = count(1)
Movement = tuple[int, str, str, str, int, int, datetime]


def absolute(steps: list[Drawn]) -> tuple[list[Call], datetime]:
    """The story with its instants fixed, and the instant at which it stands at its end."""
    side = ModelSide(START)
    calls = []
    for drawn in steps:
        if (call := settled(side.model, drawn)) is None:
            continue
        calls.append(call)
        if call.verb == "clock":
            to = call.arguments["to"]
            assert isinstance(to, datetime)
            side.clock(to)
        else:
            side.call(call.verb, call.arguments)
    return calls, side.model.now


def play(side: EngineSide, calls: list[Call], *, with_step: bool) -> Iterator[tuple[Outcome | None, Shown]]:
    """What every step answers and shows, with the step run whenever the clock moved, or never."""
    for call in calls:
        outcome = None
        if call.verb == "clock":
            to = call.arguments["to"]
            assert isinstance(to, datetime)
            side.clock(to)
            if with_step:
                side.run_step()
        else:
            outcome = side.call(call.verb, call.arguments)
        yield outcome, side.shown()


def movements(side: EngineSide) -> list[Movement]:
    """All that the books say, but for when it was written down; buckets by the order they were made in."""

    def name(account: str) -> str:
        pocket, _, bucket = account.partition(":")
        return f"{pocket}:{side.buckets.index(bucket)}" if bucket in side.buckets else account

    return [
        (e.number, e.kind, name(e.source), name(e.destination), e.credits, e.cents, e.effective_at)
        for e in all_entries(side.billing, side.customer)
    ]


def check_step_late_or_never(billing: Billing, clock: SetClock, steps: list[Drawn]) -> None:
    calls, _ = absolute(steps)
    punctual = EngineSide(billing, clock, f"time_{next(_customers)}", START)
    seen = list(play(punctual, calls, with_step=True))
    books = movements(punctual)
    never = EngineSide(billing, clock, f"time_{next(_customers)}", START)
    assert list(play(never, calls, with_step=False)) == seen
    never.run_step()
    assert movements(never) == books


def check_two_runs(billing: Billing, clock: SetClock, steps: list[Drawn], ahead: timedelta, way: float) -> None:
    calls, stands_at = absolute(steps)
    ends: list[tuple[Shown, Cents, list[Movement]]] = []
    for stops in ([1.0], [way, 1.0], [way / 2, way, 1.0]):
        side = EngineSide(billing, clock, f"time_{next(_customers)}", START)
        for _ in play(side, calls, with_step=False):
            pass
        for stop in stops:
            side.clock(stands_at + ahead * stop)
            side.run_step()
        ends.append((side.shown(), side.cents(), movements(side)))
    assert ends[1] == ends[0]
    assert ends[2] == ends[0]


aheads = st.sampled_from([timedelta(hours=1), timedelta(days=3), timedelta(days=45)])
ways = st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.75, 0.9])


def late_or_never(database_url: str, with_settings: settings) -> None:
    clock = SetClock(START)
    billing = Billing(database_url, clock=clock)

    @with_settings
    @given(drawn_steps(most=20))
    def lives(steps: list[Drawn]) -> None:
        check_step_late_or_never(billing, clock, steps)

    lives()
    billing.close()


@pytest.mark.database("sqlite")  # the long ones run on both
def test_step_late_or_never_changes_nothing_seen(database_url: str) -> None:
    late_or_never(database_url, FEW)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_step_late_or_never_changes_nothing_seen_for_long(database_url: str) -> None:
    late_or_never(database_url, MANY)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_one_run_equals_several(database_url: str) -> None:
    clock = SetClock(START)
    billing = Billing(database_url, clock=clock)

    @MANY
    @given(drawn_steps(most=20), aheads, ways)
    def lives(steps: list[Drawn], ahead: timedelta, way: float) -> None:
        check_two_runs(billing, clock, steps, ahead, way)

    lives()
    billing.close()
