"""The tables in the database: brought up to date by Alembic, beside whatever else a host keeps there.

The migrations are found by file: in a checkout beside `billing/`, in the wheel within it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from billing.base.db import begin_write, make_engine, metadata
from billing.base.unavailable import translated

if TYPE_CHECKING:
    from alembic.config import Config

VERSION_TABLE = "billing_alembic_version"

_UPGRADE_LOCK = 0x62696C6C  # any number that is always the same
_UPGRADE_WAIT = 120_000
"""Milliseconds to wait for another one that upgrades: longer than a verb waits."""


def upgrade(target: str | sa.URL | Engine, revision: str = "head") -> None:
    """Brings the database up to `revision`. Twice, or from two machines at once, is the same as once."""
    from alembic import command

    with _alone(target) as connection:
        command.upgrade(configured(connection), revision)


def downgrade(target: str | sa.URL | Engine, revision: str) -> None:
    """Takes the database back to `revision` ("base": nothing of ours is left). Books go with their tables."""
    from alembic import command

    with _alone(target) as connection:
        command.downgrade(configured(connection), revision)


def check(engine: Engine) -> list[str]:
    """What is wrong with the database's tables, a sentence each; nothing if this release can work on it."""
    with translated(), engine.connect() as connection:
        version, wanted = current(connection), head()
        if version is None:
            return ["The database has no tables of ours yet: run billing db upgrade."]
        if version != wanted:
            return [f"The database is at migration {version}, this release needs {wanted}: billing db upgrade."]
        dialect = connection.dialect.name
        wanted_triggers = {name for table in append_only_tables() for name in trigger_names(dialect, table)}
        missing = sorted(wanted_triggers - _triggers(connection))
        return [f"The trigger {name} is missing: history could be rewritten." for name in missing]


def current(connection: Connection) -> str | None:
    """The migration the database is at; None if there is nothing of ours in it."""
    from alembic.migration import MigrationContext

    context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
    return context.get_current_revision()


def head() -> str:
    """The newest migration of this release."""
    from alembic.script import ScriptDirectory

    newest = ScriptDirectory(str(folder())).get_current_head()
    assert newest is not None, f"no migrations in {folder()}"
    return newest


def folder() -> Path:
    """Where the migrations are."""
    package = Path(__file__).resolve().parents[1]
    carried = package / "migrations"
    return carried if carried.is_dir() else package.parent / "migrations"


def configured(connection: Connection) -> Config:
    """Alembic's configuration for our migrations on this connection."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(folder()).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def append_only(dialect: str, table: str) -> list[str]:
    """Statements that make a table append-only: UPDATE, DELETE, REPLACE and TRUNCATE are refused henceforth.

    Migrations call this, and what they ran stands in databases: to change it is a new function and a new
    migration.
    """
    if dialect == "sqlite":
        # REPLACE deletes, and is refused with the deletion: connections of ours set recursive_triggers.
        return [
            f"CREATE TRIGGER {table}_refuse_{verb} BEFORE {verb.upper()} ON {table} "
            f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
            for verb in ("update", "delete")
        ]
    return [
        """
        CREATE OR REPLACE FUNCTION billing_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
        END $$
        """,
        # For the statement, not for each row: TRUNCATE has none, and what would touch none is refused, too.
        f"""
        CREATE TRIGGER {table}_refuse_change BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}
        FOR EACH STATEMENT EXECUTE FUNCTION billing_refuse_change()
        """,
    ]


def trigger_names(dialect: str, table: str) -> set[str]:
    """The triggers that `append_only` makes."""
    if dialect == "sqlite":
        return {f"{table}_refuse_update", f"{table}_refuse_delete"}
    return {f"{table}_refuse_change"}


def append_only_tables() -> set[str]:
    """The tables whose rows never change, as their table files say."""
    return {table.name for table in metadata.tables.values() if table.info.get("append_only")}


def _triggers(connection: Connection) -> set[str]:
    if connection.dialect.name == "sqlite":
        found = connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'trigger'")
    else:
        # One that was switched off ('D') refuses nothing.
        found = connection.exec_driver_sql(
            "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal AND tgenabled <> 'D' AND pg_table_is_visible(tgrelid)"
        )
    return {str(name) for name in found.scalars()}


@contextmanager
def _alone(target: str | sa.URL | Engine) -> Iterator[Connection]:
    """One transaction for all migrations; whoever comes second waits and finds them done."""
    engine = make_engine(target.url if isinstance(target, Engine) else target)
    try:
        with translated(), engine.connect() as connection:
            sqlite = connection.dialect.name == "sqlite"
            driver = connection.connection.driver_connection
            if sqlite and driver is not None:
                # Alembic rebuilds SQLite's tables by dropping them, which foreign keys would take for a
                # deletion. They can be switched off outside a transaction only, so past SQLAlchemy.
                driver.execute("PRAGMA foreign_keys = OFF")
                driver.execute(f"PRAGMA busy_timeout = {_UPGRADE_WAIT}")
            with begin_write(connection):
                if not sqlite:
                    connection.exec_driver_sql(f"SET LOCAL lock_timeout = {_UPGRADE_WAIT}")
                    connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_UPGRADE_LOCK})")
                yield connection
                if sqlite:
                    broken = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
                    assert not broken, f"a migration broke foreign keys: {broken[:3]}"
    finally:
        engine.dispose()
