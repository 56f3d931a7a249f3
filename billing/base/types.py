"""Column types that mean the same on both databases."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.engine import Dialect

from billing.base.clock import aware

Json = sa.JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")
Whole = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
"""Whole numbers up to 10^15 and beyond, and row ids: SQLite numbers its rows for INTEGER only."""


class UTCDateTime(sa.types.TypeDecorator[datetime]):
    """An instant, kept to the microsecond, aware UTC on both sides. Naive values are refused."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        value = aware(value)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else _utc(value)

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], Any] | None:
        """PostgreSQL's driver gives aware times: one step instead of two, for each of a batch's thousands."""
        if dialect.name == "postgresql":
            return _utc_or_none
        return super().result_processor(dialect, coltype)


def _utc(value: datetime) -> datetime:
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def _utc_or_none(value: datetime | None) -> datetime | None:
    return None if value is None else value.astimezone(UTC)


def sqlite_time(value: datetime | None) -> str | None:
    """How a time is handed to SQLite where a statement bypasses SQLAlchemy's own types."""
    return None if value is None else value.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "microseconds")


def json_text(value: Any) -> str | None:
    """How JSON is handed to SQLite there."""
    return None if value is None else json.dumps(value, ensure_ascii=False, separators=(",", ":"))
