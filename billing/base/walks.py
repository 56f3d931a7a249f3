"""Walks: a step that goes over many rows is done by one at a time, and goes on where the last one stopped.

A walk that was cut off is ended first: what came up behind it is found by the next one, from the beginning.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Column, Table, Text, select, text, update

from billing.base import sets
from billing.base.db import Tx, metadata
from billing.base.types import UTCDateTime, Whole

walks = Table(
    "billing_walks",
    metadata,
    Column("name", Text, primary_key=True),
    Column("wallet_id", Whole, nullable=False),
    Column("at", UTCDateTime),
)
"""Steps that walk, and how far each has come: in the order of the wallets' ids, or of instants and then of wallets."""


@dataclass(frozen=True, slots=True)
class Place:
    """`wallet` 0: at the beginning."""

    wallet: int
    at: datetime | None = None


START = Place(0)


def begin(tx: Tx, name: str) -> Place | None:
    """Takes the walk until the end of the transaction. Says what it has come to, or None where somebody else is at it.

    Until then PostgreSQL plans each statement for the rows it is about: a plan that was made once for all, while the
    tables were empty or for any list of wallets, goes over all that was done before with every batch.
    """
    if not tx.sqlite:
        tx.connection.execute(text("SET LOCAL plan_cache_mode = force_custom_plan"))
    sets.insert(tx, walks, [{"name": name, "wallet_id": 0, "at": None}], unless_there=True)
    its = select(walks.c.wallet_id, walks.c.at).where(walks.c.name == name).with_for_update(skip_locked=True)
    found = tx.connection.execute(its).one_or_none()
    return None if found is None else Place(*found)


def come_to(tx: Tx, name: str, place: Place) -> None:
    """The next one begins behind it."""
    tx.connection.execute(update(walks).where(walks.c.name == name).values(wallet_id=place.wallet, at=place.at))
