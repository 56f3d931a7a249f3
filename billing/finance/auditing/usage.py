"""The audit of use: what was counted by day is what the counted entries say, and nothing was counted beyond them."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

from sqlalchemy import Select, and_, func, or_, select

from billing.base.db import Tx
from billing.credits.tables import entries, wallets
from billing.finance.auditing.breach import Breach
from billing.insight import usage
from billing.insight.tables import usage_counts, usage_days


def breaches(tx: Tx) -> Iterator[Breach]:
    for wallet, counted, last in tx.connection.execute(_beyond()):
        yield Breach("2 usage", f"wallet {wallet}", f"counted up to entry {counted}, its last one is {last}")
    for wallet, day in tx.connection.execute(_differs(tx.sqlite)):
        yield Breach("2 usage", f"wallet {wallet}", f"what was counted of {day} is not what its entries say")
    for wallet in tx.connection.execute(_days()).scalars():
        yield Breach("2 usage", f"wallet {wallet}", "its first or last day of use is another")


@cache
def _beyond() -> Select[int, int, int]:
    """Marks behind the wallet's last entry."""
    query = select(usage_counts.c.wallet_id, usage_counts.c.counted, wallets.c.last_number)
    of_wallet = wallets.c.id == usage_counts.c.wallet_id
    return query.join(wallets, of_wallet).where(usage_counts.c.counted > wallets.c.last_number)


@cache
def _differs(sqlite: bool) -> Select[*tuple[Any, ...]]:
    """Days whose sums are not those of the entries up to the wallet's mark, there or not."""
    day = usage.day_of(sqlite, entries.c.effective_at).label("day")
    used, given_back = usage.used_and_given_back()
    counted = and_(usage_counts.c.wallet_id == entries.c.wallet_id, entries.c.number <= usage_counts.c.counted)
    said = (
        select(entries.c.wallet_id, day, used.label("used"), given_back.label("given_back"))
        .join(usage_counts, counted)
        .where(usage.is_counted(), entries.c.credits > 0)
        .group_by(entries.c.wallet_id, day)
        .subquery()
    )
    s, d = said.c, usage_days.c
    both = and_(s.wallet_id == d.wallet_id, s.day == d.day)
    other = or_(s.used.is_(None), d.used.is_(None), s.used != d.used, s.given_back != d.given_back)
    place = func.coalesce(s.wallet_id, d.wallet_id), func.coalesce(s.day, d.day)
    return select(*place).select_from(said.outerjoin(usage_days, both, full=True)).where(other)


@cache
def _days() -> Select[int]:
    """Marks whose days are not the first and last on which anything was used."""
    c, d = usage_counts.c, usage_days.c
    first, last = (
        select(end(d.day)).where(d.wallet_id == c.wallet_id, d.used > 0).scalar_subquery()
        for end in (func.min, func.max)
    )
    return select(c.wallet_id).where(or_(c.first_day.is_distinct_from(first), c.last_day.is_distinct_from(last)))
