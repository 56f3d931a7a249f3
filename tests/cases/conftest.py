from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import structlog

from billing.testing import TestBilling
from tests.cases.desk import Desk, open_desk
from tests.sandbox.serving import Watch


@pytest.fixture
def desk(make_billing: Callable[..., TestBilling], tmp_path: Path, watch: Watch) -> Iterator[Desk]:
    with open_desk(make_billing, tmp_path, watch) as desk:
        yield desk


@pytest.fixture(autouse=True)
def quiet() -> None:
    """What the service logs is looked at elsewhere."""
    structlog.configure(
        processors=[structlog.processors.KeyValueRenderer()], logger_factory=structlog.ReturnLoggerFactory()
    )
