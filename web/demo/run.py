"""`billing demo`: serves a small world to play with, or tells how it works (`--tour`)."""

from __future__ import annotations

import os
import socket
import threading
import traceback
from collections.abc import Mapping
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import click

from billing import Billing, OffsetClock, Refusal
from billing.base.settings import Settings
from billing.catalog.loading import load
from web.cli.group import MISCONFIGURED, Failed
from web.demo import kept, words
from web.demo.preparing import Preparation, stranger
from web.demo.sold import catalog_text, story_catalog

THREADS = 16

_LIVE = ("sk_live_", "rk_live_")


@click.command()
@click.option("--tour", is_flag=True, help="Tell in the terminal how it works, on a database that is thrown away.")
def demo(tour: bool) -> None:
    """Serve a small world to play with: customers with some months of life, their wallets, the interface.

    What it keeps lies in var/: started again, it goes on where it stopped.
    """
    if tour:
        from web.demo.tour import tour as tell_tour

        raise SystemExit(tell_tour())
    try:
        preparation = _prepare(_settings(os.environ))
    except OSError as error:
        raise Failed(
            f"{error.filename or kept.FOLDER} can't be used ({error.strerror}): that is where the demo lives."
        ) from error
    _serve(preparation)


def _settings(environ: Mapping[str, str]) -> Settings:
    """The environment's settings; a demo with somebody's real money in reach is refused."""
    if environ.get("STRIPE_SECRET_KEY", "").strip().startswith(_LIVE):
        raise Failed(
            "STRIPE_SECRET_KEY is a live key, and the demo makes payments up. Unset it, or take one of a test mode.",
            MISCONFIGURED,
        )
    settings = Settings.from_env(environ, demo=True)
    if (taken := _taken(settings.host, settings.port)) is not None:
        raise Failed(taken)
    return settings


def _taken(host: str, port: int) -> str | None:
    """Why nothing can listen there, or None."""
    try:
        family, kind, proto, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with closing(socket.socket(family, kind, proto)) as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
    except OSError as error:
        if isinstance(error, socket.gaierror):
            return f"HOST: {host} is no address of this machine."
        return f"Can't listen on {host}:{port} ({error.strerror}). Take another port: PORT={port % 65535 + 1} make run"
    return None


def _prepare(settings: Settings) -> Preparation:
    """What the service will stand on; nothing is written to the database yet."""
    kept.FOLDER.mkdir(parents=True, exist_ok=True)
    keeps = kept.read()
    settings = replace(
        settings,
        secret_keys=(*settings.secret_keys, keeps.secret_key),
        stripe_webhook_secrets=(*settings.stripe_webhook_secrets, keeps.webhook_secret),
        catalog=settings.catalog or _own_catalog(),
    )
    assert settings.catalog is not None
    billing = Billing(
        settings.database_url,
        catalog=load(settings.catalog),
        clock=OffsetClock(timedelta(0)),
        webhook_secrets=settings.stripe_webhook_secrets,
    )
    try:
        strange = stranger(billing)
    finally:
        billing.close()  # no connection is carried into the process that serves
    if strange is not None:
        raise Failed(strange)
    return Preparation(billing, settings, story_catalog(), keeps)


def _own_catalog() -> Path:
    """The demo's catalog under var/, where it may be changed."""
    if not kept.CATALOG.is_file():
        kept.CATALOG.write_text(catalog_text(), encoding="utf-8")
    return kept.CATALOG


def _serve(preparation: Preparation) -> None:
    from web import logs
    from web.app import create_app
    from web.serving import Server

    app = create_app(preparation.billing, preparation.settings, checks={"demo": preparation.missing})

    def begin() -> None:
        logs.configure((kept.FOLDER / "demo.log").open("a", encoding="utf-8", buffering=1))
        click.echo(words.listening(preparation.settings.public_url))
        threading.Thread(target=_make_ready, args=(preparation,), name="demo", daemon=True).start()

    settings = preparation.settings
    Server(settings, lambda: app, begin, workers=1, threads=THREADS, graceful_timeout=5, loglevel="error").run()


def _make_ready(preparation: Preparation) -> None:
    """Without a world there is nothing to serve: the whole demo ends."""
    from jobs.scheduler import Scheduler
    from web.serving import GIVE_UP

    try:
        preparation.run(lambda: click.echo(words.TELLING))
        Scheduler(preparation.billing).start()  # not before: the story is told at its own time
        click.echo(words.ready(preparation))
    except Exception as error:  # noqa: BLE001 - whatever it is, it is said, and it is the end
        click.echo(f"The demo can't be made ready: {error}", err=True)
        if not isinstance(error, Refusal):
            traceback.print_exception(error)
        os._exit(GIVE_UP)
