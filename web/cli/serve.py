"""`billing serve`: gunicorn with threads; one process on SQLite, which has one writer, several on PostgreSQL."""

from __future__ import annotations

import multiprocessing
from typing import TYPE_CHECKING, Any

import click

from web.cli.group import Failed, listed

if TYPE_CHECKING:
    from flask import Flask

    from billing.base.settings import Settings

_THREADS = 8
_MOST_WORKERS = 8


@click.command()
@click.option("--workers", type=click.IntRange(1, 64), help="Processes; by the number of processors unless given.")
@click.option("--threads", type=click.IntRange(1, 64), default=_THREADS, show_default=True, help="In each process.")
def serve(workers: int | None, threads: int) -> None:
    """Serve the interface, the customers' pages and the webhook at HOST and PORT."""
    from billing.base import schema
    from billing.base.db import make_engine, translated
    from billing.base.settings import Settings
    from billing.catalog.loading import load

    settings = Settings.from_env()
    if settings.catalog is not None:
        load(settings.catalog)
    engine = make_engine(settings.database_url)
    try:
        with translated():
            problems = schema.check(engine)
        dialect = engine.dialect.name
    finally:
        engine.dispose()
    if problems:
        raise Failed(listed(problems))
    if dialect == "sqlite":
        if workers is not None and workers > 1:
            raise Failed("SQLite has one writer: serve it with one worker, or use PostgreSQL.")
        workers = 1
    click.echo(f"Serving on {settings.public_url}, stop with Ctrl-C.")
    _service(settings, workers or min(multiprocessing.cpu_count() + 1, _MOST_WORKERS), threads).run()


def _service(settings: Settings, workers: int, threads: int) -> Any:
    from gunicorn.app.base import BaseApplication

    class Service(BaseApplication):  # type: ignore[misc]
        """The application is made in each worker, after the fork: connections are nobody else's."""

        def load_config(self) -> None:
            host = f"[{settings.host}]" if ":" in settings.host else settings.host
            wanted = {
                "bind": f"{host}:{settings.port}",
                "workers": workers,
                "worker_class": "gthread",
                "threads": threads,
                "control_socket_disable": True,  # else it writes a socket into the home folder
                "graceful_timeout": 20,
                "loglevel": "warning",
            }
            for name, value in wanted.items():
                self.cfg.set(name, value)

        def load(self) -> Flask:
            return _application(settings)

    return Service()


def _application(settings: Settings) -> Flask:
    from billing import Billing
    from web import logs
    from web.app import create_app
    from web.cli.background import start

    logs.configure()
    billing = Billing(settings.database_url, catalog=settings.catalog, webhook_secrets=settings.stripe_webhook_secrets)
    start(billing)
    return create_app(billing, settings)
