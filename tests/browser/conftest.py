"""One browser, and one demo, for all that look at it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.browser import browsing
from tests.browser.browsing import Demo


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with browsing.browser() as running:
        yield running


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    with browsing.served(tmp_path_factory.mktemp("demo")) as running:
        yield running
