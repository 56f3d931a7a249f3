"""`billing demo`: serves a small world to play with, or tells how it works (`--tour`)."""

from __future__ import annotations

import os
import threading
import traceback
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import click
from sqlalchemy.engine import make_url

from billing import Billing, Refusal
from billing.base import ids
from billing.base.settings import Settings
from billing.catalog.loading import load
from billing.stripe.gateway import Gateway
from web.cli.group import MISCONFIGURED, Failed
from web.demo import kept, ports, words
from web.demo.clock import DemoClock
from web.demo.kept import Kept
from web.demo.preparing import Preparation, orphan, stays, stranger
from web.demo.sold import catalog_text
from web.sandbox.store import InUse, Store
from web.state import Demo

THREADS = 16

_LIVE = ("sk_live_", "rk_live_")


@click.command()
@click.option("--tour", is_flag=True, help="Tell in the terminal how it works, on a database that is thrown away.")
def demo(tour: bool) -> None:
    """Serve a small world to play with: customers with some months of life, their wallets, the interface.

    Its payments are those of a local sandbox, or of your Stripe account's test mode where STRIPE_SECRET_KEY is set.
    What it keeps lies in var/: started again, it goes on where it stopped.
    """
    if tour:
        from web.demo.tour import tour as tell_tour

        raise SystemExit(tell_tour())
    try:
        preparation = _prepare(_settings(os.environ))
    except InUse as error:
        raise Failed(f"A demo is running in this folder, or a sandbox on {kept.SANDBOX}: stop it first.") from error
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
    if (taken := ports.taken(settings.host, settings.port)) is not None:
        raise Failed(taken)
    return settings


def _prepare(settings: Settings) -> Preparation:
    """What the service will stand on; nothing is written to the database yet."""
    kept.FOLDER.mkdir(parents=True, exist_ok=True)
    keeps = _of_this_database(kept.read(), settings)
    settings = replace(
        settings,
        secret_keys=(*settings.secret_keys, keeps.secret_key),
        stripe_webhook_secrets=(*settings.stripe_webhook_secrets, keeps.webhook_secret),
        catalog=settings.catalog or _own_catalog(),
    )
    before, in_the_sandbox = keeps, settings.stripe_secret_key is None
    if in_the_sandbox:
        if kept.SANDBOX.is_file():
            Store(kept.SANDBOX).close()  # nobody else has it
        settings, keeps = _with_a_sandbox(settings, keeps)
    assert settings.catalog is not None and settings.stripe_secret_key is not None
    clock = DemoClock()
    billing = Billing(
        settings.database_url,
        catalog=load(settings.catalog),
        gateway=Gateway(settings.stripe_secret_key, settings.stripe_api_base),
        clock=clock,
        webhook_secrets=settings.stripe_webhook_secrets,
    )
    try:
        wrong = stranger(billing) or (orphan if in_the_sandbox else stays)(billing, before)
    finally:
        billing.close()  # no connection is carried into the process that serves
    if wrong is not None:
        raise Failed(wrong)
    return Preparation(billing, settings, clock, keeps if in_the_sandbox else replace(keeps, sandbox_url=""))


def _of_this_database(keeps: Kept, settings: Settings) -> Kept:
    """What is kept under var/, the sandbox above all, belongs to the database it was made for."""
    database = make_url(settings.database_url).render_as_string(hide_password=True)
    if keeps.database in ("", database):
        return replace(keeps, database=database)
    raise Failed(
        f"{kept.FOLDER}/ is that of a demo on {keeps.database}, and DATABASE_URL is {database}. Set it to that one, or "
        "forget what is there: make reset"
    )


def _with_a_sandbox(settings: Settings, keeps: Kept) -> tuple[Settings, Kept]:
    """Where the sandbox will listen, where it did before if that can be, and a key for it."""
    host = ports.for_the_sandbox(settings.host)
    port = settings.sandbox_port or ports.free(host, settings.port, keeps.sandbox_url)
    if (taken := ports.taken(host, port, "SANDBOX_PORT")) is not None:
        raise Failed(taken)
    url = f"{ports.origin(host)}:{port}"
    key = f"sk_test_{ids.token(24).replace('-', 'a').replace('_', 'b')}"
    return replace(settings, stripe_secret_key=key, stripe_api_base=url), replace(keeps, sandbox_url=url)


def _own_catalog() -> Path:
    """The demo's catalog under var/, where it may be changed."""
    if not kept.CATALOG.is_file():
        kept.CATALOG.write_text(catalog_text(), encoding="utf-8")
    return kept.CATALOG


def _serve(preparation: Preparation) -> None:
    from web import logs
    from web.app import create_app
    from web.demo.mailpages import mail_pages
    from web.demo.pages import HOME, demo_pages
    from web.serving import Server

    settings, sandbox = preparation.settings, preparation.kept.sandbox_url
    shown = Demo(HOME, f"{sandbox}/_sandbox/" if sandbox else None)
    app = create_app(preparation.billing, settings, checks={"demo": preparation.missing}, demo=shown)
    app.register_blueprint(demo_pages(preparation))
    app.register_blueprint(mail_pages(preparation.mailbox))

    def begin() -> None:
        logs.configure((kept.FOLDER / "demo.log").open("a", encoding="utf-8", buffering=1))
        click.echo(words.listening(settings.public_url))
        threading.Thread(target=_make_ready, args=(preparation,), name="demo", daemon=True).start()

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
        if not isinstance(error, Refusal | OSError):  # these say what to do, or whose port and file they are
            traceback.print_exception(error)
        os._exit(GIVE_UP)
