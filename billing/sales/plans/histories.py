"""Histories: what a subscription item's periods have had so far, read from its sales for the rules to judge by."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Row, select

from billing.base.db import Tx
from billing.catalog.terms import Catalog
from billing.credits.opening import OpenWallet
from billing.credits.tables import months
from billing.rules.sale.assumed import windows_of
from billing.rules.sale.months import Window, spans_of
from billing.rules.sale.planchange import PastSale, PeriodHistory, Take, ended_early, taken_from
from billing.sales.back import taken_back
from billing.sales.tables import change_takings, sales
from billing.stripe.questions import Known

_Key = tuple[int, str, datetime]
"""Wallet, item, period end."""


def of_items(
    tx: Tx,
    catalog: Catalog,
    wallets: Collection[OpenWallet],
    items: Collection[str],
    at: datetime,
    known: Known | None = None,
) -> list[PeriodHistory]:
    """The periods of these items in these wallets, as they count at that instant. To be asked under the wallets'
    locks.

    A sale's row says from when its level holds; its months say what it brought, and the takings of later changes what
    these took of it. Rows are in the order in which they were applied: that of their payment, then their start.
    """
    if not wallets or not items:
        return []
    s = sales.c
    its = s.wallet_id.in_([wallet.id for wallet in wallets]) & s.item_id.in_(list(items))
    in_order = select(sales).where(its).order_by(s.paid_at, s.recorded_at, s.kind, s.period_start, s.origin)
    groups: dict[_Key, list[Row[Any]]] = {}
    for row in tx.connection.execute(in_order):
        groups.setdefault((row.wallet_id, row.item_id, row.period_end), []).append(row)
    brought, takes = _brought(tx, wallets, items), _takes(tx, wallets, items)
    gone = taken_back.wholly(tx, [row.invoice_id for rows in groups.values() for row in rows], at, known)
    units = {wallet.id: wallet.unit for wallet in wallets}
    found = []
    for (wallet, item, _), rows in groups.items():
        for mine in _apart(rows):
            history = _history(catalog, units[wallet], item, mine, brought, gone)
            found.append(_less(history, mine, takes))
    return ended_early(found, at)


def _apart(rows: Sequence[Row[Any]]) -> list[list[Row[Any]]]:
    """Each allocation with its changes; last, changes of a period that was never granted here. A period may end where
    an earlier one would have that was cut short.
    """
    begun = sorted((row for row in rows if row.kind == "allocation"), key=lambda row: row.period_start)
    found = [[row] for row in begun]
    alone: list[Row[Any]] = []
    for row in rows:
        its = [one for one in found if one[0].period_start <= row.period_start]
        if row.kind == "change":
            (its[-1] if its else alone).append(row)
    return [*found, alone] if alone else found


def _history(
    catalog: Catalog,
    unit: str,
    item: str,
    rows: Sequence[Row[Any]],
    brought: Mapping[tuple[int, str], Sequence[Any]],
    gone: Collection[str],
) -> PeriodHistory:
    first = rows[0]
    plan = catalog.plans.get(first.product)
    every = first.every or (plan.every if plan is not None else "month")
    assumed = first.kind == "change"
    if assumed:
        spans = windows_of(min(row.period_start for row in rows), first.period_end, every)
    else:
        stub, trial = first.part == "stub", first.part == "trial"
        spans = spans_of(first.period_start, first.period_end, every, stub=stub, trial=trial)
    past = []
    for row in rows:
        level = row.level
        if level is None and row.kind == "allocation":  # from before levels were kept
            level = row.quantity * plan.credits if plan is not None else row.credits
        credits, cents = _figures(spans, row, brought.get((row.wallet_id, row.origin), ()))
        counts = row.kind == "allocation" or row.invoice_id not in gone
        past.append(PastSale(row.origin, row.period_start, level, credits, cents, counts=counts))
    return PeriodHistory(
        item, unit, every, spans, tuple(past), paid_at=first.paid_at, assumed=assumed, currency=first.currency
    )


def _figures(
    spans: Sequence[Window], row: Row[Any], its: Sequence[Row[Any]]
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Credits and cents by window. Money that brought no credits stands in the window in which it was paid."""
    credits, cents = [0 for _ in spans], [0 for _ in spans]
    for month in its:
        place = _place(spans, month.ends_at)
        credits[place], cents[place] = credits[place] + month.credits, cents[place] + month.cents
    if not its and row.cents > 0:
        running = (place for place, span in enumerate(spans) if row.period_start < span.ends_at)
        cents[next(running, len(spans) - 1)] = row.cents
    return tuple(credits), tuple(cents)


def _place(spans: Sequence[Window], ends_at: datetime) -> int:
    return next((place for place, span in enumerate(spans) if ends_at <= span.ends_at), len(spans) - 1)


def _less(history: PeriodHistory, rows: Sequence[Row[Any]], takes: Sequence[Row[Any]]) -> PeriodHistory:
    mine = {(row.wallet_id, row.origin) for row in rows}
    its = [
        Take(take.sale, _place(history.windows, take.ends_at), take.ends_at, take.credits, take.cents)
        for take in takes
        if (take.wallet_id, take.sale) in mine
    ]
    return replace(history, sales=taken_from(history.sales, its))


def _brought(tx: Tx, wallets: Collection[OpenWallet], items: Collection[str]) -> dict[tuple[int, str], list[Any]]:
    m, s = months.c, sales.c
    of = months.join(sales, (s.wallet_id == m.wallet_id) & (s.origin == m.sale))
    its = s.wallet_id.in_([wallet.id for wallet in wallets]) & s.item_id.in_(list(items))
    query = select(m.wallet_id, m.sale, m.ends_at, m.credits, m.cents).select_from(of).where(its)
    found: dict[tuple[int, str], list[Any]] = {}
    for row in tx.connection.execute(query):
        found.setdefault((row.wallet_id, row.sale), []).append(row)
    return found


def _takes(tx: Tx, wallets: Collection[OpenWallet], items: Collection[str]) -> list[Row[Any]]:
    t, s = change_takings.c, sales.c
    of = change_takings.join(sales, (s.wallet_id == t.wallet_id) & (s.origin == t.origin))
    its = t.wallet_id.in_([wallet.id for wallet in wallets]) & s.item_id.in_(list(items))
    query = select(t.wallet_id, t.sale, t.ends_at, t.credits, t.cents).select_from(of).where(its)
    return list(tx.connection.execute(query))
