"""Walks: a step that goes over wallets is done by one at a time, and goes on where the last one stopped.

A walk that was cut off is ended first: what came up behind it is found by the next one, from the beginning.
"""

from __future__ import annotations

from sqlalchemy import select, update

from billing.base import sets
from billing.base.db import Tx
from billing.insight.tables import walks


def begin(tx: Tx, name: str) -> int | None:
    """Takes the walk until the end of the transaction. Says the wallet it has come to (0: at the beginning), or None
    where somebody else is at it.
    """
    sets.insert(tx, walks, [{"name": name, "wallet_id": 0}], unless_there=True)
    its = select(walks.c.wallet_id).where(walks.c.name == name).with_for_update(skip_locked=True)
    return tx.connection.execute(its).scalar_one_or_none()


def come_to(tx: Tx, name: str, wallet: int) -> None:
    """The next one begins behind this wallet; 0: anew."""
    tx.connection.execute(update(walks).where(walks.c.name == name).values(wallet_id=wallet))
