"""Many rows in one statement, on both databases: the set-based path's way to look up, insert and update.

PostgreSQL gets all rows as one JSON document (a single one as parameters: its plan is then made for one row), SQLite
runs the same statement in the driver's own loop.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Table
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


def insert(tx: Tx, table: Table, rows: Sequence[Mapping[str, Any]], *, unless_there: bool = False) -> int:
    """Inserts all rows; they name the same columns. `unless_there`: one that breaks a unique rule is left out.

    Answers how many were inserted.
    """
    if not rows:
        return 0
    columns = tuple(rows[0])
    as_set = len(rows) > 1 and not tx.sqlite
    tail = " ON CONFLICT DO NOTHING" if unless_there else ""
    return _run(tx, _insert_sql(table.name, columns, tx.sqlite, as_set) + tail, table, columns, rows, as_set)


def update(tx: Tx, table: Table, keys: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> None:
    """Updates each row found by its keys with its other columns; they name the same columns."""
    if rows:
        names = tuple(rows[0])
        columns = (*(name for name in names if name not in keys), *keys)
        as_set = len(rows) > 1 and not tx.sqlite
        _run(tx, _update_sql(table.name, columns, tuple(keys), tx.sqlite, as_set), table, columns, rows, as_set)


def _run(
    tx: Tx, sql: str, table: Table, columns: tuple[str, ...], rows: Sequence[Mapping[str, Any]], as_set: bool
) -> int:
    if as_set:
        return tx.connection.exec_driver_sql(sql, (_JSON.encode(rows),)).rowcount
    encoders = _FOR_SQLITE if tx.sqlite else _FOR_POSTGRESQL
    encode = {name: encoders.get(_kind(table.name, name)) for name in columns}
    by_column = [
        [row[name] for row in rows] if (encoded := encode[name]) is None else [encoded(row[name]) for row in rows]
        for name in columns
    ]
    values = list(zip(*by_column, strict=True))
    return tx.connection.exec_driver_sql(sql, values[0] if len(values) == 1 else values).rowcount


@lru_cache(maxsize=256)
def _insert_sql(name: str, columns: tuple[str, ...], sqlite: bool, as_set: bool) -> str:
    listed = ", ".join(columns)
    if as_set:
        return f"INSERT INTO {name} ({listed}) SELECT {listed} FROM {_recordset(name, columns)}"
    values = ", ".join(_parameter(name, column, sqlite) for column in columns)
    return f"INSERT INTO {name} ({listed}) VALUES ({values})"


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
    return _NAMES[type(metadata.tables[name].c[column].type).__name__]


_JSON = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=datetime.isoformat)
_FOR_SQLITE = {"timestamptz": sqlite_time, "jsonb": json_text}
_FOR_POSTGRESQL = {"jsonb": json_text}
