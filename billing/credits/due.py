"""The step that writes down what time has done, for wallets nobody has touched since."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select

from billing.base.db import Tx
from billing.base.round import Round
from billing.catalog.terms import Catalog
from billing.credits.opening import open_due
from billing.credits.tables import wallets
from billing.credits.writing import write
from billing.rules import asking
from billing.rules.refusals import Refusal


def catch_up(tx: Tx, catalog: Catalog, limit: int, only: Sequence[int] | None = None) -> Round | Refusal:
    """Does what is due for up to `limit` wallets (`only` these), set-based. Says whether there may be more."""
    wrong = asking.refuse(limit=asking.count(limit))
    if wrong is not None:
        return wrong
    opened = open_due(tx, catalog, limit, only)
    write(tx, opened)
    return Round(len(opened) == limit, len(opened))


def waiting(tx: Tx, limit: int, after: int) -> list[int]:
    """Wallets with something due, in the order of their ids, behind the wallet `after`."""
    late = select(wallets.c.id).where(wallets.c.next_due_at <= tx.now, wallets.c.id > after)
    return list(tx.connection.execute(late.order_by(wallets.c.id).limit(limit)).scalars())
