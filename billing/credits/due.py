"""The step that writes down what time has done, for wallets nobody has touched since."""

from __future__ import annotations

from billing.base.db import Tx
from billing.catalog.terms import Catalog
from billing.credits.opening import open_due
from billing.credits.writing import write


def catch_up(tx: Tx, catalog: Catalog, limit: int) -> bool:
    """Does what is due for up to `limit` wallets, set-based. Says whether there may be more."""
    opened = open_due(tx, catalog, limit)
    write(tx, opened)
    return len(opened) == limit
