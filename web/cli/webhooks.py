"""`billing webhooks`: where programs are told of events."""

from __future__ import annotations

import re
from datetime import timedelta

import click

from web.cli.group import Failed
from web.cli.opening import engine
from web.cli.printing import table, when


@click.group()
def webhooks() -> None:
    """Where programs are told of events, signed by Standard Webhooks."""


@webhooks.command()
@click.argument("url")
@click.option("--events", default="*", show_default=True, help="Names with commas; * is all but credits.spent.")
@click.option("--description", help="For people.")
def add(url: str, events: str, description: str | None) -> None:
    """Tell URL of events from now on. Prints the endpoint's id and, this once, its secret."""
    names = [part for part in re.split(r"[\s,]+", events) if part]
    with engine() as billing:
        made = billing.add_webhook_endpoint(url, names, description=description)
    click.echo(f"{made.id} {made.secret}")


@webhooks.command("list")
def list_endpoints() -> None:
    """Show the endpoints and how they are doing."""
    with engine() as billing:
        found = billing.webhook_endpoints(limit=1000)
    rows = []
    for one in found:
        state = "disabled" if one.disabled_at is not None else "failing" if one.failing_since is not None else "well"
        since = one.disabled_at or one.failing_since
        rows.append(
            (one.id, one.url, ",".join(one.events), state, when(since), one.disabled_reason or one.failing_reason,
             one.description)
        )  # fmt: skip
    table(("id", "url", "events", "state", "since", "reason", "description"), rows)


@webhooks.command()
@click.argument("endpoint", metavar="ID")
def remove(endpoint: str) -> None:
    """Tell it nothing any more. What waited for it is dropped."""
    with engine() as billing:
        click.echo(f"{billing.remove_webhook_endpoint(endpoint).url} is removed.")


@webhooks.command()
@click.argument("endpoint", metavar="ID")
@click.option("--off/--on", default=True, help="Switch it off, or on again.")
def disable(endpoint: str, off: bool) -> None:
    """Send nothing there until it is switched on again."""
    with engine() as billing:
        billing.change_webhook_endpoint(endpoint, enabled=not off)
    click.echo(f"{endpoint} is {'off' if off else 'on'}.")


@webhooks.command()
@click.argument("endpoint", metavar="ID")
def test(endpoint: str) -> None:
    """Send one event `webhook.test` now, and say what came of it. Ends with status 1 if it did not get through."""
    with engine() as billing:
        outcome = billing.test_webhook_endpoint(endpoint)
    if outcome.status != "sent":
        raise Failed(f"Not delivered: {outcome.reason}.")
    click.echo("Delivered.")


@webhooks.command()
@click.argument("endpoint", metavar="ID")
@click.option("--both-for", type=click.IntRange(0, 720), default=24, show_default=True, help="Hours with both secrets.")
def rotate(endpoint: str, both_for: int) -> None:
    """Make a new secret and print it, this once; for a while the old one signs beside it."""
    with engine() as billing:
        click.echo(billing.rotate_webhook_secret(endpoint, timedelta(hours=both_for)).secret)
