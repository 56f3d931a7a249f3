"""The engine that the environment's settings describe."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from web.cli.group import Failed, listed
from web.cli.printing import when

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from billing import Billing


@contextmanager
def engine() -> Iterator[Billing]:
    """Opened for one command, and closed after it; on the demo's database by the demo's clock, which may have been
    moved: that is said. Raises SettingsInvalid, CatalogInvalid.
    """
    from billing import Billing
    from billing.base.settings import Settings
    from web.demo import clock

    settings = Settings.from_env(demo=True)  # in process nothing is signed: no secret keys needed
    moved = clock.moved(settings.database_url)
    if moved is not None:
        click.echo(f"By the demo's clock: it is {when(moved.now())} UTC there.", err=True)
    billing = Billing.of_settings(settings, moved)
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
