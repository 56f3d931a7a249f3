"""The audit of plan changes: what each took stands beside it, month by month, and the entries say the same."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

from sqlalchemy import Select, and_, case, func, literal, or_, select

from billing.base.db import Tx
from billing.credits.tables import entries, months
from billing.finance.auditing.asking import Asked, Never, asked, found, numbered
from billing.finance.auditing.breach import Breach
from billing.sales.tables import change_takings, sales


def breaches(tx: Tx) -> Iterator[Breach]:
    """All that is wrong with plan changes."""
    yield from found(tx, _periods(), _names(), _taken_from())
    yield from _money(tx)
    yield from _taken(tx)


@cache
def _periods() -> Asked:
    """A change takes from sales of its period, of which there is one where it gives money back. One that was paid for
    may be of a period that was never allocated here.
    """
    s = sales.c
    base = sales.alias()
    b = base.c
    begun = and_(
        b.wallet_id == s.wallet_id, b.item_id == s.item_id, b.period_end == s.period_end,
        or_(and_(b.kind == "allocation", b.period_start <= s.period_start), and_(b.kind == "change", b.cents >= 0)),
    )  # fmt: skip
    nothing = and_(s.kind == "change", s.cents < 0, b.origin.is_(None))
    rules = [Never("3 changes", "it gives money back for a period that was never sold", nothing)]
    return asked("sale", (s.wallet_id, s.origin), sales.outerjoin(base, begun), rules)


@cache
def _names() -> Asked:
    """A sale is named after its item."""
    s = sales.c
    named = case(
        (s.kind == "change", literal("change:") + s.invoice_id + ":" + s.item_id + ":"),
        else_=literal("allocation:") + s.item_id + ":",
    )
    other = and_(s.kind != "pack", func.substr(s.origin, 1, func.length(named)) != named)
    rules = [Never("3 changes", "its name is that of another item", other)]
    return asked("sale", (s.wallet_id, s.origin), sales, rules)


@cache
def _taken_from() -> Asked:
    """It takes from sales of that period."""
    s, t = sales.c, change_takings.c
    base = sales.alias()
    b = base.c
    taken_from = and_(b.wallet_id == t.wallet_id, b.origin == t.sale)
    of = change_takings.join(sales, and_(s.wallet_id == t.wallet_id, s.origin == t.origin)).join(base, taken_from)
    elsewhere = or_(s.kind != "change", b.item_id != s.item_id, b.period_end != s.period_end)
    rules = [Never("3 changes", "it takes from a sale of another item or another period", elsewhere)]
    return asked("sale", (t.wallet_id, t.origin), of, rules)


def _money(tx: Tx) -> Iterator[Breach]:
    """What a change's lines give back is what it takes in cents, and never more credits than a month brought."""
    for row in tx.connection.execute(_given_back()):
        if int(row.taken) != max(0, -row.cents):
            what = f"its lines come to {row.cents} cents, and it took {int(row.taken)}"
            yield Breach("3 changes", f"wallet {row.wallet_id}, {row.origin}", what)
    for wallet, sale, ends_at in tx.connection.execute(_too_much()):
        what = f"changes took more credits than its month up to {ends_at.isoformat()} brought"
        yield Breach("4 changes", f"wallet {wallet}, {sale}", what)


@cache
def _given_back() -> Select[Any]:
    """Changes, each with the cents that it took."""
    s, t = sales.c, change_takings.c
    same = and_(t.wallet_id == s.wallet_id, t.origin == s.origin)
    query = select(s.wallet_id, s.origin, s.cents, func.coalesce(func.sum(t.cents), 0).label("taken"))
    its = query.select_from(sales.outerjoin(change_takings, same)).where(s.kind == "change")
    return its.group_by(s.wallet_id, s.origin, s.cents)


@cache
def _too_much() -> Select[Any]:
    """Months of which changes took more credits than they brought."""
    t, m = change_takings.c, months.c
    brought = and_(m.wallet_id == t.wallet_id, m.sale == t.sale, m.ends_at == t.ends_at)
    return (
        select(t.wallet_id, t.sale, t.ends_at)
        .select_from(change_takings.outerjoin(months, brought))
        .group_by(t.wallet_id, t.sale, t.ends_at)
        .having(func.sum(t.credits) > func.coalesce(func.max(m.credits), 0))
    )


def _taken(tx: Tx) -> Iterator[Breach]:
    """What changes took of a sale is what left it for them, by the entries that name its first month."""
    monthless = {(row.wallet_id, row.sale) for row in tx.connection.execute(_without_months())}
    by_entries = {(w, sale): (int(credits), int(cents)) for w, sale, credits, cents in tx.connection.execute(_moved())}
    by_rows = {
        (w, sale): (int(credits), int(cents))
        for w, sale, credits, cents in tx.connection.execute(_said())
        if (w, sale) not in monthless
    }
    for key in sorted(by_entries.keys() | by_rows.keys()):
        if by_entries.get(key, (0, 0)) != by_rows.get(key, (0, 0)):
            what = f"changes took {by_rows.get(key, (0, 0))}, by the entries {by_entries.get(key, (0, 0))}"
            yield Breach("3 changes", f"wallet {key[0]}, {key[1]}", what)


@cache
def _moved() -> Select[Any]:
    """What left each sale for changes, by the entries."""
    e, m = entries.c, months.c
    first = select(m.wallet_id, m.sale, m.number).where(m.place == 1).subquery()
    f = first.c
    change, credited = numbered("clawed_back:change", f.number), numbered("credited", f.number)
    its = and_(e.wallet_id == f.wallet_id, or_(e.source == change, e.destination == change, e.destination == credited))
    return (
        select(
            f.wallet_id, f.sale,
            func.sum(case((e.destination == change, e.credits), (e.source == change, -e.credits), else_=0)),
            func.sum(case((e.destination == credited, e.cents), else_=0)),
        )
        .select_from(first.join(entries, its))
        .group_by(f.wallet_id, f.sale)
    )  # fmt: skip


@cache
def _said() -> Select[Any]:
    """What changes say they took of each sale."""
    t = change_takings.c
    return select(t.wallet_id, t.sale, func.sum(t.credits), func.sum(t.cents)).group_by(t.wallet_id, t.sale)


@cache
def _without_months() -> Select[int, str]:
    """Sales that were earned at once: what was taken of them names no month."""
    t, m = change_takings.c, months.c
    its = and_(m.wallet_id == t.wallet_id, m.sale == t.sale)
    return select(t.wallet_id, t.sale).outerjoin(months, its).where(m.number.is_(None))
