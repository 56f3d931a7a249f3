"""`billing serve`: gunicorn with threads; one process on SQLite, which has one writer, several on PostgreSQL."""

from __future__ import annotations

import multiprocessing
from typing import TYPE_CHECKING

import click

from web.cli.group import Failed
from web.cli.opening import migrated

if TYPE_CHECKING:
    from flask import Flask

    from billing.base.settings import Settings

_THREADS = 8
_MOST_WORKERS = 8


@click.command()
@click.option("--workers", type=click.IntRange(1, 64), help="Processes; by the number of processors unless given.")
@click.option("--threads", type=click.IntRange(1, 64), default=_THREADS, show_default=True, help="In each process.")
@click.option(
    "--jobs/--no-jobs",
    "with_jobs",
    default=None,
    help="Run the timetable in here, too. By default with SQLite; beside PostgreSQL run `billing jobs`.",
)
def serve(workers: int | None, threads: int, with_jobs: bool | None) -> None:
    """Serve the interface, the customers' pages and the webhook at HOST and PORT."""
    from billing.base.db import make_engine
    from billing.base.settings import Settings
    from billing.catalog.loading import load
    from web import logs
    from web.counted import together
    from web.serving import Server

    settings = Settings.from_env()
    if settings.catalog is not None:
        load(settings.catalog)
    engine = make_engine(settings.database_url)
    try:
        migrated(engine)
        dialect = engine.dialect.name
    finally:
        engine.dispose()
    if dialect == "sqlite":
        if workers is not None and workers > 1:
            raise Failed("SQLite has one writer: serve it with one worker, or use PostgreSQL.")
        workers = 1
    click.echo(f"Serving on {settings.public_url}, stop with Ctrl-C.")
    logs.configure()
    with together():
        Server(
            settings,
            lambda: _application(settings, with_jobs=dialect == "sqlite" if with_jobs is None else with_jobs),
            workers=workers or min(multiprocessing.cpu_count() + 1, _MOST_WORKERS),
            threads=threads,
            graceful_timeout=20,
            loglevel="warning",
        ).run()


def _application(settings: Settings, *, with_jobs: bool) -> Flask:
    from billing import Billing
    from jobs.scheduler import Scheduler
    from web.app import create_app

    billing = Billing.of_settings(settings)
    if with_jobs:
        Scheduler(billing).start()
    return create_app(billing, settings)
