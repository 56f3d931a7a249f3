"""The audit of wallets: their flows, cached figures and settings against buckets, holds and entries."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Select, and_, or_, select

from billing.base.db import Tx
from billing.catalog.terms import Catalog
from billing.credits.positions import position_of
from billing.credits.tables import customers, wallet_terms, wallets
from billing.finance.auditing import purse
from billing.finance.auditing.asking import Asked, Never, asked, before, found
from billing.finance.auditing.books import Books
from billing.finance.auditing.breach import Breach
from billing.rules.periods import month_start_after
from billing.rules.wallet.flows import LISTED, place
from billing.rules.wallet.position import Position

_SETTINGS = ("overdraft", "frozen_at", "plan", "plan_from", "plan_until", "period_end", "free")


def breaches(tx: Tx) -> Iterator[Breach]:
    """What can be asked of all wallets at once: whose they are, and the history of their settings."""
    for wallet, customer in tx.connection.execute(_alone()):
        yield Breach("2 wallets", f"wallet {wallet}", f"its customer {customer} is not there")
    yield from found(tx, _terms())


@cache
def _alone() -> Select[int, str]:
    """Wallets whose customer is not there."""
    alone = select(wallets.c.id, wallets.c.customer_id).outerjoin(customers, customers.c.id == wallets.c.customer_id)
    return alone.where(customers.c.id.is_(None))


@cache
def _terms() -> Asked:
    """Each row of a wallet's settings follows the one before."""
    t = wallet_terms.c
    lagged = [
        before(column, t.wallet_id, t.number).label(f"{column.name}_before") for column in (t.number, t.recorded_at)
    ]
    steps = select(t.wallet_id, t.number, t.recorded_at, wallets.c.last_at, *lagged).join(
        wallets, wallets.c.id == t.wallet_id
    )
    s = (each := steps.subquery()).c
    gap = or_(and_(s.number_before.is_(None), s.number != 1), s.number != s.number_before + 1)
    rules = [
        Never("settings", "the one before it is missing", gap),
        Never("settings", "written before the one it follows", s.recorded_at < s.recorded_at_before),
        Never("settings", "written after the wallet", s.recorded_at > s.last_at),
    ]
    return asked("settings", (s.wallet_id, s.number), each, rules)


def of_wallet(catalog: Catalog, books: Books) -> Iterator[Breach]:
    """All that is wrong with one wallet as it stands."""
    yield from _flows(books)
    yield from _settings(catalog, books)
    if books.row["last_at"] is None:
        return
    open_months = [row for row in books.months if row.is_open]
    position, _ = position_of(catalog, books.row, books.buckets, books.open_holds, open_months, books.row["last_at"])
    yield from _figures(books, position)
    yield from purse.of_wallet(catalog, books, position)
    yield from _debt(books, position)


def _flows(books: Books) -> Iterator[Breach]:
    for row in books.movements:
        flow = LISTED.get((row.kind, place(row.source), place(row.destination)))
        what = f"{row.kind}: {row.source} → {row.destination}"
        if flow is None:
            yield Breach("listed flows", books.where, f"{what} is not on the list")
        elif row.cents and not flow.with_cents:
            yield Breach("listed flows", books.where, f"{what} moved {row.cents} cents")
        elif row.credits and not flow.with_credits:
            yield Breach("listed flows", books.where, f"{what} moved {row.credits} credits")
        elif bool(row.cents) != (row.currency is not None):
            yield Breach("6 money", books.where, f"{what}: {row.cents} cents of the currency {row.currency}")


def _figures(books: Books, position: Position) -> Iterator[Breach]:
    row, accounts = books.row, books.accounts
    on_trust = accounts["held:overdraft"].credits
    owed = -accounts["overdraft"].credits - on_trust
    set_aside = sum(hold.credits for hold in books.open_holds)
    disputed = sum(bucket.disputed for bucket in position.buckets.values())
    figures: tuple[tuple[str, Any, Any], ...] = (
        ("available", row["available"], position.available),
        ("held", row["held"], set_aside + disputed),
        ("held pockets", row["held"], position.held),
        ("overdraft in holds", on_trust, position.overdraft_held),
        ("owed", row["owed"], owed),
        ("last_month", row["last_month"], max((month.number for month in books.months), default=0)),
        ("open_months", row["open_months"], len(position.months)),
        ("next_due_at", row["next_due_at"], position.next_due()),
    )
    for name, cached, truth in figures:
        if cached != truth:
            yield Breach("2 wallets", books.where, f"{name} is {cached}, by buckets, holds and entries {truth}")


def _debt(books: Books, position: Position) -> Iterator[Breach]:
    """When a debt's period ends is noted while there is one that waits for it, and lies no further than a period.

    Whether one waits is asked only where the wallet itself says so: plans' and the catalog's terms may have been
    others when it was last written.
    """
    due: datetime | None = books.row["debt_due_at"]
    last_at: datetime = books.row["last_at"]
    if due is None:
        if books.row["owed"] and books.row["overdraft"] is not None and position.terms.overdraft.debt != "repay":
            yield Breach("2 debts", books.where, "it owes, and no period's end is noted to repay or forgive it")
        return
    latest = month_start_after(last_at)
    if books.row["period_end"] is not None:
        latest = max(latest, books.row["period_end"])
    if not books.row["owed"]:
        yield Breach("2 debts", books.where, f"it owes nothing, but something is due at {due}")
    elif books.row["overdraft"] is not None and position.terms.overdraft.debt == "repay":
        yield Breach("2 debts", books.where, f"its debt is repaid as credits arrive, but something is due at {due}")
    elif not last_at < due <= latest:
        yield Breach("2 debts", books.where, f"its debt is due at {due}, its period ends at {latest}")


def _settings(catalog: Catalog, books: Books) -> Iterator[Breach]:
    row, terms = books.row, books.terms
    if row["unit"] not in catalog.units and catalog != Catalog.DEFAULT:  # without a catalog nobody says which there are
        yield Breach("settings", books.where, "its unit is not in the catalog")
    if row["terms_number"] != (terms.number if terms is not None else 0):
        yield Breach("settings", books.where, f"it counts {row['terms_number']} changes of its settings")
    for name in _SETTINGS:
        recorded = getattr(terms, name) if terms is not None else None
        if row[name] != recorded:
            yield Breach("settings", books.where, f"{name} is {row[name]}, {recorded} is recorded")
