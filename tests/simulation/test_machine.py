"""A state machine drives the engine and the model side by side, and compares them after each step."""

from __future__ import annotations

from typing import ClassVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from billing import Billing

from .engine_side import SetClock
from .life import Life
from .steps import DRAWS, LIVES, START, Drawn

# To shrink a life of thirty steps takes minutes: the long run does it, the quick one only says that there is one.
QUICK = settings(
    max_examples=8,
    stateful_step_count=30,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    report_multiple_bugs=False,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
LONG = settings(QUICK, max_examples=250 * LIVES, stateful_step_count=50, phases=[*QUICK.phases, Phase.shrink])


class Wallet(RuleBasedStateMachine):
    """`billing` and its `clock` stand in a subclass, one for each database."""

    billing: ClassVar[Billing]
    clock: ClassVar[SetClock]

    def __init__(self) -> None:
        super().__init__()
        self.life = Life(self.billing, self.clock)

    @initialize(first=DRAWS["overdraft"])
    def may_owe(self, first: dict[str, object]) -> None:
        self.life.step(Drawn("overdraft", first))

    @rule(arguments=DRAWS["grant"])
    def grant(self, arguments: dict[str, object]) -> None:
        self.life.step(Drawn("grant", arguments))

    @rule(arguments=DRAWS["spend"])
    def spend(self, arguments: dict[str, object]) -> None:
        self.life.step(Drawn("spend", arguments))

    @rule(arguments=DRAWS["reverse"])
    def reverse(self, arguments: dict[str, object]) -> None:
        self.life.step(Drawn("reverse", arguments))

    @rule(arguments=DRAWS["hold"])
    def hold(self, arguments: dict[str, object]) -> None:
        self.life.step(Drawn("hold", arguments))

    @rule(arguments=DRAWS["capture"])
    def capture(self, arguments: dict[str, object]) -> None:
        self.life.step(Drawn("capture", arguments))

    @rule(arguments=DRAWS["release"])
    def release(self, arguments: dict[str, object]) -> None:
        self.life.step(Drawn("release", arguments))

    @rule(arguments=DRAWS["void"])
    def void(self, arguments: dict[str, object]) -> None:
        self.life.step(Drawn("void", arguments))

    @rule(arguments=DRAWS["extend"])
    def extend(self, arguments: dict[str, object]) -> None:
        self.life.step(Drawn("extend", arguments))

    @rule(arguments=DRAWS["overdraft"])
    def overdraft(self, arguments: dict[str, object]) -> None:
        self.life.step(Drawn("overdraft", arguments))

    @rule(arguments=DRAWS["freeze"])
    def freeze(self, arguments: dict[str, object]) -> None:
        self.life.step(Drawn("freeze", arguments))

    @rule(arguments=DRAWS["clock"])
    def time(self, arguments: dict[str, object]) -> None:
        self.life.step(Drawn("clock", arguments))

    @rule(arguments=DRAWS["clock"])
    def time_and_step(self, arguments: dict[str, object]) -> None:
        self.life.step(Drawn("clock", arguments))
        self.life.run_step()

    @rule()
    def same_key_again(self) -> None:
        self.life.engine.again()
        self.life.compare()

    def teardown(self) -> None:
        self.life.look_back()


def run_machine(url: str, with_settings: settings) -> None:
    clock = SetClock(START)
    engine = Billing(url, clock=clock)

    class WalletHere(Wallet):
        billing = engine

    WalletHere.clock = clock
    run_state_machine_as_test(WalletHere, settings=with_settings)
    engine.close()


@pytest.mark.database("sqlite")  # the long one runs on both
def test_engine_agrees_with_the_model(database_url: str) -> None:
    run_machine(database_url, QUICK)


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_engine_agrees_with_the_model_for_long(database_url: str) -> None:
    run_machine(database_url, LONG)
