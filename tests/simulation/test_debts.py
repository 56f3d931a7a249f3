"""Engine and model side by side in lives below zero, where the order of what happens at one instant matters most."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings

from billing import Billing

from .engine_side import SetClock
from .life import Life
from .steps import LIVES, START, Drawn, steps_in_debt

FEW = settings(
    max_examples=10,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
MANY = settings(FEW, max_examples=400 * LIVES)


def live(url: str, with_settings: settings) -> None:
    clock = SetClock(START)
    billing = Billing(url, clock=clock)

    @with_settings
    @given(steps_in_debt(most=25, least=12))
    def lives(steps: list[Drawn]) -> None:
        life = Life(billing, clock)
        for step in steps:
            life.step(step)
        life.look_back()

    lives()
    billing.close()


@pytest.mark.database("sqlite")  # the long one runs on both
def test_lives_in_debt(database_url: str) -> None:
    live(database_url, FEW)


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_lives_in_debt_for_long(database_url: str) -> None:
    live(database_url, MANY)
