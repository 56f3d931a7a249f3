"""`billing customers auto-topup`: what is bought for a wallet by itself, and how that stands."""

from __future__ import annotations

from typing import Any

import click

from web.cli.opening import engine
from web.cli.printing import when


@click.command("auto-topup")
@click.argument("customer")
@click.option("--unit", default="credits", show_default=True, help="The unit of credits.")
@click.option("--threshold", type=click.IntRange(min=0), help="Buy when so many credits, or fewer, are there.")
@click.option("--pack", help="What is bought.")
@click.option("--target", type=click.IntRange(min=1), help="In place of a pack: buy up to so many.")
@click.option("--max-cents", type=click.IntRange(min=1), help="The most that a month may cost.")
@click.option("--max-count", type=click.IntRange(min=1), help="The most purchases in a month.")
@click.option("--currency", help="The customer's usual one unless given.")
@click.option("--dry-run", is_flag=True, help="Only say what it, or what is set, would have charged lately.")
@click.option("--off", is_flag=True, help="Switch it off.")
@click.option("--resume", is_flag=True, help="End a pause.")
def auto_topup(
    customer: str, unit: str, threshold: int | None, pack: str | None, target: int | None, max_cents: int | None,
    max_count: int | None, currency: str | None, dry_run: bool, off: bool, resume: bool,
) -> None:  # fmt: skip
    """Say how CUSTOMER's automatic top-up stands; set it, switch it off, or resume it."""
    wanted = {"threshold": threshold, "pack": pack, "target": target, "max_cents_per_month": max_cents,
              "max_count_per_month": max_count, "currency": currency}  # fmt: skip
    setting = {name: value for name, value in wanted.items() if value is not None}
    if off and (setting or dry_run or resume):
        raise click.UsageError("--off stands alone: what is switched off is neither set, tried nor resumed.")
    with engine() as billing:
        if dry_run:
            tried = setting or billing.auto_topup(customer, unit).setting or {}
            _tell_preview(billing.preview_auto_topup(customer, tried, unit))
            return
        if off or setting:
            billing.set_wallet(customer, unit, auto_topup=None if off else setting)
        if resume:
            billing.resume_auto_topup(customer, unit)
        _tell(billing.auto_topup(customer, unit))


def _tell(found: Any) -> None:
    from billing.base.wording import money_text

    click.echo(f"{found.customer}, {found.unit}: {found.status}")
    if found.setting is None:
        return
    setting = found.setting
    what = setting.get("pack") or f"up to {setting['target']:,}"
    cap, spent = (
        money_text(cents, setting["currency"]) for cents in (setting["max_cents_per_month"], found.cents_this_month)
    )
    click.echo(f"at {setting['threshold']:,} or fewer: {what}")
    click.echo(f"this month: {found.count_this_month} of {setting['max_count_per_month']}, {spent} of {cap}")
    if found.message is not None:
        click.echo(f"{found.reason}: {found.message}")
    if found.next_attempt_at is not None:
        click.echo(f"not before {when(found.next_attempt_at)} UTC")


def _tell_preview(found: Any) -> None:
    from billing.base.wording import money_text

    times = "once" if len(found.charges) == 1 else f"{len(found.charges)} times"
    click.echo(f"Since {when(found.since)} it would have charged {times}, {money_text(found.cents, found.currency)}.")
    for one in found.charges:
        click.echo(f"  {when(one.at)}  {one.credits:,} for {money_text(one.cents, found.currency)}")
    for at, reason in found.held_back:
        click.echo(f"  {when(at)}  held back by the cap in {'money' if reason == 'cap' else 'number'}")
