"""One life, lived twice: by the model and by the engine, compared after each step."""

from __future__ import annotations

from datetime import datetime
from itertools import count
from typing import TYPE_CHECKING

from .engine_side import EngineSide, SetClock
from .model_side import ModelSide
from .outcomes import Cents, No, Shown
from .steps import START, Drawn, settled

if TYPE_CHECKING:
    from billing import Billing

_customers = count(1)


def agree(engine: Shown | Cents, model: Shown | Cents) -> None:
    pairs = zip(engine._fields, engine, model, strict=True)
    differences = [f"{name}: engine {has}, model {should}" for name, has, should in pairs if has != should]
    assert not differences, "; ".join(differences)


class Life:
    def __init__(self, billing: Billing, clock: SetClock) -> None:
        self.model = ModelSide(START)
        self.engine = EngineSide(billing, clock, f"life_{next(_customers)}", START)
        self.written = True  # is all that is due written down, not only shown?
        self.was: dict[datetime, tuple[int, int, int]] = {}

    def step(self, drawn: Drawn) -> None:
        call = settled(self.model.model, drawn)
        if call is None:
            return
        if call.verb == "clock":
            to = call.arguments["to"]
            assert isinstance(to, datetime)
            self.model.clock(to)
            self.engine.clock(to)
            self.written = False
        else:
            said = self.engine.call(call.verb, call.arguments)
            expected = self.model.call(call.verb, call.arguments)
            assert said == expected, f"{call}: {said}, not {expected}"
            # A hold that has ended answers from memory, and a refusal may come before the wallet is opened.
            remembers = call.verb in ("capture", "release") or isinstance(said, No)
            self.written = self.written or not remembers
        self.compare()

    def run_step(self) -> None:
        self.engine.run_step()
        self.written = True
        self.compare()

    def compare(self) -> None:
        shown = self.engine.shown()
        agree(shown, self.model.shown())
        if self.written:
            agree(self.engine.cents(), self.model.cents())
        self.was[self.model.model.now] = (shown.available, shown.held, shown.owed)

    def look_back(self) -> None:
        """What was shown at an instant is what the books say of it, whichever way they are asked."""
        billing, customer = self.engine.billing, self.engine.customer
        self.run_step()
        for when, shown in self.was.items():
            for wallet in (billing.wallet(customer, at=when), billing.wallet(customer, as_of=when)):
                assert (wallet.available, wallet.held, wallet.owed) == shown, when
