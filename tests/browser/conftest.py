from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.browser.demo import Demo, running
from tests.browser.visiting import LOOKS, Visit, chromium, visiting

Open = Callable[..., Visit]


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """One for all tests: what they do to it, they do to customers of their own."""
    with running(tmp_path_factory.mktemp("demo")) as started:
        yield started


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with chromium() as launched:
        yield launched


@pytest.fixture
def visit(demo: Demo, browser: Browser) -> Iterator[Open]:
    """`visit("phone")`, or with more options of a browser context: at the end nothing may have been complained of."""
    homes = tuple(filter(None, (demo.url, demo.sandbox_url)))
    made: list[Visit] = []
    with ExitStack() as stack:

        def open_visit(look: str = "light", **more: Any) -> Visit:
            made.append(stack.enter_context(visiting(browser, homes, **LOOKS[look], **more)))
            return made[-1]

        yield open_visit
        complaints = [complaint for one in made for complaint in one.complaints]
    assert complaints == []
