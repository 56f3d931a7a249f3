from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa

from billing.base.db import make_engine, metadata

Rows = Callable[[str], dict[str, list[Any]]]


@pytest.fixture
def rows() -> Rows:
    """Every row of every table of the database at a url: what may not change is compared whole."""

    def read(url: str) -> dict[str, list[Any]]:
        engine = make_engine(url)
        try:
            with engine.connect() as connection:
                tables = metadata.sorted_tables
                return {table.name: sorted(map(repr, connection.execute(sa.select(table)))) for table in tables}
        finally:
            engine.dispose()

    return read
