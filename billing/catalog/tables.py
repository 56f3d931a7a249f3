"""The table of what the catalog said, and from when."""

from __future__ import annotations

from sqlalchemy import Column, Table, Text

from billing.base.db import metadata
from billing.base.types import UTCDateTime, Whole

catalog_versions = Table(
    "billing_catalog_versions",
    metadata,
    Column("number", Whole, primary_key=True, autoincrement=False),
    Column("version", Text, nullable=False),
    Column("content", Text, nullable=False),  # the file, word by word
    Column("holds_from", UTCDateTime, nullable=False),
    Column("applied_at", UTCDateTime, nullable=False),
    info={"append_only": True},
)
"""Of two that hold from one instant the later one counts."""
