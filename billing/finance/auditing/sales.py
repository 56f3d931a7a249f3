"""The audit of what was sold: every sale has its months, claimed by Stripe's objects that brought exactly its cents."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

from sqlalchemy import RowMapping, Select, Subquery, Text, and_, case, cast, exists, func, literal, or_, select

from billing.base.db import Tx
from billing.credits.tables import buckets, entries, months, wallets
from billing.finance.auditing.asking import Asked, Never, asked, found, numbered
from billing.finance.auditing.breach import Breach
from billing.sales.tables import claims, sales

_SOLD = ("allocation:", "change:", "topup:")


def breaches(tx: Tx) -> Iterator[Breach]:
    """All that is wrong between sales, their buckets and their claims."""
    yield from _months(tx)
    for wallet, number, sale in tx.connection.execute(_unsold()):
        yield Breach("3 sales", f"wallet {wallet}, month {number}", f"{sale} was never sold")
    yield from found(tx, _unlike(), _periods())
    yield from _money(tx)
    yield from _taken_back(tx)
    yield from _claims(tx)


@cache
def _sold() -> tuple[Select[Any], Subquery]:
    """Sales, each with what its months come to."""
    m, s = months.c, sales.c
    by_sale = (
        select(
            m.wallet_id, m.sale, func.sum(m.credits).label("credits"), func.sum(m.cents).label("cents"),
            func.count().label("count"), func.max(m.place).label("last"), func.max(m.currency).label("paid_in"),
            func.min(m.made_at).label("made_at"), func.min(m.starts_at).label("starts_at"),
            func.max(m.ends_at).label("ends_at"),
        )
        .group_by(m.wallet_id, m.sale)
        .subquery()
    )  # fmt: skip
    of = sales.outerjoin(by_sale, and_(by_sale.c.wallet_id == s.wallet_id, by_sale.c.sale == s.origin))
    query = select(sales, by_sale, wallets.c.customer_id.label("owner")).select_from(
        of.outerjoin(wallets, wallets.c.id == s.wallet_id)
    )
    return query, by_sale


def _months(tx: Tx) -> Iterator[Breach]:
    """A sale's months add up to it, in its wallet and currency. What brings no credits has none."""
    s, (query, by_sale) = sales.c, _sold()
    for row in tx.connection.execute(query).mappings():
        where = f"wallet {row[s.wallet_id]}, {row[s.origin]}"
        if row[s.customer_id] != row["owner"]:
            yield Breach("3 sales", where, f"sold to {row[s.customer_id]!r}, the wallet is that of {row['owner']!r}")
        if row["count"] is None:
            if row[s.credits]:
                yield Breach("3 sales", where, "it has no months")
            continue
        given_back = row[s.cents] < 0  # a change may bring more credits and give money back
        sold = (
            row[s.credits], max(0, row[s.cents]), None if given_back else row[s.currency], row[s.recorded_at],
        )  # fmt: skip
        brought = (int(row[by_sale.c.credits]), int(row[by_sale.c.cents]), row["paid_in"], row["made_at"])
        if _elsewhere(row):
            yield Breach("3 sales", where, "its months are of another period")
        if sold != brought or row["count"] != row["last"]:
            yield Breach("3 sales", where, f"sold as {sold}, its {row['count']} months as {brought}")


def _elsewhere(row: RowMapping) -> bool:
    """Are its months of another time than the sale's? A change may bring nothing at first (its month is over in a
    minute) or at last (another change took its place before it was heard of).
    """
    s = sales.c
    begins, ends = row[s.period_start], row[s.period_end]
    if row[s.kind] == "change":
        return bool(row["starts_at"] < begins or row["ends_at"] > ends)
    return row[s.kind] != "pack" and (row["starts_at"], row["ends_at"]) != (begins, ends)


@cache
def _unsold() -> Select[int, int, str]:
    """Months whose sale is not there."""
    m, s = months.c, sales.c
    its = and_(s.wallet_id == m.wallet_id, s.origin == m.sale)
    query = select(m.wallet_id, m.number, m.sale).outerjoin(sales, its).where(s.origin.is_(None))
    return query.where(or_(*(m.sale.startswith(kind) for kind in _SOLD)))


@cache
def _unlike() -> Asked:
    """A bucket that says it was sold has its month, and what is said on both is the same."""
    m, b = months.c, buckets.c
    says_so = or_(*(b.origin.startswith(kind) for kind in _SOLD))
    of = buckets.outerjoin(months, and_(m.wallet_id == b.wallet_id, m.number == b.month))
    origin = m.sale + literal("#") + cast(m.place, Text)
    other = or_(
        b.sale.is_distinct_from(m.sale),
        and_(b.rolled_from.is_(None), m.bucket.is_distinct_from(b.number)),
        and_(b.rolled_from.is_(None), b.origin != origin, b.origin != m.sale),
        and_(b.rolled_from.is_(None), b.granted != m.allotted),
        and_(b.rolled_from.is_(None), b.effective_at != m.starts_at),
    )
    rules = [
        Never("3 sales", "it was never sold", and_(or_(says_so, b.sale.is_not(None)), m.number.is_(None))),
        Never("3 sales", "its month says something else", and_(m.number.is_not(None), other)),
    ]
    return asked("bkt", (b.wallet_id, b.number), of, rules)


