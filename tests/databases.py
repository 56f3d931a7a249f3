"""Migrated databases for the tests, on SQLite and PostgreSQL.

Migrations run once per run: the result is a template, of which every worker gets its copy, and every test
that asks for a fresh one. A worker's own PostgreSQL database is emptied between its tests, which is quicker
than a copy. What the workers of one run share lies in a folder; whoever comes first makes it, under a lock.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
from psycopg import sql
from sqlalchemy import Engine, event, make_url

from billing.base import schema
from billing.base.db import make_engine
from tests import postgres

PREFIX = "billing-tests-"


class Room:
    """What the workers of one run share. `owner` is the process that outlives them all."""

    def __init__(self, folder: Path, owner: int) -> None:
        self.folder = folder
        self.owner = owner

    @classmethod
    def new(cls) -> Room:
        """One of this process's own; those of runs that were killed are removed."""
        for left in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
            owner = left.name.removeprefix(PREFIX).partition("-")[0]
            if owner.isdigit() and not postgres.alive(int(owner)):
                shutil.rmtree(left, ignore_errors=True)
        return cls(Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-")), os.getpid())

    @cached_property
    def sqlite_template(self) -> Path:
        """A migrated SQLite file, to be copied."""
        template = self.folder / "template.sqlite3"
        with self._locked():
            if not template.exists():
                begun = self.folder / "begun.sqlite3"
                schema.upgrade(f"sqlite:///{begun}")
                begun.rename(template)
        return template

    @cached_property
    def server(self) -> str:
        """The url of a database from which others are made: TEST_DATABASE_URL, or one of a server of ours."""
        given = os.environ.get("TEST_DATABASE_URL")
        if given:
            return make_url(given).set(drivername="postgresql").render_as_string(hide_password=False)
        noted = self.folder / "server"
        with self._locked():
            if not noted.exists():
                noted.write_text(postgres.start(owner=self.owner).url)
        return noted.read_text()

    @cached_property
    def postgres_template(self) -> str:
        """The name of a migrated database that nobody is connected to, to be copied."""
        server, noted = self.server, self.folder / "postgres-template"
        with self._locked():
            if not noted.exists():
                name = self._create()
                schema.upgrade(_url(server, name))
                noted.write_text(name)
        return noted.read_text()

    def postgres_copy(self) -> str:
        """The url of a new, migrated and empty database."""
        return _url(self.server, self._create(self.postgres_template))

    def postgres_empty(self) -> str:
        """The url of a new database without a table."""
        return _url(self.server, self._create())

    def drop(self, url: str) -> None:
        with _administering(self.server) as connection:
            _drop(connection, str(make_url(url).database))

    def close(self) -> None:
        """Ends and removes everything that was made here."""
        noted = self.folder / "server"
        if noted.exists():
            postgres.stop(noted.read_text())
        elif os.environ.get("TEST_DATABASE_URL") and self.folder.joinpath("postgres-template").exists():
            with _administering(self.server) as connection:
                made = "SELECT datname FROM pg_database WHERE starts_with(datname, %s)"
                for (name,) in connection.execute(made, [self._prefix]).fetchall():
                    _drop(connection, name)
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def _prefix(self) -> str:
        return f"billing_test_{self.owner}_"

    def _create(self, template: str = "template0") -> str:
        name = f"{self._prefix}{uuid4().hex[:12]}"
        with _administering(self.server) as connection:
            statement = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
            connection.execute(statement.format(sql.Identifier(name), sql.Identifier(template)))
        return name

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with self.folder.joinpath("lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


class Engines:
    """Engines that outlive a test: to compile the audit's statements anew for each would take longer than the tests.

    A lent one connects to the database it was lent for, and comes back without a connection.
    """

    def __init__(self) -> None:
        self._idle: dict[str, list[Engine]] = {"sqlite": [], "postgresql": []}

    def lend(self, url: str) -> Engine:
        address = make_url(url)
        idle = self._idle[address.get_backend_name()]
        engine = idle.pop() if idle else self._new(url)
        engine.url = address.set(drivername=engine.url.drivername)
        return engine

    def take_back(self, engine: Engine) -> None:
        engine.dispose()
        self._idle[engine.dialect.name].append(engine)

    @staticmethod
    def _new(url: str) -> Engine:
        engine = make_engine(url)

        @event.listens_for(engine, "do_connect")
        def where_it_is_lent_to(dialect: Any, _: object, args: list[Any], named: dict[str, Any]) -> None:
            args[:], there = dialect.create_connect_args(engine.url)
            named.update(there)

        return engine


def empty(url: str) -> None:
    """Takes every row out of a PostgreSQL database and numbers it from the start again.

    TRUNCATE is refused by the append-only triggers; a replica's session fires none. What a test before left
    open is ended: nothing may wait for its locks.
    """
    with psycopg.connect(_plain(url), autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid() AND state <> 'idle'"
        )
        tables = connection.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public' "
            "AND starts_with(tablename, 'billing_') AND tablename <> %s",
            [schema.VERSION_TABLE],
        ).fetchall()
        emptied = sql.SQL("; ").join(sql.SQL("DELETE FROM {}").format(sql.Identifier(table)) for (table,) in tables)
        with connection.transaction():
            connection.execute(sql.SQL("SET LOCAL session_replication_role = replica; {}").format(emptied))
            connection.execute(
                "SELECT setval(format('%I.%I', schemaname, sequencename)::regclass, 1, false) "
                "FROM pg_sequences WHERE starts_with(sequencename, 'billing_')"
            )


def _url(server: str, name: str) -> str:
    return make_url(server).set(database=name).render_as_string(hide_password=False)


def _plain(url: str) -> str:
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)


@contextmanager
def _administering(server: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(server, autocommit=True) as connection:
        yield connection


def _drop(connection: psycopg.Connection, name: str) -> None:
    connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
