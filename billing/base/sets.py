"""Many rows in one statement, on both databases: the set-based path's way to look up, insert and update.

PostgreSQL gets all rows as one JSON document (a single one as parameters: its plan is then made for one row), SQLite
runs the same statement in the driver's own loop.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import psycopg
import sqlalchemy as sa
from sqlalchemy import Column, Table
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.sql.selectable import FromClause

from billing.base.db import Tx, metadata
from billing.base.types import Whole, json_text, sqlite_time

_NAMES = {
    "Text": "text",
    "Boolean": "boolean",
    "BigInteger": "bigint",
    "Integer": "integer",
    "UTCDateTime": "timestamptz",
    "JSON": "jsonb",
}


VERSION = "xmin"
"""PostgreSQL's own column: it says which transaction wrote the row, and so changes whenever the row does."""

_Encoder = Callable[[Any], Any]
_Decoder = Callable[[Any], Any]


def pairs(tx: Tx, left: type[int] | type[str], wanted: Sequence[tuple[Any, Any]]) -> FromClause:
    """A list of pairs as a table with the columns `one` (of the type `left`) and `two` (text), to join with."""
    kind: sa.types.TypeEngine[Any] = Whole if left is int else sa.Text()
    if tx.sqlite:
        each = sa.func.json_each(json.dumps(wanted)).table_valued("value")
        one = sa.cast(sa.func.json_extract(each.c.value, "$[0]"), kind)
        return sa.select(one.label("one"), sa.func.json_extract(each.c.value, "$[1]").label("two")).subquery()
    one_array = sa.cast([pair[0] for pair in wanted], ARRAY(sa.BigInteger() if left is int else sa.Text()))
    two_array = sa.cast([pair[1] for pair in wanted], ARRAY(sa.Text()))
    return (
        sa.func.unnest(one_array, two_array)
        .table_valued(sa.column("one", kind), sa.column("two", sa.Text()), name="wanted")
        .render_derived()
    )


