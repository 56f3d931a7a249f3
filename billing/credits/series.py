"""Series: the buckets of a plan's periods, one after the other. What rolls over has to know its next period, what was
rolled into it, and what shares its cap, though nothing may be left in them.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import and_, or_, select

from billing.base.db import Tx
from billing.credits.rows import BUCKET_COLUMNS, bucket_state
from billing.credits.tables import buckets
from billing.rules.wallet import rollover
from billing.rules.wallet.position import Position

_AT_ONCE = 200
"""So many series are asked for in one statement: SQLite takes no condition of more than a thousand parts."""


def read(tx: Tx, wallet: int, position: Position, also: Mapping[str, datetime] | None = None) -> None:
    """Reads the closed buckets that roll-over has to know; `also`: those of a series from a period's start on."""
    wanted = rollover.series_to_know(position.buckets.values())
    for name, since in (also or {}).items():
        wanted[name] = min(since, wanted.get(name, since))
    wanted = {name: since for name, since in wanted.items() if not position.knows_series(name, since)}
    if not wanted:
        return
    position.series |= wanted
    names = list(wanted)
    for first in range(0, len(names), _AT_ONCE):
        some = [(name, wanted[name]) for name in names[first : first + _AT_ONCE]]
        of = or_(*(and_(buckets.c.series == name, buckets.c.period_end >= since) for name, since in some))
        query = select(*BUCKET_COLUMNS).where(buckets.c.wallet_id == wallet, of)
        for row in tx.connection.execute(query):
            if row.number not in position.buckets:
                position.know(bucket_state(row))
