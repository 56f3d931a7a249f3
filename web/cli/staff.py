"""`billing staff`: who of the business may look at the books. No password is ever typed here."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from web.cli.printing import table, when

if TYPE_CHECKING:
    from datetime import datetime

    from billing import Billing
    from billing.base.settings import Settings

ROLES = ("viewer", "reviewer", "approver", "admin")

role_option = click.option(
    "--role", type=click.Choice(ROLES), required=True, help="Each may do what those before it may."
)


@click.group()
def staff() -> None:
    """Who may look at the books, and what else they may."""


@staff.command()
@click.argument("email")
@role_option
def add(email: str, role: str) -> None:
    """Let EMAIL in, and print the link that sets their password: it works once, for a day. Hand it to them alone."""
    from billing.access import staff as members

    with _opened() as (settings, billing, now), billing.database.write() as tx:
        _, token = members.add(tx, email, role, now)
    click.echo(_address(settings, token))


@staff.command()
@click.argument("email")
def link(email: str) -> None:
    """Print a new link that sets EMAIL's password, such as when it was forgotten."""
    from billing.access import staff as members

    with _opened() as (settings, billing, now), billing.database.write() as tx:
        token = members.new_link(tx, email, now)
    click.echo(_address(settings, token))


@staff.command()
@click.argument("email")
@role_option
def role(email: str, role: str) -> None:
    """Change what EMAIL may, at once."""
    from billing.access import staff as members

    with _opened() as (_, billing, _), billing.database.write() as tx:
        members.set_role(tx, email, role)
    click.echo(f"{members.plain(email)} is {role} now.")


@staff.command()
@click.argument("email")
def disable(email: str) -> None:
    """Shut EMAIL out, wherever they are signed in."""
    from billing.access import staff as members

    with _opened() as (_, billing, now), billing.database.write() as tx:
        members.disable(tx, email, now)
    click.echo(f"{members.plain(email)} can't sign in any more.")


@staff.command("list")
def list_staff() -> None:
    """All of them, by e-mail."""
    from billing.access import staff as members

    with _opened() as (_, billing, _), billing.database.read() as tx:
        found = members.every(tx)
    rows = [
        (one.email, one.role, when(one.created_at),
         "disabled" if one.disabled_at else "ready" if one.ready else "has no password yet")
        for one in found
    ]  # fmt: skip
    table(("e-mail", "role", "since", "state"), rows)


@contextmanager
def _opened() -> Iterator[tuple[Settings, Billing, datetime]]:
    """The settings, an engine on their database, and the real time."""
    from billing import Billing, SystemClock
    from billing.base.settings import Settings

    settings = Settings.from_env()
    billing = Billing(settings.database_url)
    try:
        yield settings, billing, SystemClock().now()
    finally:
        billing.close()


def _address(settings: Settings, token: str) -> str:
    return f"{settings.public_url}/finance/welcome/{token}"
