"""`billing audit`: our books against themselves."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from web.cli.opening import engine


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print a list of breaches as JSON.")
@click.pass_context
def audit(ctx: click.Context, as_json: bool) -> None:
    """Check the books against themselves, in one snapshot. Ends with status 1 if anything does not add up."""
    with engine() as billing:
        breaches = billing.audit()
    if as_json:
        click.echo(json.dumps([asdict(breach) for breach in breaches], indent=2, ensure_ascii=False))
    elif breaches:
        for breach in breaches:
            click.echo(str(breach))
    else:
        click.echo("The books add up.")
    ctx.exit(1 if breaches else 0)
