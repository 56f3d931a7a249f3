"""`billing import`: opening balances from elsewhere."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from web.cli.amounts import Moment
from web.cli.group import Failed, listed
from web.cli.opening import engine

if TYPE_CHECKING:
    from billing import Billing
    from billing.engine.importing import Brought
    from billing.sales.import_file import Wrong

MOST_SAID = 1_000


@click.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--at", type=Moment(), help="Since when the balances hold, such as the moment of moving. Now unless given."
)
@click.option("--dry-run", is_flag=True, help="Say what it would bring, and bring nothing.")
def bring(file: Path, at: datetime | None, dry_run: bool) -> None:
    """Bring the opening balances in FILE (CSV: customer, credits; begins, ends, paid_cents, currency, unit, name,
    email, stripe_customer_id, row).

    All that is wrong is said at once, and then nothing is brought. What was brought before counts once, so the same
    file may be given again. What a stripe_customer_id paid before `--at` grants nothing: it is in the balance.
    """
    from billing.engine import importing
    from billing.sales import import_file

    with engine() as billing:
        since = at or billing.clock.now()
        try:
            with file.open(encoding="utf-8-sig", newline="") as text:
                rows, wrong = import_file.read(text, billing.catalog, since)
        except UnicodeDecodeError:
            raise Failed(f"{file} is not UTF-8.") from None
        _refuse(wrong)
        done = importing.judge(billing, rows, since) if dry_run else importing.bring(billing, rows, since)
        _refuse(done.wrong)
        click.echo(_sentence(billing, done, dry_run))
        if done.begun and not dry_run:
            while billing.handle_stripe_events():  # what waited for a link or a beginning is due now
                pass


def _refuse(wrong: list[Wrong] | tuple[Wrong, ...]) -> None:
    if wrong:
        more = [f"and {len(wrong) - MOST_SAID:,} more"] if len(wrong) > MOST_SAID else []
        raise Failed(listed([*map(str, wrong[:MOST_SAID]), *more, "Nothing was brought."]))


def _sentence(billing: Billing, done: Brought, dry_run: bool) -> str:
    from billing.base.wording import credits_text, money_text

    units = billing.catalog.units
    parts = [f"{credits_text(count, units[unit].scale)} {unit}" for unit, count in sorted(done.credits.items())]
    paid = [money_text(cents, currency) for currency, cents in sorted(done.paid_cents.items())]
    what = f"{_count(done.balances, 'balance')}" + (f" ({', '.join(parts)})" if parts else "")
    what += f", paid {', '.join(paid)}" if paid else ""
    also = [_count(done.customers, "new customer"), f"{done.links:,} linked to Stripe", f"{done.again:,} there already"]
    return f"{'Would bring' if dry_run else 'Brought'} {what}; {', '.join(also)}."


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
