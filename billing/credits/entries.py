"""Questions about entries."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, select

from billing.base import ids
from billing.base.db import Tx
from billing.catalog.terms import Catalog
from billing.credits import customers
from billing.credits.tables import entries, wallets
from billing.credits.values import Entry
from billing.rules import asking
from billing.rules.refusals import Invalid, Refusal, UnknownUnit
from billing.rules.wallet.flows import FLOWS

KINDS = tuple(dict.fromkeys(flow.kind for flow in FLOWS))
MOST_REPLAYED = 200_000
_POCKET = re.compile(r"^(bucket|held|expired|voided):([0-9]+)$")


def page(
    tx: Tx,
    catalog: Catalog,
    customer: str,
    *,
    unit: str,
    kind: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    cause: str | None = None,
    before: int | None = None,
    limit: int = 100,
) -> list[Entry] | Refusal:
    """Entries, newest first: effective in `[since, until)`, with a lower number than `before`."""
    if kind is not None and kind not in KINDS:
        return Invalid.field("kind", f"Must be one of {', '.join(KINDS)}.")
    wrong = asking.refuse(
        unit=asking.text(unit),
        since=asking.maybe(asking.instant, since),
        until=asking.maybe(asking.instant, until),
        cause=asking.maybe(asking.text, cause),
        before=asking.maybe(asking.number, before),
        limit=asking.count(limit),
    )
    if wrong is not None:
        return wrong
    if unit not in catalog.units:
        return UnknownUnit(unit)
    known = customers.find(tx, customer)
    if isinstance(known, Refusal):
        return known
    match = (wallets.c.customer_id == customer) & (wallets.c.unit == unit)
    wallet = tx.connection.execute(select(wallets.c.id).where(match)).scalar_one_or_none()
    if wallet is None:
        return []
    query = select(entries).where(entries.c.wallet_id == wallet).order_by(entries.c.number.desc()).limit(limit)
    if kind is not None:
        query = query.where(entries.c.kind == kind)
    if since is not None:
        query = query.where(entries.c.effective_at >= since)
    if until is not None:
        query = query.where(entries.c.effective_at < until)
    if cause is not None:
        query = query.where(entries.c.cause == cause)
    if before is not None:
        query = query.where(entries.c.number < before)
    return [_value(row) for row in tx.connection.execute(query)]


@dataclass(frozen=True, slots=True)
class Balances:
    """How a wallet's balance went: (since when, available, owed) at first, and after each entry (when, available, owed,
    its cause, the credits that it granted).
    """

    before: tuple[datetime, int, int]
    after: tuple[tuple[datetime, int, int, str, int], ...]


def balances(tx: Tx, customer: str, unit: str, since: datetime) -> Balances:
    """By the entries recorded since then, the newest `MOST_REPLAYED` of them. The wallet must be there."""
    its = (wallets.c.customer_id == customer) & (wallets.c.unit == unit)
    wallet = tx.connection.execute(select(wallets.c.id).where(its)).scalar_one_or_none()
    e = entries.c
    columns = (e.recorded_at, e.effective_at, e.available_after, e.owed_after, e.cause, e.kind, e.credits)
    query = select(*columns).where(e.wallet_id == wallet).order_by(e.number.desc()).limit(MOST_REPLAYED)
    newest_first: list[Any] = []
    before = (since, 0, 0)
    for row in tx.connection.execute(query, execution_options={"yield_per": 1000}):
        if row.recorded_at < since:
            before = (since, row.available_after, row.owed_after)
            break
        newest_first.append(row)
    else:
        if len(newest_first) == MOST_REPLAYED:
            oldest = newest_first.pop()
            before = (oldest.effective_at, oldest.available_after, oldest.owed_after)
        elif newest_first:  # there was no wallet before
            oldest = newest_first[-1]
            before = (oldest.effective_at, oldest.available_after, oldest.owed_after)
    after = (
        (row.effective_at, row.available_after, row.owed_after, row.cause, row.credits if row.kind == "grant" else 0)
        for row in reversed(newest_first)
    )
    return Balances(before, tuple(after))


def _value(row: Row[Any]) -> Entry:
    def account(name: str) -> str:
        pocket = _POCKET.match(name)
        return f"{pocket[1]}:{ids.of('bkt', row.wallet_id, int(pocket[2]))}" if pocket else name

    return Entry(
        number=row.number,
        kind=row.kind,
        source=account(row.source),
        destination=account(row.destination),
        credits=row.credits,
        cents=row.cents,
        currency=row.currency,
        cause=row.cause,
        key=row.key,
        member=row.member,
        feature=row.feature,
        description=row.description,
        details=row.details,
        available_after=row.available_after,
        owed_after=row.owed_after,
        effective_at=row.effective_at,
        recorded_at=row.recorded_at,
        posted_at=row.posted_at,
    )
