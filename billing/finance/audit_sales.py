"""The audit of what was sold: every sale is one bucket, claimed by Stripe's objects that brought exactly its cents."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import and_, func, or_, select

from billing.base import ids
from billing.base.db import Tx
from billing.credits.tables import buckets, entries, wallets
from billing.finance.asking import Never, found, numbered
from billing.finance.breach import Breach
from billing.sales.tables import claims, sales

_SOLD = ("allocation:", "topup:")


def breaches(tx: Tx) -> Iterator[Breach]:
    """All that is wrong between sales, their buckets and their claims."""
    yield from _buckets(tx)
    yield from _unsold(tx)
    yield from _periods(tx)
    yield from _claims(tx)


def _buckets(tx: Tx) -> Iterator[Breach]:
    """A sale's bucket has its origin, credits, cents and currency; that a bucket equals its grant is `audit`'s."""
    its = (buckets.c.wallet_id == sales.c.wallet_id) & (buckets.c.number == sales.c.bucket)
    query = (
        select(sales, buckets.c.origin.label("named"), buckets.c.granted, buckets.c.paid_cents,
               buckets.c.currency.label("paid_in"), wallets.c.customer_id.label("owner"))
        .outerjoin(buckets, its)
        .outerjoin(wallets, wallets.c.id == sales.c.wallet_id)
    )  # fmt: skip
    for row in tx.connection.execute(query):
        sold = (row.origin, row.credits, row.cents, row.currency, row.customer_id)
        granted = (row.named, row.granted, row.paid_cents, row.paid_in, row.owner)
        if sold != granted:
            where = ids.of("bkt", row.wallet_id, row.bucket)
            yield Breach("3 sales", where, f"sold as {sold}, granted as {granted}")


def _unsold(tx: Tx) -> Iterator[Breach]:
    """A bucket that says it was sold has its sale."""
    its = (sales.c.wallet_id == buckets.c.wallet_id) & (sales.c.bucket == buckets.c.number)
    says_so = or_(*(buckets.c.origin.startswith(kind) for kind in _SOLD))
    query = select(buckets.c.wallet_id, buckets.c.number, buckets.c.origin).outerjoin(sales, its)
    for wallet, number, origin in tx.connection.execute(query.where(says_so, sales.c.origin.is_(None))):
        yield Breach("3 sales", ids.of("bkt", wallet, number), f"{origin} was never sold")


def _periods(tx: Tx) -> Iterator[Breach]:
    """An allocation's bucket belongs to its item and period, a pack's to none; both were written at once."""
    s, b, e = sales.c, buckets.c, entries.c
    its = and_(b.wallet_id == s.wallet_id, b.number == s.bucket)
    grant = and_(e.wallet_id == s.wallet_id, e.number == s.bucket)
    allocated = s.kind == "allocation"
    period = or_(
        and_(allocated, b.series.is_distinct_from(numbered("plan", s.item_id))),
        and_(~allocated, b.series.is_not(None)),
        s.period_end.is_distinct_from(b.period_end),
        and_(allocated, s.period_start != b.effective_at),
    )
    rules = [
        Never("3 sales", "its sale is of another item or another period", period),
        Never("3 sales", "its sale was written at another time", s.recorded_at != e.recorded_at),
    ]
    of = sales.join(buckets, its).join(entries, grant)
    yield from found(tx, "bkt", (s.wallet_id, s.bucket), of, rules)


def _claims(tx: Tx) -> Iterator[Breach]:
    """Each sale was claimed, for its cents in all; each claim names a sale."""
    by_sale = (
        select(claims.c.wallet_id, claims.c.origin, func.sum(claims.c.cents).label("cents"))
        .group_by(claims.c.wallet_id, claims.c.origin)
        .subquery()
    )
    same = (by_sale.c.wallet_id == sales.c.wallet_id) & (by_sale.c.origin == sales.c.origin)
    query = select(sales.c.wallet_id, sales.c.origin, sales.c.cents, by_sale.c.cents.label("claimed"))
    differs = or_(by_sale.c.cents.is_(None), by_sale.c.cents != sales.c.cents)
    for row in tx.connection.execute(query.outerjoin(by_sale, same).where(differs)):
        found = f"sold for {row.cents} cents, claimed for {row.claimed}"
        yield Breach("4 claims", f"wallet {row.wallet_id}, {row.origin}", found)
    alone = select(claims.c.stripe_id, claims.c.origin).outerjoin(
        sales, (sales.c.wallet_id == claims.c.wallet_id) & (sales.c.origin == claims.c.origin)
    )
    for stripe_id, origin in tx.connection.execute(alone.where(sales.c.origin.is_(None))):
        yield Breach("4 claims", stripe_id, f"claimed for {origin}, which was never sold")
