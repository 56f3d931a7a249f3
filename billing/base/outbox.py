"""The outbox: facts to be told to others, written with what made them true and told afterwards.

A fact stands here if and only if the transaction that caused it was committed. Who is told of it, and how, is decided
later and elsewhere (`notices`); its `id` stays the same however often it is told, so that whoever hears it twice knows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Column, Index, Table, Text, select, text

from billing.base import ids, sets
from billing.base.clock import aware
from billing.base.db import Tx, metadata
from billing.base.types import Json, UTCDateTime

Fact = tuple[str, Mapping[str, Any]]
"""The event's name (`credits.low`), and what happened: plain values, instants among them."""

outbox = Table(
    "billing_outbox",
    metadata,
    Column("id", Text, primary_key=True),  # evt_…: what receivers know it by
    Column("type", Text, nullable=False),
    Column("customer_id", Text),
    Column("facts", Json, nullable=False),
    Column("once", Text, unique=True),  # what is told once in all, however often it is found
    Column("recorded_at", UTCDateTime, nullable=False, index=True),
    Column("spread_at", UTCDateTime),  # since when all who want to be told of it stand in their own rows
    Index("billing_outbox_waiting_idx", "recorded_at", "id", postgresql_where=text("spread_at IS NULL"),
          sqlite_where=text("spread_at IS NULL")),
)  # fmt: skip
"""What is to be told, oldest first; kept for a while after it was."""


def tell(tx: Tx, *facts: Fact) -> None:
    """To be told once this transaction is committed: to listeners in this process at once, to others by a step."""
    tx.told.extend((name, dict(fact)) for name, fact in facts)
    sets.insert(tx, outbox, rows(tx, facts))


def tell_once(tx: Tx, once: str, name: str, fact: Mapping[str, Any]) -> bool:
    """The same unless it was told under `once` before. Says whether it is told now."""
    new = sets.insert(tx, outbox, rows(tx, [(name, fact)], once), unless_there=True) == 1
    if new:
        tx.told.append((name, dict(fact)))
    return new


def tell_new(tx: Tx, facts: Mapping[str, Fact]) -> None:
    """The same for many, by what each is told once under. For one process at a time: who finds them holds a lock."""
    keys = sorted(facts)
    there = select(outbox.c.once).where(outbox.c.once.in_(keys))
    known = set(tx.connection.execute(there).scalars()) if keys else set()
    new = [key for key in keys if key not in known]
    sets.insert(tx, outbox, [row for key in new for row in rows(tx, [facts[key]], key)])
    tx.told.extend((facts[key][0], dict(facts[key][1])) for key in new)


def rows(tx: Tx, facts: Iterable[Fact], once: str | None = None) -> list[dict[str, Any]]:
    """The rows of these facts, for who writes them along with others of its own."""
    return [
        {
            "id": ids.new_in_order("evt"),
            "type": name,
            "customer_id": fact.get("customer"),
            "facts": {key: _plain(value) for key, value in fact.items()},
            "once": once,
            "recorded_at": tx.now,
        }
        for name, fact in facts
    ]


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return aware(value).isoformat().replace("+00:00", "Z")
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, Mapping):
        return {key: _plain(one) for key, one in value.items()}
    return value
