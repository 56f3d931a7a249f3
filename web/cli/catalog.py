"""`billing catalog`: plans and packs as the file says, and as they are on sale at Stripe."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from web.cli.group import Failed, listed
from web.cli.printing import table

if TYPE_CHECKING:
    from billing.catalog.push import Difference
    from billing.catalog.terms import Catalog
    from billing.stripe.gateway import Gateway

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group()
def catalog() -> None:
    """Plans and packs: check the file, put them on sale at Stripe."""


@catalog.command()
@click.argument("file", type=FILE)
@click.option("--stripe", is_flag=True, help="Compare it with what is on sale at Stripe, too.")
def check(file: Path, stripe: bool) -> None:
    """Read FILE as the service would, and show what it sells. All errors at once, each with its line."""
    from billing.catalog.loading import load

    found = load(file)
    table(("kind", "id", "name", "credits", "unit", "for", "Stripe's prices"), _rows(found))
    click.echo(f"The catalog is in order. Its version is {found.version}.")
    if stripe:
        from billing.catalog.push import difference

        differs = difference(_gateway(), found)
        _show(differs)
        if differs.changes or differs.problems:
            raise Failed("What is on sale at Stripe is not what the catalog says.")
        click.echo("Stripe sells the same.")


@catalog.command()
@click.argument("file", type=FILE)
@click.option("--push", "to_stripe", is_flag=True, help="Put its plans and packs on sale at Stripe.")
@click.option("--yes", is_flag=True, help="Without asking.")
def apply(file: Path, to_stripe: bool, yes: bool) -> None:
    """Put what FILE sells on sale at Stripe: shows the difference, and asks before anything is changed.

    An amount is never edited: another price takes its place, and whoever subscribes at the old one keeps it.
    """
    from billing.catalog.loading import load

    if not to_stripe:
        raise click.UsageError("Say --push: the service itself reads the file that BILLING_CATALOG names.")
    push(load(file), yes)


def push(found: Catalog, yes: bool) -> None:
    """Shows what would be done at Stripe, and does it once that is agreed to."""
    from billing.catalog.push import difference
    from billing.catalog.push import push as put

    gateway = _gateway()
    differs = difference(gateway, found)
    _show(differs)
    if not differs.changes:
        click.echo("Stripe sells the same: nothing to do.")
    elif not yes and not sys.stdin.isatty():
        click.echo("Nothing was changed. Say --yes to do it.")
        return
    elif yes or click.confirm("Do it?"):
        put(gateway, found, differs)
        click.echo("Done.")
    if differs.problems:
        raise Failed("Some of it a push can't mend: see above.")


def _rows(found: Catalog) -> list[tuple[str, ...]]:
    from billing.base.wording import credits_text, money_text

    rows: list[tuple[str, ...]] = []
    for plan in found.plans.values():
        credits = credits_text(plan.credits, found.units[plan.unit].scale)
        rows.append(("plan", plan.id, plan.name, credits, plan.unit, f"each {plan.every}", " ".join(plan.prices)))
    for pack in found.packs.values():
        credits = credits_text(pack.credits, found.units[pack.unit].scale)
        prices = " ".join([money_text(cents, currency) for currency, cents in pack.prices.items()])
        rows.append(("pack", pack.id, pack.name, credits, pack.unit, prices, " ".join(pack.stripe_prices)))
    for some in found.topups.values():
        scale = found.units[some.id].scale
        bounds = f"{credits_text(some.min, scale)} – {credits_text(some.max, scale)}"
        per = credits_text(some.per, scale)
        prices = " ".join([f"{money_text(cents, currency)}/{per}" for currency, cents in some.price.items()])
        rows.append(("any number", some.id, some.name, bounds, some.id, prices, some.stripe_product or ""))
    return rows


def _show(differs: Difference) -> None:
    rows = [(one.act, "product" if one.product else "price", one.what, one.words) for one in differs.changes]
    if rows:
        table(("to do", "at Stripe", "which", "what"), rows)
    if differs.problems:
        click.echo(listed(differs.problems))


def _gateway() -> Gateway:
    """Of the key that the settings name."""
    from billing.base.settings import Settings
    from billing.sales.offers import NOT_CONFIGURED
    from billing.stripe.gateway import Gateway

    settings = Settings.from_env()
    if settings.stripe_secret_key is None:
        raise Failed(NOT_CONFIGURED)
    return Gateway(settings.stripe_secret_key, settings.stripe_api_base)
