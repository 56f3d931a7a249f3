"""`billing report`: what finance asks, on a terminal."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from web.cli.opening import engine
from web.cli.printing import table, when

if TYPE_CHECKING:
    from billing.finance.reconciliation_values import Reconciliation


@click.group()
def report() -> None:
    """What finance asks."""


@report.command()
@click.option("--month", type=click.DateTime(["%Y-%m"]), help="Such as 2026-11. The present one unless given.")
@click.option("--offline", is_flag=True, help="Ask Stripe nothing: read what its events told.")
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
@click.pass_context
def reconciliation(ctx: click.Context, month: datetime | None, offline: bool, as_json: bool) -> None:
    """Stripe's payments, our grants, our books: what differs, why, and what to do. Ends with status 1 if anything does.

    Nothing is repaired. Stripe itself is asked where STRIPE_SECRET_KEY is set.
    """
    from billing.finance import at_stripe
    from billing.finance.reconciliation import reconcile
    from web.finance.months import month_of

    with engine() as billing:
        its = month_of(None if month is None else f"{month:%Y-%m}", billing.clock.now())
        asked, back = None, []
        if billing.gateway is not None and not offline:
            asked = at_stripe.paid(billing.gateway, its.since, its.until)
            back = at_stripe.returned(billing.gateway, its.since, its.until)
        with billing.database.read() as tx:
            found = reconcile(tx, billing.catalog, its.since, its.until, at_stripe=asked, back=back,
                              start=billing.stripe_start)  # fmt: skip
    if as_json:
        click.echo(json.dumps({"month": its.written, **_plain(asdict(found))}, indent=2, ensure_ascii=False))
    else:
        _print(found, its.name)
    ctx.exit(0 if found.agrees else 1)


def _print(found: Reconciliation, month: str) -> None:
    click.echo(f"{month}, by what {'Stripe says' if found.asked else 'Stripe’s events told'}:")
    table(
        ("currency", "paid", "granted", "booked", "outside Stripe", "returned", "taken back"),
        [(tie.currency, *map(str, (tie.paid_cents, tie.granted_cents, tie.booked_cents, tie.outside_cents,
                                   tie.returned_cents, tie.taken_cents)))
         for tie in found.ties],
    )  # fmt: skip
    if not found.differences:
        unsaid = "The sums differ, and no payment by itself says why: ask Stripe, and run billing audit."
        click.echo("Nothing differs." if found.agrees else unsaid)
        return
    table(
        ("since", "kind", "payment", "customer", "paid", "granted", "booked", "cause", "next step"),
        [(when(one.since), one.kind, one.where, one.customer, _cents(one.paid_cents), _cents(one.granted_cents),
          _cents(one.booked_cents), one.cause, one.next_step) for one in found.differences],
    )  # fmt: skip


def _cents(cents: int | None) -> str | None:
    return None if cents is None else str(cents)


def _plain(value: Any) -> Any:
    """Times as text, tuples as lists."""
    if isinstance(value, dict):
        return {name: _plain(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    return value.isoformat().replace("+00:00", "Z") if isinstance(value, datetime) else value
