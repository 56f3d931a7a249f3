"""The audit of validity: when buckets end by the rows that moved their ends, and that entries kept to it.

An end is only ever moved to a later instant before it comes. So where the chain of moves is whole, what was taken
before today's end was taken before the end of then.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

from sqlalchemy import Select, Table, Text, and_, case, cast, exists, func, literal, or_, select

from billing.base.db import Tx
from billing.credits.tables import bucket_ends, buckets, entries, holds, months, wallet_terms, wallets
from billing.finance.auditing.asking import Asked, Never, asked, before, bucket_number, found, named, numbered
from billing.finance.auditing.breach import Breach


def breaches(tx: Tx) -> Iterator[Breach]:
    """All that is wrong with ends, with what was taken when, and rows of wallets that are not there."""
    yield from _orphans(tx)
    yield from found(tx, _ends(), _validity(tx.sqlite), _voided())
    yield from _features(tx)


def _orphans(tx: Tx) -> Iterator[Breach]:
    for table in (entries, buckets, holds, bucket_ends, wallet_terms, months):
        for wallet, count in tx.connection.execute(_lost(table)):
            yield Breach("orphans", f"wallet {wallet}", f"is not there, but {count} rows of {table.name} are its")


@cache
def _lost(table: Table) -> Select[int, int]:
    rows = select(table.c.wallet_id, func.count()).outerjoin(wallets, wallets.c.id == table.c.wallet_id)
    return rows.where(wallets.c.id.is_(None)).group_by(table.c.wallet_id)


@cache
def _ends() -> Asked:
    """Each move begins where the one before ended, the last one ends where the bucket does."""
    m, b = bucket_ends.c, buckets.c
    chain = (m.wallet_id, m.bucket)
    window: dict[str, Any] = {"partition_by": chain, "order_by": m.number}
    e = entries.c
    into = (e.wallet_id == m.wallet_id) & (e.kind == "roll_over") & (e.recorded_at <= m.recorded_at)
    came = select(func.coalesce(func.sum(e.credits), 0)).where(
        into, e.destination == literal("bucket:").concat(cast(m.bucket, Text))
    )
    # Of one that was rolled over what nobody used may have been called back since.
    got = case((b.rolled_from.is_(None), b.granted), else_=came.correlate(bucket_ends).scalar_subquery())
    moves = (
        select(
            m.wallet_id, m.number, m.was, m.becomes, m.free, m.held, m.key, m.request, m.effective_at, m.recorded_at,
            func.lag(m.becomes, type_=m.becomes.type).over(**window).label("becomes_before"),
            func.lead(m.was, type_=m.was.type).over(**window).label("was_after"),
            before(m.number, m.wallet_id, m.number).label("number_before"),
            before(m.recorded_at, m.wallet_id, m.number).label("recorded_at_before"),
            b.expires_at, got.label("granted"), b.granted_at, b.number.label("bucket"), wallets.c.last_at,
        )
        .select_from(
            bucket_ends.outerjoin(buckets, and_(b.wallet_id == m.wallet_id, b.number == m.bucket))
            .outerjoin(wallets, wallets.c.id == m.wallet_id)
        )
        .subquery()
    )  # fmt: skip
    s = moves.c
    last = s.was_after.is_(None)
    broken = or_(
        s.was.is_distinct_from(func.coalesce(s.becomes_before, s.was)),
        and_(last, s.becomes.is_distinct_from(s.expires_at)),
    )
    late = or_(
        s.recorded_at < s.granted_at,
        and_(s.recorded_at >= s.was, ~s.key.startswith("dispute:")),  # a dispute that was won may end later than it
        s.recorded_at < s.recorded_at_before,
        s.recorded_at != s.effective_at,
    )
    cut = s.key.startswith("cut:")  # another period of the item began, or its subscription ended
    keyless = or_(s.key.is_(None), s.request.is_(None), func.length(s.request) != 32)
    rules = [
        Never("5 ends", "the bucket whose end it moves is not there", s.bucket.is_(None)),
        Never("5 ends", "the one before it is missing", s.number != func.coalesce(s.number_before, 0) + 1),
        Never("5 ends", "it does not begin or end where its neighbours or the bucket do", broken),
        Never("5 ends", "it moves no end to a later instant", or_(s.was.is_(None), and_(s.becomes <= s.was, ~cut))),
        Never("5 ends", "it cuts no end short", and_(cut, or_(s.becomes >= s.was, s.becomes < s.effective_at))),
        Never("5 ends", "written before the grant or the one before it, or after the end it moves", late),
        Never("5 ends", "more lay in the bucket than was granted", s.free + s.held > s.granted),
        Never("7 keys", "the move has no key or request", keyless),
    ]
    return asked("end", (s.wallet_id, s.number), moves, rules)


@cache
def _validity(sqlite: bool) -> Asked:
    """Nothing is taken from a bucket outside its validity, and what its end takes is taken then or later."""
    e, b = entries.c, buckets.c
    its = and_(b.wallet_id == e.wallet_id, b.number == bucket_number(sqlite, e.source))
    early = e.effective_at < b.effective_at
    m = bucket_ends.alias().c
    moved = and_(m.wallet_id == b.wallet_id, m.bucket == b.number, m.recorded_at >= e.recorded_at)
    then = exists().where(moved, m.was <= e.effective_at)
    unended = and_(or_(b.expires_at.is_(None), e.effective_at < b.expires_at), ~then)
    cut_since = exists().where(moved, m.was > e.effective_at)  # it ended later, when this was taken
    outside = or_(early, and_(e.effective_at >= b.expires_at, ~cut_since), e.effective_at > b.voided_at)
    at_its_end = exists().where(moved, m.was == e.effective_at)
    off_end = and_(or_(b.expires_at.is_(None), e.effective_at != b.expires_at), ~at_its_end)
    used = e.kind.in_(("spend", "hold"))
    rules = [
        Never("5 validity", "it took from a bucket outside its validity", and_(used, outside)),
        Never("5 validity", "a bucket repaid before it began", and_(e.kind == "repay", early)),
        Never("5 validity", "a scoped bucket repaid", and_(e.kind == "repay", b.features.is_not(None))),
        Never("5 validity", "it expired before its bucket's end", and_(e.kind == "expire", unended)),
        Never("5 validity", "an end at another instant than the bucket's",
              and_(e.cause == numbered("end", b.number), off_end)),
        Never("5 validity", "it was voided before its bucket was",
              and_(e.kind == "void", or_(b.voided_at.is_(None), e.effective_at < b.voided_at))),
        Never("5 validity", "what came back into a voided bucket is voided",
              and_(e.kind == "expire", e.effective_at > b.voided_at)),
    ]  # fmt: skip
    of = entries.join(buckets, its)
    return asked("entry", (e.wallet_id, e.number), of, rules)


@cache
def _voided() -> Asked:
    """A voided bucket was voided by an entry, then."""
    e, b = entries.c, buckets.c
    by = and_(
        e.wallet_id == b.wallet_id,
        e.kind == "void",
        e.source == numbered("bucket", b.number),
        or_(e.cause.startswith("void:"), e.cause.startswith("free:")),  # a free plan that a paid one took the place of
        e.effective_at == b.voided_at,
    )
    unexplained = and_(b.voided_at.is_not(None), ~exists().where(by))
    rules = [Never("5 validity", "no entry voided it then", unexplained)]
    return asked("bkt", (b.wallet_id, b.number), buckets, rules)


def _features(tx: Tx) -> Iterator[Breach]:
    """A scoped bucket pays for its features only."""
    for row in tx.connection.execute(_paid(tx.sqlite)):
        if row.feature not in row.features:
            found = f"it paid for {row.feature}, which bucket {row.number} is not for"
            yield Breach("5 validity", named("entry", row.wallet_id, row.first), found)


@cache
def _paid(sqlite: bool) -> Select[Any]:
    """What each scoped bucket paid for."""
    e, b = entries.c, buckets.c
    its = and_(b.wallet_id == e.wallet_id, b.number == bucket_number(sqlite, e.source))
    paid = (
        select(b.wallet_id, b.number, e.feature, func.min(e.number).label("first"))
        .select_from(buckets.join(entries, its))
        .where(b.features.is_not(None), e.kind.in_(("spend", "hold", "capture")))
        .group_by(b.wallet_id, b.number, e.feature)
        .subquery()
    )
    same = and_(b.wallet_id == paid.c.wallet_id, b.number == paid.c.number)
    return select(paid, b.features).join(buckets, same)
