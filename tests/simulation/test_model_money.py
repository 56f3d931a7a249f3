"""The model by itself: whatever happens, nothing is lost and nothing is minted."""

from __future__ import annotations

from hypothesis import given, settings

from .model_side import ModelSide
from .outcomes import No
from .steps import START, Drawn, drawn_steps, settled


@settings(max_examples=200, deadline=None)
@given(drawn_steps(most=40))
def test_model_neither_loses_nor_mints(steps: list[Drawn]) -> None:
    side = ModelSide(START)
    paid = 0
    for drawn in steps:
        call = settled(side.model, drawn)
        if call is None:
            continue
        if call.verb == "clock":
            side.clock(call.arguments["to"])  # type: ignore[arg-type]
            continue
        outcome = side.call(call.verb, call.arguments)
        if call.verb == "grant" and not isinstance(outcome, No):
            paid += side.model.buckets[-1].paid_cents
        cents = side.cents()
        assert sum(cents.buckets) + cents.earned + cents.broken + cents.voided == paid
        assert min(cents.buckets, default=0) >= 0
        assert side.model.owed >= 0
        for bucket in side.model.buckets:
            assert bucket.free + bucket.held or not bucket.cents, "the last credit takes the last cent"
            assert bucket.free + bucket.held <= bucket.granted
