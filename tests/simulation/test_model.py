"""The model itself against the worked examples: what the engine is compared with has to be right first."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.stories.examples import EXAMPLES
from tests.stories.story import Story

from .model_player import ModelPlayer


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.__name__)
def test_model_agrees_with_the_worked_example(example: Callable[[Story], None]) -> None:
    story = Story(ModelPlayer())
    example(story)
    # assert: every row of the example compares its figures
    assert story.was_refused is None
