"""`billing keys`: who may use the interface."""

from __future__ import annotations

import re

import click


@click.group()
def keys() -> None:
    """Keys of the interface."""


@keys.command()
@click.argument("name")
@click.option("--scopes", required=True, help="Of read, spend, grant, topup, admin; several with commas.")
def create(name: str, scopes: str) -> None:
    """Make a key called NAME and print it, this once, and nothing else."""
    from billing import Billing
    from billing.access import keys as access
    from billing.base.settings import Settings

    settings = Settings.from_env()
    billing = Billing(settings.database_url)
    try:
        with billing.database.write() as tx:
            _, key = access.create(
                tx, settings.secret_keys, name, [part for part in re.split(r"[\s,]+", scopes) if part]
            )
    finally:
        billing.close()
    click.echo(key)
