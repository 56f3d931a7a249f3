"""Many rows in one statement, on both databases: the set-based path's way to look up, insert and update.

PostgreSQL gets all rows as one JSON document, SQLite runs the same statement in the driver's own loop.
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


def insert(tx: Tx, table: Table, rows: Sequence[Mapping[str, Any]], *, unless_there: bool = False) -> None:
    """Inserts all rows; they name the same columns. `unless_there`: one that breaks a unique rule is left out."""
    if rows:
        columns = tuple(rows[0])
        _run(
            tx,
            _insert_sql(tx.connection.dialect.name, table.name, columns, unless_there),
            table,
            columns,
            rows,
        )


def update(tx: Tx, table: Table, keys: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> None:
    """Updates each row found by its keys with its other columns; they name the same columns."""
    if rows:
        names = tuple(rows[0])
        columns = (*(name for name in names if name not in keys), *keys)
        _run(
            tx,
            _update_sql(tx.connection.dialect.name, table.name, columns, tuple(keys)),
            table,
            columns,
            rows,
        )


def _run(tx: Tx, sql: str, table: Table, columns: tuple[str, ...], rows: Sequence[Mapping[str, Any]]) -> None:
    if not tx.sqlite:
        tx.connection.exec_driver_sql(sql, (_JSON.encode(rows),))
        return
    encode = {name: _FOR_SQLITE.get(_kind(table.name, name)) for name in columns}
    by_column = [
        [row[name] for row in rows] if (encoded := encode[name]) is None else [encoded(row[name]) for row in rows]
        for name in columns
    ]
    tx.connection.exec_driver_sql(sql, list(zip(*by_column, strict=True)))


@lru_cache(maxsize=256)
def _insert_sql(dialect: str, name: str, columns: tuple[str, ...], unless_there: bool) -> str:
    tail = " ON CONFLICT DO NOTHING" if unless_there else ""
    listed = ", ".join(columns)
    if dialect == "sqlite":
        return f"INSERT INTO {name} ({listed}) VALUES ({', '.join('?' * len(columns))}){tail}"
    return f"INSERT INTO {name} ({listed}) SELECT {listed} FROM {_recordset(name, columns)}{tail}"


@lru_cache(maxsize=256)
def _update_sql(dialect: str, name: str, columns: tuple[str, ...], keys: tuple[str, ...]) -> str:
    changed = [column for column in columns if column not in keys]
    if dialect == "sqlite":
        settings = ", ".join(f"{column} = ?" for column in changed)
        return f"UPDATE {name} SET {settings} WHERE {' AND '.join(f'{key} = ?' for key in keys)}"
    settings = ", ".join(f"{column} = q.{column}" for column in changed)
    match = " AND ".join(f"t.{key} = q.{key}" for key in keys)
    return f"UPDATE {name} AS t SET {settings} FROM {_recordset(name, columns)} WHERE {match}"


def _recordset(name: str, columns: tuple[str, ...]) -> str:
    return f"json_to_recordset(%s::json) AS q({', '.join(f'{column} {_kind(name, column)}' for column in columns)})"


@lru_cache(maxsize=512)
def _kind(name: str, column: str) -> str:
    """The column's type, by PostgreSQL's name for it."""
    return _NAMES[type(metadata.tables[name].c[column].type).__name__]


_JSON = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=datetime.isoformat)
_FOR_SQLITE = {"timestamptz": sqlite_time, "jsonb": json_text}
