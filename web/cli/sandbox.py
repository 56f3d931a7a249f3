"""`billing sandbox`: a stand-in for Stripe, served on loopback until Ctrl-C or SIGTERM."""

from __future__ import annotations

import signal
import socket
import threading
from pathlib import Path

import click

from web.cli.group import Failed

HOST = "127.0.0.1"
FIRST_PORT = 8010
_TRIED = 100
KEY = "sk_test_sandbox"


@click.command()
@click.option("--port", type=click.IntRange(1, 65535), envvar="SANDBOX_PORT", show_envvar=True,
              help=f"The next free one from {FIRST_PORT} unless given.")  # fmt: skip
@click.option("--webhook", metavar="URL", help="Where to send events; the secret they are signed with is printed.")
@click.option(
    "--file",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("var/sandbox.sqlite3"),
    show_default=True,
    help="What it knows; made if it is not there.",
)
def sandbox(port: int | None, webhook: str | None, file: Path) -> None:
    """Serve a stand-in for Stripe: its interface, Checkout, signed webhooks, and a clock that can be moved."""
    from web.sandbox import InUse, Sandbox, serve

    if port is not None and not _free(port):
        raise Failed(f"Port {port} is taken: choose another, or leave --port out.")
    try:
        opened = Sandbox(file)
    except InUse as error:
        raise Failed(f"{error} (--file)") from error
    except OSError as error:
        raise Failed(f"{error.filename} can't be used ({error.strerror}): choose another --file.") from error
    served = serve(opened, HOST, port or next_free())
    click.echo(f"Serving on {served.url}, stop with Ctrl-C. What it knows, and its clock: {served.url}/_sandbox/")
    click.echo(f"STRIPE_API_BASE={served.url}")
    click.echo(f"STRIPE_SECRET_KEY={KEY}")
    if webhook is not None:
        click.echo(f"STRIPE_WEBHOOK_SECRETS={opened.tell(webhook)}")
    told = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: told.set())
    try:
        while not told.wait(1):  # with a limit, so that signals are heeded on every platform
            pass
        click.echo("Stopped.")
    finally:
        served.close()
        opened.close()


def next_free() -> int:
    """The first port from 8010 on that nobody has."""
    for port in range(FIRST_PORT, FIRST_PORT + _TRIED):
        if _free(port):
            return port
    raise Failed(f"No port from {FIRST_PORT} to {FIRST_PORT + _TRIED - 1} is free: choose one with --port.")


def _free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True
