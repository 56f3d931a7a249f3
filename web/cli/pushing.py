"""A catalog and what is on sale at Stripe: compared, and made the same once that is agreed to."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from web.cli.group import Failed, listed
from web.cli.printing import table

if TYPE_CHECKING:
    from billing.catalog.push import Difference
    from billing.catalog.terms import Catalog
    from billing.stripe.gateway import Gateway


def compare(found: Catalog) -> None:
    """Shows the difference; fails where there is one."""
    from billing.catalog.push import difference

    differs = difference(_gateway(), found)
    _show(differs)
    if differs.changes or differs.problems:
        raise Failed("What is on sale at Stripe is not what the catalog says.")
    click.echo("Stripe sells the same.")


def push(found: Catalog, yes: bool) -> bool:
    """Shows what would be done at Stripe, and does it once that is agreed to. Does Stripe sell the same now?"""
    from billing.catalog.push import difference
    from billing.catalog.push import push as put

    gateway = _gateway()
    differs = difference(gateway, found)
    _show(differs)
    if not differs.changes:
        click.echo("Stripe sells the same: nothing to do there.")
    elif yes or (sys.stdin.isatty() and click.confirm("Do it?")):
        put(gateway, found, differs)
        click.echo("Done.")
    else:
        click.echo("Nothing was changed. Say --yes to do it.")
        return False
    if differs.problems:
        raise Failed("Some of it a push can't mend: see above.")
    return True


def _show(differs: Difference) -> None:
    rows = [(one.act, "product" if one.product else "price", one.what, one.words) for one in differs.changes]
    if rows:
        table(("to do", "at Stripe", "which", "what"), rows)
    if differs.problems:
        click.echo(listed(differs.problems))


def _gateway() -> Gateway:
    """Of the key that the settings name."""
    from billing.base.settings import Settings
    from billing.sales.asking.offers import NOT_CONFIGURED
    from billing.stripe.gateway import Gateway

    settings = Settings.from_env()
    if settings.stripe_secret_key is None:
        raise Failed(NOT_CONFIGURED)
    return Gateway(settings.stripe_secret_key, settings.stripe_api_base)
