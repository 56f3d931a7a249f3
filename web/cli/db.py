"""`billing db`: the tables."""

from __future__ import annotations

import click

from web.cli.group import Failed, listed


@click.group()
def db() -> None:
    """The database's tables."""


@db.command()
def upgrade() -> None:
    """Make the tables, or bring them to this version. Safe to repeat."""
    from billing.base import schema
    from billing.base.settings import Settings
    from billing.base.unavailable import translated

    with translated():
        schema.upgrade(Settings.from_env(demo=True).database_url)
    click.echo("The tables are those of this version.")


@db.command()
def check() -> None:
    """Say whether the tables are those of this version."""
    from billing.base import schema
    from billing.base.db import make_engine
    from billing.base.settings import Settings
    from billing.base.unavailable import translated

    engine = make_engine(Settings.from_env(demo=True).database_url)
    try:
        with translated():
            problems = schema.check(engine)
    finally:
        engine.dispose()
    if problems:
        raise Failed(listed(problems))
    click.echo("The tables are those of this version.")
