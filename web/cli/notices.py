"""`billing notices`: what was and will be sent to whom."""

from __future__ import annotations

import click

from web.cli.opening import engine
from web.cli.printing import table, when

STATUSES = ("waiting", "sent", "dropped", "given_up")
CHANNELS = ("mail", "webhook", "staff")


@click.group()
def notices() -> None:
    """What was and will be sent to whom: list it, send it again."""


@notices.command("list")
@click.option("--status", type=click.Choice(STATUSES), help="Only those that stand so.")
@click.option("--customer", metavar="ID", help="Only those about this customer.")
@click.option("--channel", type=click.Choice(CHANNELS), help="Only those sent this way.")
@click.option("--after", metavar="ID", help="Begin behind this notice.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True)
def list_notices(status: str | None, customer: str | None, channel: str | None, after: str | None, limit: int) -> None:
    """Show notices, the newest first, and why they wait or were not sent."""
    with engine() as billing:
        found = billing.notices(status=status, customer=customer, channel=channel, after=after, limit=limit)
        counts, missing = billing.notice_counts(), billing.sending.no_mail
    rows = [
        (when(n.created_at), n.id, n.type, n.channel, n.kind or n.target, n.customer, n.status, str(n.attempts),
         when(n.next_attempt_at), n.reason)
        for n in found
    ]  # fmt: skip
    heads = ("made", "id", "event", "channel", "what", "customer", "status", "attempts", "next attempt", "reason")
    table(heads, rows)
    said = ", ".join(f"{counts[name]:,} {name.replace('_', ' ')}" for name in STATUSES if name in counts)
    click.echo(f"In all: {said or 'none so far'}.", err=True)
    if missing is not None:
        click.echo(missing, err=True)


@notices.command()
@click.argument("ids", nargs=-1, metavar="ID…")
@click.option("--failed", "all_failed", is_flag=True, help="All that were given up.")
@click.pass_context
def replay(ctx: click.Context, ids: tuple[str, ...], all_failed: bool) -> None:
    """Send notices again now; their receivers know them by their ids. Ends with status 1 if one did not get through."""
    if not ids and not all_failed:
        raise click.UsageError("Say which: ids of notices, or --failed.", ctx)
    failed = False
    with engine() as billing:
        for notice in billing.replay_failed_notices() if all_failed else ():
            failed |= notice.status != "sent"
            click.echo(f"{notice.id}: {notice.status}" + (f": {notice.reason}" if notice.reason else ""))
        for id in ids:
            notice = billing.replay_notice(id)
            failed |= notice.status != "sent"
            click.echo(f"{notice.id}: {notice.status}" + (f": {notice.reason}" if notice.reason else ""))
    ctx.exit(1 if failed else 0)