@cache
def _periods() -> Asked:
    """An allocation's bucket belongs to its item and period, a pack's to none."""
    s, b, m = sales.c, buckets.c, months.c
    of = sales.join(months, and_(m.wallet_id == s.wallet_id, m.sale == s.origin)).join(
        buckets, and_(b.wallet_id == m.wallet_id, b.number == m.bucket)
    )
    allocated = s.kind != "pack"
    period = or_(
        and_(allocated, b.series.is_distinct_from(numbered("plan", s.item_id))),
        and_(~allocated, b.series.is_not(None)),
        and_(~allocated, b.period_end.is_not(None)),
        b.period_end.is_distinct_from(m.ends_at),
        and_(allocated, or_(b.effective_at < s.period_start, b.period_end > s.period_end)),
    )
    rules = [Never("3 sales", "its sale is of another item or another period", period)]
    return asked("bkt", (b.wallet_id, b.number), of, rules)


def _money(tx: Tx) -> Iterator[Breach]:
    """What Stripe's objects brought is what was sold, less what negative lines took out."""
    brought = {currency: int(cents) for currency, cents in tx.connection.execute(_claimed())}
    for currency, moved_cents in tx.connection.execute(_moved()):
        if int(moved_cents) != brought.get(currency, 0):
            differs = f"Stripe's objects brought {brought.get(currency, 0)} cents, by the entries {int(moved_cents)}"
            yield Breach("6 money", currency, differs)


@cache
def _moved() -> Select[Any]:
    """What was sold, less what negative lines took out, by the entries and by currency."""
    e, b = entries.c, buckets.c
    at_once = exists().where(b.wallet_id == e.wallet_id, b.number == e.number, b.sale.is_not(None))
    sold = or_(e.kind.in_(("sell", "settle")), and_(e.kind == "grant", e.source == "issued", at_once))
    cents = case((sold, e.cents), (e.kind == "credit_back", -e.cents), else_=0)
    return select(e.currency, func.sum(cents)).where(e.currency.is_not(None)).group_by(e.currency)


@cache
def _claimed() -> Select[Any]:
    """What Stripe's objects brought, by currency."""
    same = (claims.c.wallet_id == sales.c.wallet_id) & (claims.c.origin == sales.c.origin)
    return select(sales.c.currency, func.sum(claims.c.cents)).join(claims, same).group_by(sales.c.currency)


def _taken_back(tx: Tx) -> Iterator[Breach]:
    """What names no month when it is taken back is of a sale that has none, and never more than it brought."""
    for wallet, cause, cents in tx.connection.execute(_gone_back()):
        yield Breach("4 claims", f"wallet {wallet}, {cause}", f"{int(cents)} cents were taken back")


@cache
def _gone_back() -> Select[Any]:
    """What went back of sales without months, where that is wrong."""
    e, s = entries.c, sales.c
    sign = case((e.kind == "restore", -e.cents), else_=e.cents)
    its = or_(e.source == "clawed_back", e.destination == "clawed_back")
    back = (
        select(e.wallet_id, e.cause, func.sum(sign).label("cents")).where(its).group_by(e.wallet_id, e.cause).subquery()
    )
    of = and_(s.wallet_id == back.c.wallet_id, literal("returns:") + s.origin == back.c.cause)
    has_months = exists().where(months.c.wallet_id == s.wallet_id, months.c.sale == s.origin)
    wrong = or_(s.origin.is_(None), has_months, back.c.cents < 0, back.c.cents > s.cents)
    return select(back.c.wallet_id, back.c.cause, back.c.cents).outerjoin(sales, of).where(wrong)


def _claims(tx: Tx) -> Iterator[Breach]:
    """Each sale was claimed, for its cents in all; each claim names a sale."""
    for row in tx.connection.execute(_claimed_for_others()):
        found = f"sold for {row.cents} cents, claimed for {row.claimed}"
        yield Breach("4 claims", f"wallet {row.wallet_id}, {row.origin}", found)
    for stripe_id, origin in tx.connection.execute(_claims_alone()):
        yield Breach("4 claims", stripe_id, f"claimed for {origin}, which was never sold")


@cache
def _claimed_for_others() -> Select[Any]:
    """Sales that were claimed for other cents than they brought."""
    by_sale = (
        select(claims.c.wallet_id, claims.c.origin, func.sum(claims.c.cents).label("cents"))
        .group_by(claims.c.wallet_id, claims.c.origin)
        .subquery()
    )
    same = (by_sale.c.wallet_id == sales.c.wallet_id) & (by_sale.c.origin == sales.c.origin)
    query = select(sales.c.wallet_id, sales.c.origin, sales.c.cents, by_sale.c.cents.label("claimed"))
    differs = or_(by_sale.c.cents.is_(None), by_sale.c.cents != sales.c.cents)
    return query.outerjoin(by_sale, same).where(differs)


@cache
def _claims_alone() -> Select[str, str]:
    """Claims whose sale is not there."""
    alone = select(claims.c.stripe_id, claims.c.origin).outerjoin(
        sales, (sales.c.wallet_id == claims.c.wallet_id) & (sales.c.origin == claims.c.origin)
    )
    return alone.where(sales.c.origin.is_(None))
