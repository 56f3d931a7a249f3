"""`billing catalog`: plans and packs as the file says."""

from __future__ import annotations

from pathlib import Path

import click

from web.cli.printing import table


@click.group()
def catalog() -> None:
    """Plans and packs: check the file."""


@catalog.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def check(file: Path) -> None:
    """Read FILE as the service would, and show what it sells. All errors at once, each with its line."""
    from billing.base.wording import credits_text, money_text
    from billing.catalog.loading import load

    found = load(file)
    rows: list[tuple[str, ...]] = []
    for plan in found.plans.values():
        credits = credits_text(plan.credits, found.units[plan.unit].scale)
        rows.append(("plan", plan.id, plan.name, credits, plan.unit, f"each {plan.every}", " ".join(plan.prices)))
    for pack in found.packs.values():
        credits = credits_text(pack.credits, found.units[pack.unit].scale)
        prices = " ".join([money_text(cents, currency) for currency, cents in pack.prices.items()])
        rows.append(("pack", pack.id, pack.name, credits, pack.unit, prices, " ".join(pack.stripe_prices)))
    table(("kind", "id", "name", "credits", "unit", "for", "Stripe's prices"), rows)
    click.echo(f"The catalog is in order. Its version is {found.version}.")
