"""A stage for every test: a Stripe whose clock stands still, and copies of books where they cost least."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from billing.inbox.handlers import HANDLERS
from tests.conftest import Auditor
from tests.sandbox.serving import Watch, served

from .happening import CATALOG, PRICES, START
from .stage import Stage
from .told import Shelf, World

MEMORY = Path("/dev/shm")
"""Copies are many and short-lived: where there is such a place they need no disk."""


QUIET = {f"payment_intent.{what}" for what in ("canceled", "payment_failed", "succeeded")}
"""Move nothing, and would be many: what is told in every order is told in six places at most."""


@pytest.fixture
def stage(watch: Watch, auditor: Auditor) -> Iterator[Stage]:
    auditor.catalog = CATALOG
    with (
        tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder,
        served(Path(folder) / "sandbox.sqlite3", watch, now=lambda: START) as sandbox,
    ):
        shelf = Shelf(Path(folder))
        yield Stage(World(sandbox, START), shelf, auditor.engines, frozenset(HANDLERS) - QUIET, CATALOG, PRICES)
    assert not watch.wrong, "this is not Stripe's interface:\n" + "\n".join(watch.wrong)
