"""The engine that the environment's settings describe."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from web.cli.group import Failed, listed

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from billing import Billing


@contextmanager
def engine() -> Iterator[Billing]:
    """Opened for one command, and closed after it. Raises SettingsInvalid, CatalogInvalid."""
    from billing import Billing

    billing = Billing.from_env()
    try:
        yield billing
    finally:
        billing.close()


def migrated(engine: Engine) -> None:
    """Fails with what is to be done where the database's tables are not this version's."""
    from billing.base import schema
    from billing.base.unavailable import translated

    with translated():
        problems = schema.check(engine)
    if problems:
        raise Failed(listed(problems))
