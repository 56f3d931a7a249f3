"""`billing catalog`: plans and packs as the file says, and from when what was said holds."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import click

from web.cli.group import Failed
from web.cli.opening import engine, migrated
from web.cli.printing import table
from web.cli.pushing import compare, push

_PAID_AFTER = 2 * 3600
_WHY = "Its credits end before Stripe collects the next period's invoice, about an hour after that began."


@click.group()
def catalog() -> None:
    """Plans and packs: check the file, apply it from a date on, put it on sale at Stripe."""


@catalog.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--stripe", is_flag=True, help="Compare it with what is on sale at Stripe, too.")
def check(file: Path, stripe: bool) -> None:
    """Read FILE as the service would, and show what it sells. All errors at once, each with its line."""
    from billing.base.wording import credits_text, money_text
    from billing.catalog.loading import load
    from billing.rules.wallet.endterms import RollOver

    found = load(file)
    rows: list[tuple[str, ...]] = []
    for plan in found.plans.values():
        credits = credits_text(plan.credits, found.units[plan.unit].scale)
        rows.append(
            (
                "plan",
                plan.id,
                plan.name,
                credits,
                plan.unit,
                f"each {plan.every}",
                " ".join(plan.prices) + _retired(plan.retired),
            )
        )
    for pack in found.packs.values():
        credits = credits_text(pack.credits, found.units[pack.unit].scale)
        prices = " ".join([money_text(cents, currency) for currency, cents in pack.prices.items()])
        rows.append(
            (
                "pack",
                pack.id,
                pack.name,
                credits,
                pack.unit,
                prices,
                " ".join(pack.stripe_prices) + _retired(pack.retired),
            )
        )
    for some in found.topups.values():
        scale = found.units[some.id].scale
        bounds = f"{credits_text(some.min, scale)} – {credits_text(some.max, scale)}"
        per = credits_text(some.per, scale)
        prices = " ".join([f"{money_text(cents, currency)}/{per}" for currency, cents in some.price.items()])
        rows.append(("any number", some.id, some.name, bounds, some.id, prices, some.stripe_product or ""))
    table(("kind", "id", "name", "credits", "unit", "for", "Stripe's prices"), rows)
    for plan in found.plans.values():
        rolls_over = isinstance(plan.at_period_end, RollOver) and plan.prices
        if rolls_over and not plan.grace.months and plan.grace.seconds < _PAID_AFTER:
            click.echo(f"plans.{plan.id}: with so short a grace nothing rolls over. {_WHY}", err=True)
    click.echo(f"The catalog is in order. Its version is {found.version}.")
    if stripe:
        compare(found)


@catalog.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--from", "holds_from", metavar="TIME", help="When it comes into force, such as 2026-01-01T00:00:00Z.")
@click.option("--dry-run", is_flag=True, help="Show what would change, and change nothing.")
@click.option("--push", "to_stripe", is_flag=True, help="First put its plans and packs on sale at Stripe.")
@click.option("--yes", is_flag=True, help="Push without asking.")
def apply(file: Path, holds_from: str | None, dry_run: bool, to_stripe: bool, yes: bool) -> None:
    """Let FILE hold, now or from a date on. What was bought keeps its terms until its next period.

    From the first time on the file that the service was started with no longer counts: what was applied does. A plan or
    pack that somebody has can't be removed, write `retired = true` in it.
    """
    from billing import Invalid
    from billing.catalog.loading import load

    since = _instant(holds_from) if holds_from else None
    with engine() as billing:
        migrated(billing.database.engine)
        found = billing.catalog_changes(file, since)
        for change in found:
            keys = f": {', '.join(change.keys)}" if change.keys else ""
            click.echo(f"{change.what} {change.kind} {change.id}{keys}")
        if not found:
            click.echo("Nothing changes.")
        if to_stripe and since is not None and since > billing.clock.now():
            raise click.UsageError("Push when it comes into force: Stripe's prices can't wait for a date.")
        if to_stripe and not push(load(file), yes and not dry_run):
            return
        if dry_run:
            return
        try:
            version = billing.apply_catalog(file, since)
        except Invalid as refused:
            raise Failed("\n".join(sentence for texts in refused.errors.values() for sentence in texts)) from None
        if version is not None:
            click.echo(f"Version {version.catalog.version} holds from {version.holds_from.isoformat()}.")


@catalog.command()
def history() -> None:
    """All versions that were applied, and from when each holds."""
    with engine() as billing:
        migrated(billing.database.engine)
        versions, present = billing.catalog_versions(), billing.catalog.version
    if not versions:
        click.echo(f"None was applied yet: the file holds, its version is {present}.")
        return
    rows = [(str(one.number), one.catalog.version, one.holds_from.isoformat(), one.applied_at.isoformat(),
             "in force" if one.catalog.version == present else "") for one in versions]  # fmt: skip
    table(("number", "version", "holds from", "applied", ""), rows)


def _instant(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise click.BadParameter("Write a time with its zone, such as 2026-01-01T00:00:00Z.", param_hint="--from")
    return found


def _retired(is_so: bool) -> str:
    return " (retired)" if is_so else ""
