"""The tables: up, down, up again, the same as the models, and beside a host's own."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.schema import SchemaItem

from billing.base import schema
from billing.base.db import make_engine, metadata

ROOT = Path(__file__).resolve().parents[2]

for _tables in (*ROOT.glob("billing/**/*tables.py"), ROOT / "jobs" / "tables.py"):
    import_module(".".join(_tables.relative_to(ROOT).with_suffix("").parts))


@pytest.fixture
def engine(empty_database_url: str) -> Iterator[Engine]:
    engine = make_engine(empty_database_url)
    yield engine
    engine.dispose()


def facts(connection: Connection) -> set[tuple[str, ...]]:
    """Everything the database knows of our tables, a fact each, but for the version they are at."""
    if connection.dialect.name == "sqlite":
        return {*_sqlite_facts(connection)}
    queries = {
        # Numbered as they stand: where one was dropped, the numbers have a gap.
        "column": "SELECT relname, row_number() OVER (PARTITION BY relname ORDER BY attnum), attname, "
        "format_type(atttypid, atttypmod), attnotnull, "
        "attidentity, coalesce(pg_get_expr(adbin, adrelid), '') "
        "FROM pg_attribute JOIN pg_class c ON c.oid = attrelid "
        "LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum "
        "WHERE attnum > 0 AND NOT attisdropped AND relkind IN ('r', 'v')",
        "constraint": "SELECT relname, 0, conname, pg_get_constraintdef(o.oid) "
        "FROM pg_constraint o JOIN pg_class c ON c.oid = conrelid",
        "index": "SELECT relname, 0, pg_get_indexdef(indexrelid) FROM pg_index JOIN pg_class c ON c.oid = indrelid",
        "trigger": "SELECT relname, 0, pg_get_triggerdef(t.oid), tgenabled "
        "FROM pg_trigger t JOIN pg_class c ON c.oid = tgrelid WHERE NOT tgisinternal",
        "view": "SELECT relname, 0, pg_get_viewdef(c.oid) FROM pg_class c WHERE relkind = 'v'",
    }
    return {
        (what, *map(str, row))
        for what, query in queries.items()
        for row in connection.exec_driver_sql(query)
        if row[0].startswith("billing_") and row[0] != schema.VERSION_TABLE
    }


def _sqlite_facts(connection: Connection) -> Iterator[tuple[str, ...]]:
    rows = connection.exec_driver_sql("SELECT type, tbl_name, name, sql FROM sqlite_master").all()
    for type_, table, name, text in rows:
        if not table.startswith("billing_") or table == schema.VERSION_TABLE or text is None:
            continue
        if type_ != "table":
            yield (type_, table, name, " ".join(text.split()))
            continue
        yield ("columns", table, str(connection.exec_driver_sql(f"PRAGMA table_info({table})").all()))
        # A table that was made anew has its name in quotes.
        for line in text.replace(f'"{table}"', table).splitlines():
            # A column that was added later stands on the line of the one before it.
            for part in re.split(r", (?=\w+ [A-Z])", line.strip()):
                yield ("line", table, part.rstrip(","))


def test_there_is_one_newest_migration() -> None:
    assert len(ScriptDirectory(str(schema.folder())).get_heads()) == 1


def test_up_down_up(engine: Engine, empty_database_url: str) -> None:
    schema.upgrade(empty_database_url)
    with engine.connect() as connection:
        first = facts(connection)
        assert schema.current(connection) == schema.head()
    assert first
    schema.downgrade(empty_database_url, "base")
    with engine.connect() as connection:
        assert facts(connection) == set()
        assert set(sa.inspect(connection).get_table_names()) <= {schema.VERSION_TABLE}
        if connection.dialect.name == "postgresql":
            ours = "SELECT proname FROM pg_proc WHERE starts_with(proname, 'billing_')"
            assert connection.exec_driver_sql(ours).all() == []
    schema.upgrade(empty_database_url)
    with engine.connect() as connection:
        assert facts(connection) == first


def test_the_models_are_what_the_migrations_make(engine: Engine, empty_database_url: str) -> None:
    """To the letter, as the database tells it: types, checks, keys, partial indexes, triggers."""
    schema.upgrade(empty_database_url)
    with engine.connect() as connection:
        migrated = facts(connection)
        context = MigrationContext.configure(
            connection, opts={"version_table": schema.VERSION_TABLE, "compare_type": True}
        )
        assert compare_metadata(context, metadata) == []
    schema.downgrade(empty_database_url, "base")
    with engine.begin() as connection:
        metadata.create_all(connection)
        for table in sorted(schema.append_only_tables()):
            for statement in schema.append_only(connection.dialect.name, table):
                connection.execute(sa.text(statement))
    with engine.connect() as connection:
        assert facts(connection) == migrated


def test_everything_is_named_as_ours(engine: Engine, empty_database_url: str) -> None:
    schema.upgrade(empty_database_url)
    with engine.connect() as connection:
        there = sa.inspect(connection)
        names: set[str | None] = {*there.get_table_names(), *there.get_view_names()}
        for table in there.get_table_names():
            for found in (
                there.get_indexes(table),
                there.get_unique_constraints(table),
                there.get_check_constraints(table),
                there.get_foreign_keys(table),
                [there.get_pk_constraint(table)],
            ):
                names |= {one["name"] for one in found}
    # SQLite's version table has a nameless key.
    assert [name for name in names - {None} if not str(name).startswith("billing_")] == []


def test_upgrading_twice_and_at_once_is_upgrading_once(engine: Engine, empty_database_url: str) -> None:
    errors: list[Exception] = []

    def upgrade() -> None:
        try:
            schema.upgrade(empty_database_url)
        except Exception as error:  # noqa: BLE001 (it is looked at below, in the test's own thread)
            errors.append(error)

    threads = [threading.Thread(target=upgrade) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert errors == []
    schema.upgrade(engine)
    assert schema.check(engine) == []


def test_the_check_says_what_to_do(engine: Engine, empty_database_url: str) -> None:
    assert schema.check(engine) == ["The database has no tables of ours yet: run billing db upgrade."]
    schema.upgrade(empty_database_url)
    assert schema.check(engine) == []
    trigger = min(schema.trigger_names(engine.dialect.name, "billing_entries"))
    with engine.begin() as connection:
        on = " ON billing_entries" if connection.dialect.name == "postgresql" else ""
        connection.exec_driver_sql(f"DROP TRIGGER {trigger}{on}")
    assert schema.check(engine) == [f"The trigger {trigger} is missing: history could be rewritten."]
    with engine.begin() as connection:
        connection.exec_driver_sql(f"UPDATE {schema.VERSION_TABLE} SET version_num = 'older'")
    wanted = f"The database is at migration older, this release needs {schema.head()}: billing db upgrade."
    assert schema.check(engine) == [wanted]


def not_billings(_object: SchemaItem, name: str | None, type_: str, _reflected: bool, _other: object) -> bool:
    """The line that the handbook gives to hosts with an Alembic of their own."""
    return not (type_ == "table" and str(name).startswith("billing_"))


def test_a_host_has_its_own_alembic_and_customers(engine: Engine, empty_database_url: str) -> None:
    host = sa.MetaData()
    customers = sa.Table("customers", host, sa.Column("id", sa.Integer, primary_key=True))
    sa.Table("alembic_version", host, sa.Column("version_num", sa.String(32), primary_key=True))
    host.create_all(engine)
    with engine.begin() as connection:
        connection.execute(customers.insert().values(id=7))
        connection.exec_driver_sql("INSERT INTO alembic_version VALUES ('theirs')")

    def theirs() -> tuple[list[int], str]:
        with engine.connect() as connection:
            ids = list(connection.execute(sa.select(customers.c.id)).scalars())
            return ids, str(connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar_one())

    schema.upgrade(empty_database_url)
    assert theirs() == ([7], "theirs")
    with engine.connect() as connection:
        with_the_line = MigrationContext.configure(connection, opts={"include_object": not_billings})
        assert compare_metadata(with_the_line, host) == []
        without = compare_metadata(MigrationContext.configure(connection), host)
        assert "remove_table" in {difference[0] for difference in without}
    schema.downgrade(empty_database_url, "base")
    assert theirs() == ([7], "theirs")
    schema.upgrade(empty_database_url)
    assert theirs() == ([7], "theirs")


def test_history_cannot_be_rewritten(engine: Engine, empty_database_url: str) -> None:
    schema.upgrade(empty_database_url)
    tables = sorted(schema.append_only_tables())
    assert "billing_entries" in tables
    for table in tables:
        with engine.connect() as connection:
            _put_a_row(connection, metadata.tables[table])
            keys = [column.name for column in metadata.tables[table].primary_key]
            before = connection.exec_driver_sql(f"SELECT * FROM {table}").all()
            assert len(before) == 1
            for statement in _rewrites(connection.dialect.name, table, keys):
                with pytest.raises(DBAPIError, match=f"{table} is append-only|cannot truncate a table referenced"):
                    connection.exec_driver_sql(statement)
                if connection.dialect.name == "postgresql":
                    connection.rollback()
            assert connection.exec_driver_sql(f"SELECT * FROM {table}").all() == before


def _rewrites(dialect: str, table: str, keys: list[str]) -> list[str]:
    same = f"{keys[0]} = {keys[0]}"
    statements = [f"UPDATE {table} SET {same}", f"DELETE FROM {table}"]
    if dialect == "sqlite":
        return [*statements, f"INSERT OR REPLACE INTO {table} SELECT * FROM {table}"]
    on = f"ON CONFLICT ({', '.join(keys)}) DO UPDATE SET {keys[0]} = 1"
    upsert = f"INSERT INTO {table} SELECT * FROM {table} {on}"
    return [*statements, f"TRUNCATE {table}", f"TRUNCATE {table} CASCADE", upsert]


def _put_a_row(connection: Connection, table: sa.Table) -> None:
    """A row of nonsense that only its types allow: what it stands for is not the point here."""
    driver = connection.connection.driver_connection
    assert driver is not None
    if connection.dialect.name == "sqlite":
        driver.execute("PRAGMA foreign_keys = OFF")
        driver.execute("PRAGMA ignore_check_constraints = ON")
    else:
        checks = sa.inspect(connection).get_check_constraints(table.name)
        for name in [str(check["name"]) for check in checks]:
            connection.exec_driver_sql(f'ALTER TABLE {table.name} DROP CONSTRAINT "{name}"')
        connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
    columns = [column.name for column in table.columns if not column.nullable]
    values = ["'1'" if _is_text(table.c[name]) else _nonsense(table.c[name]) for name in columns]
    connection.exec_driver_sql(f"INSERT INTO {table.name} ({', '.join(columns)}) VALUES ({', '.join(values)})")
    connection.commit()


def _is_text(column: sa.Column[object]) -> bool:
    return isinstance(column.type, sa.String)


def _nonsense(column: sa.Column[object]) -> str:
    if isinstance(column.type, sa.Integer):
        return "1"
    return "'{}'" if isinstance(column.type, sa.JSON) else "'2026-01-01 00:00:00.000000'"


@pytest.mark.quick_on("sqlite")
def test_a_payment_keeps_what_it_paid(engine: Engine, empty_database_url: str) -> None:
    """0014 gives each payment a row for each invoice that it paid; going back leaves one row of each."""
    row = {"id": "pi_1", "invoice_id": "in_1", "session_id": None, "cents": 700, "seen_at": "2025-04-01 00:00:00+00:00"}
    insert = sa.text(
        "INSERT INTO billing_payments (id, invoice_id, session_id, cents, seen_at)"
        " VALUES (:id, :invoice_id, :session_id, :cents, :seen_at)"
    )
    rows = sa.text("SELECT id, invoice_id, session_id, cents FROM billing_payments ORDER BY id, invoice_id")
    schema.upgrade(empty_database_url)
    schema.downgrade(empty_database_url, "0013")
    with engine.begin() as connection:
        connection.execute(insert, [row, {**row, "id": "pi_2", "invoice_id": None, "session_id": "cs_1"}])
    before = [("pi_1", "in_1", None, 700), ("pi_2", None, "cs_1", 700)]
    schema.upgrade(empty_database_url)
    with engine.begin() as connection:
        purchases = connection.execute(sa.text("SELECT purchase FROM billing_payments ORDER BY id")).scalars()
        assert (list(connection.execute(rows)), list(purchases)) == (before, ["in_1", "cs_1"])
        second = str(insert).replace("seen_at)", "seen_at, purchase)", 1).replace(":seen_at)", ":seen_at, 'in_2')")
        connection.execute(sa.text(second), {**row, "invoice_id": "in_2", "cents": 300})
    schema.downgrade(empty_database_url, "0013")
    with engine.connect() as connection:
        assert list(connection.execute(rows)) == before
