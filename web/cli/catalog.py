"""`billing catalog`: plans and packs as the file says, and as they are on sale at Stripe."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from web.cli.printing import table
from web.cli.pushing import compare, push

if TYPE_CHECKING:
    from billing.catalog.terms import Catalog

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
        compare(found)


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
