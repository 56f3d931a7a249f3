"""The worked examples on the engine: every figure, to the cent, from the entries alone."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from billing.testing import TestBilling

from .engine_player import EnginePlayer
from .examples import EXAMPLES
from .story import Story, moment


@pytest.mark.quick_on("sqlite")
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.__name__)
def test_engine_agrees_with_the_worked_example(
    make_billing: Callable[..., TestBilling], example: Callable[[Story], None]
) -> None:
    engine = make_billing(start=moment("1 Jan 2025 00:00"))
    story = Story(EnginePlayer(engine))
    example(story)
    # assert: every row of the example compares its figures
    assert story.was_refused is None