def read(tx: Tx, columns: Sequence[Column[Any]], rest: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
    """`SELECT columns` and the rest of the statement, its parameters as `%s`: past SQLAlchemy, values as it gives them.

    For the few statements that every verb begins with: what SQLAlchemy does for each costs more than the database.
    """
    columns = tuple(columns)
    rows: list[tuple[Any, ...]] = _execute(tx, f"SELECT {_listed(columns)} {rest}", values).fetchall()
    return _decoded(rows, columns, tx.sqlite)


def read_version(
    tx: Tx, one: Sequence[Column[Any]], each: Sequence[Column[Any]], rest: str, values: Sequence[Any]
) -> tuple[str | None, tuple[Any, ...], list[tuple[Any, ...]]] | None:
    """One row and those of another table that are joined to it, all as of one instant; None where it is not there.

    `each` ends with a column that is NULL where none is joined. First the row's version, for `update_if_there`; on
    SQLite, where whoever reads to write has the lock, it has none.
    """
    one, each, sqlite = tuple(one), tuple(each), tx.sqlite
    rows = _execute(tx, _versioned_sql(one, each, rest, sqlite), values).fetchall()
    if not rows:
        return None
    end = len(one) + len(each)
    joined = [row[len(one) : end] for row in rows if row[end - 1] is not None]
    (row,) = _decoded([rows[0][: len(one)]], one, sqlite)
    return None if sqlite else rows[0][end], row, _decoded(joined, each, sqlite)


def _decoded(rows: Sequence[tuple[Any, ...]], columns: tuple[Column[Any], ...], sqlite: bool) -> list[tuple[Any, ...]]:
    decoders = _decoders(columns, sqlite)
    decoded = []
    for row in rows:
        figures = list(row)
        for place, decode in decoders:
            if figures[place] is not None:
                figures[place] = decode(figures[place])
        decoded.append(tuple(figures))
    return decoded


def insert(tx: Tx, table: Table, rows: Sequence[Mapping[str, Any]], *, unless_there: bool = False) -> int:
    """Inserts all rows; they name the same columns. `unless_there`: one that breaks a unique rule is left out.

    Answers how many were inserted.
    """
    if not rows:
        return 0
    sql, values = _insertion(tx.sqlite, table, rows)
    tail = " ON CONFLICT DO NOTHING" if unless_there else ""
    return int(_execute(tx, sql + tail, *values).rowcount)


class Writes:
    """Rows of several tables, each written once, to be written together: on PostgreSQL in one statement."""

    def __init__(self, tx: Tx) -> None:
        self._tx, self._sqlite = tx, tx.sqlite
        self._parts: list[tuple[str, Sequence[Any]]] = []
        self._if_there: tuple[str, Sequence[Any]] | None = None

    def insert(self, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
        """All rows; they name the same columns."""
        if rows:
            self._parts.append(_insertion(self._sqlite, table, rows))

    def update(self, table: Table, keys: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> None:
        """Each row found by its keys with its other columns; they name the same columns."""
        if rows:
            self._parts.append(_change(self._sqlite, table, keys, rows))

    def update_if_there(self, table: Table, keys: Sequence[str], row: Mapping[str, Any]) -> None:
        """One row found by its keys; where it is not there, nothing of all this is written. On PostgreSQL alone."""
        self._if_there = _change(False, table, keys, [row])

    def run(self) -> bool:
        """In the order they were given, where the database works them off one by one. Says whether it was written."""
        if self._sqlite:
            for sql, values in self._parts:
                _execute(self._tx, sql, *values)
            return True
        sqls = tuple(sql for sql, _ in self._parts)
        values = tuple(value for _, of_part in self._parts for value in of_part[0])
        if self._if_there is not None:
            sql, (first,) = self._if_there
            return bool(_execute(self._tx, _together_if(sql, sqls), (*first, *values)).fetchone()[0])
        if self._parts:
            _execute(self._tx, _together(sqls), values)
        return True


def _insertion(sqlite: bool, table: Table, rows: Sequence[Mapping[str, Any]]) -> tuple[str, Sequence[Any]]:
    columns, as_set = tuple(rows[0]), len(rows) > 1 and not sqlite
    return _insert_sql(table.name, columns, sqlite, as_set), _values(table, columns, rows, sqlite, as_set)


def _change(
    sqlite: bool, table: Table, keys: Sequence[str], rows: Sequence[Mapping[str, Any]]
) -> tuple[str, Sequence[Any]]:
    columns = (*(name for name in rows[0] if name not in keys), *keys)
    as_set = len(rows) > 1 and not sqlite
    sql = _update_sql(table.name, columns, tuple(keys), sqlite, as_set)
    return sql, _values(table, columns, rows, sqlite, as_set)


def _values(
    table: Table, columns: tuple[str, ...], rows: Sequence[Mapping[str, Any]], sqlite: bool, as_set: bool
) -> Sequence[Any]:
    """The parameters of one statement, or of each of several."""
    if as_set:
        return [(_JSON.encode(rows),)]
    encoders = _encoders(table.name, columns, sqlite)
    by_column = [
        [row[name] for row in rows] if encode is None else [encode(row[name]) for row in rows]
        for name, encode in encoders
    ]
    return list(zip(*by_column, strict=True))


def _execute(tx: Tx, sql: str, *values: Sequence[Any]) -> Any:
    """On the driver's own cursor; through SQLAlchemy where a host's session has a driver that is none of ours."""
    cursor = tx.cursor
    if isinstance(cursor, psycopg.Cursor):
        return cursor.execute(sql, *values)
    if isinstance(cursor, sqlite3.Cursor):
        sql = sql.replace("%s", "?")
        return cursor.execute(sql, *values) if len(values) == 1 else cursor.executemany(sql, values)
    return tx.connection.exec_driver_sql(sql, values[0] if len(values) == 1 else list(values))


@lru_cache(maxsize=64)
def _listed(columns: tuple[Column[Any], ...]) -> str:
    return ", ".join(f"{column.table.name}.{column.name}" for column in columns)


@lru_cache(maxsize=64)
def _versioned_sql(one: tuple[Column[Any], ...], each: tuple[Column[Any], ...], rest: str, sqlite: bool) -> str:
    version = "" if sqlite else f", {one[0].table.name}.{VERSION}::text"
    return f"SELECT {_listed((*one, *each))}{version} {rest}"


@lru_cache(maxsize=512)
def _encoders(name: str, columns: tuple[str, ...], sqlite: bool) -> tuple[tuple[str, _Encoder | None], ...]:
    encoders = _FOR_SQLITE if sqlite else _FOR_POSTGRESQL
    return tuple((column, encoders.get(_kind(name, column))) for column in columns)


@lru_cache(maxsize=64)
def _decoders(columns: tuple[Column[Any], ...], sqlite: bool) -> tuple[tuple[int, _Decoder], ...]:
    decoders = _FROM_SQLITE if sqlite else _FROM_POSTGRESQL
    kinds = [_kind(column.table.name, column.name) for column in columns]
    return tuple((place, decoders[kind]) for place, kind in enumerate(kinds) if kind in decoders)


@lru_cache(maxsize=256)
def _together(parts: tuple[str, ...]) -> str:
    """Each row is written by one part only, so that their order does not matter."""
    *first, last = parts
    named = ", ".join(f"part_{number} AS ({sql})" for number, sql in enumerate(first))
    return f"WITH {named} {last}" if first else last


@lru_cache(maxsize=256)
def _together_if(first: str, parts: tuple[str, ...]) -> str:
    """The first one, and the others where it has found its row."""
    named = [f"there AS ({first} RETURNING TRUE)"]
    for number, sql in enumerate(parts):
        also = "AND" if " WHERE " in sql else "WHERE"
        named.append(f"part_{number} AS ({sql} {also} EXISTS (SELECT FROM there))")
    return f"WITH {', '.join(named)} SELECT count(*) FROM there"


@lru_cache(maxsize=256)
def _insert_sql(name: str, columns: tuple[str, ...], sqlite: bool, as_set: bool) -> str:
    listed = ", ".join(columns)
    if as_set:
        return f"INSERT INTO {name} ({listed}) SELECT {listed} FROM {_recordset(name, columns)}"
    values = ", ".join(_parameter(name, column, sqlite) for column in columns)
    if sqlite:
        return f"INSERT INTO {name} ({listed}) VALUES ({values})"
    return f"INSERT INTO {name} ({listed}) SELECT {values}"


@lru_cache(maxsize=256)
def _update_sql(name: str, columns: tuple[str, ...], keys: tuple[str, ...], sqlite: bool, as_set: bool) -> str:
    changed = [column for column in columns if column not in keys]
    if as_set:
        settings = ", ".join(f"{column} = q.{column}" for column in changed)
        match = " AND ".join(f"t.{key} = q.{key}" for key in keys)
        return f"UPDATE {name} AS t SET {settings} FROM {_recordset(name, columns)} WHERE {match}"
    settings = ", ".join(f"{column} = {_parameter(name, column, sqlite)}" for column in changed)
    match = " AND ".join(f"{key} = {_parameter(name, key, sqlite)}" for key in keys)
    return f"UPDATE {name} SET {settings} WHERE {match}"


def _parameter(name: str, column: str, sqlite: bool) -> str:
    return "?" if sqlite else f"%s::{_kind(name, column)}"


def _recordset(name: str, columns: tuple[str, ...]) -> str:
    return f"json_to_recordset(%s::json) AS q({', '.join(f'{column} {_kind(name, column)}' for column in columns)})"


@lru_cache(maxsize=512)
def _kind(name: str, column: str) -> str:
    """The column's type, by PostgreSQL's name for it."""
    if column == VERSION:
        return "xid"
    return _NAMES[type(metadata.tables[name].c[column].type).__name__]


_JSON = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=datetime.isoformat)
_FOR_SQLITE: dict[str, _Encoder] = {"timestamptz": sqlite_time, "jsonb": json_text}
_FOR_POSTGRESQL: dict[str, _Encoder] = {
    # As texts: the driver names a number's type by its size, and each naming would be a statement to prepare.
    **dict.fromkeys(
        ("bigint", "integer", "boolean", "timestamptz"), lambda value: None if value is None else str(value)
    ),
    "jsonb": json_text,
}
_FROM_SQLITE: dict[str, _Decoder] = {
    "timestamptz": lambda text: datetime.fromisoformat(text).replace(tzinfo=UTC),
    "jsonb": json.loads,
    "boolean": bool,
}
_FROM_POSTGRESQL: dict[str, _Decoder] = {"timestamptz": lambda value: value.astimezone(UTC)}
