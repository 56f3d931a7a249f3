"""`billing stripe`: what never arrived, and the webhook endpoint."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import click

from web.cli.amounts import Moment
from web.cli.opening import engine

if TYPE_CHECKING:
    from billing.inbox.endpoint import Checked


@click.group()
def stripe() -> None:
    """Stripe: find what never arrived, make or check the webhook endpoint."""


@stripe.command()
@click.option(
    "--since",
    type=Moment(),
    help="Look through customers' invoices, sessions, refunds and disputes since then, too.",
)
@click.pass_context
def sync(ctx: click.Context, since: datetime | None) -> None:
    """Find what happened at Stripe and never arrived here, and handle it.

    Stripe lists its events for 30 days. If it is interrupted, the next one goes on. Ends with status 1 if anything that
    was found waits or failed.
    """
    looked, healed, open_still = 0, 0, 0
    with engine() as billing:
        for found in billing.look_through_stripe(since):
            looked += found.looked
            for event in found.healed:
                healed += 1
                open_still += event.status not in ("done", "ignored")
                reason = f": {event.reason}" if event.reason else ""
                click.echo(f"{event.id}: {event.type} of {event.object_id} {event.status}{reason}")
    click.echo(f"Looked at {looked}; {healed} had never arrived, {open_still} of them are still to be handled.")
    ctx.exit(1 if open_still else 0)


@stripe.command()
@click.argument("url")
@click.option("--change", is_flag=True, help="Mend what can be changed of an endpoint that is there.")
@click.pass_context
def webhook(ctx: click.Context, url: str, change: bool) -> None:
    """Make the webhook endpoint for URL at Stripe, or say how the one that is there differs.

    It listens to exactly the events that are handled. Its secret is printed once, when it is made. Ends with status 1
    if something differs.
    """
    with engine() as billing:
        checked = billing.stripe_webhook(url, change=change)
        deaf = not billing.webhook_secrets
    _say(checked)
    if deaf and not checked.made:
        click.echo("STRIPE_WEBHOOK_SECRETS is not set here: where it is not, all that arrives is refused.", err=True)
    ctx.exit(1 if checked.differences else 0)


def _say(checked: Checked) -> None:
    endpoint = checked.endpoint
    mode = "live" if endpoint.livemode else "test"
    what = "made" if checked.made else "changed" if checked.changed else "there already"
    click.echo(
        f"{endpoint.id} ({mode} mode) {what}: {len(endpoint.events)} types of events, to {endpoint.url}", err=True
    )
    if endpoint.secret is not None:
        click.echo("Its secret, which Stripe shows once; add it to STRIPE_WEBHOOK_SECRETS:", err=True)
        click.echo(endpoint.secret)
    elif not checked.differences:
        click.echo(
            "It is as it should be. Its secret stands in the Dashboard; GET /readyz counts what a wrong one refuses.",
            err=True,
        )
    for difference in checked.differences:
        click.echo(difference, err=True)
