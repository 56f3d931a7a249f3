"""The audit of holds: each was placed with entries, slice by slice, and ended with entries that used or freed it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Select, Text, and_, case, cast, exists, func, literal, or_, select

from billing.base import ids
from billing.base.db import Tx
from billing.credits import recall
from billing.credits.tables import buckets, entries, holds
from billing.finance.auditing.asking import Asked, Never, asked, bucket_number, found, null, numbered
from billing.finance.auditing.breach import Breach

_TRUST = "held:overdraft"


def breaches(tx: Tx) -> Iterator[Breach]:
    """All that is wrong with holds, open and ended."""
    yield from found(tx, _placed(), _slices(), _ended(), _freed(), _captured(), _unexplained())
    yield from _asked(tx)
    yield from found(tx, _disputed(tx.sqlite))


def _sum(credits: Any, when: ColumnElement[bool]) -> Any:
    """Σ of credits, 0 for none. PostgreSQL's own sum would be a decimal."""
    return cast(func.coalesce(func.sum(case((when, credits), else_=0)), 0), BigInteger)


def _written(slices: Any) -> ColumnElement[str]:
    """`[[1,20],[3,5]]`, written alike on both databases."""
    return func.replace(cast(slices, Text), " ", "", type_=Text)


@cache
def _placed() -> Asked:
    """The entries that placed it add up to it, at its own time and for its own feature."""
    e, h, first = entries.c, holds.c, entries.alias()
    on_trust = e.source == "overdraft"
    sums = (
        select(
            e.wallet_id,
            e.cause,
            _sum(e.credits, e.credits > 0).label("credits"),
            _sum(e.credits, on_trust).label("overdraft"),
            _sum(1, ~on_trust).label("parts"),
        )
        .where(e.kind == "hold", e.via.is_(None))
        .group_by(e.wallet_id, e.cause)
        .subquery()
    )
    f, s = first.c, sums.c
    of = holds.outerjoin(sums, and_(s.wallet_id == h.wallet_id, s.cause == numbered("hold", h.number))).outerjoin(
        first, and_(f.wallet_id == h.wallet_id, f.number == h.number)
    )
    written = _written(h.slices)
    listed = func.length(written) - func.length(func.replace(written, "[", "")) - 1
    figures = or_(s.cause.is_(None), s.credits != h.credits, s.overdraft != h.overdraft, s.parts != listed)
    told = or_(
        f.kind != "hold",
        f.effective_at != h.placed_at,
        f.recorded_at != h.recorded_at,
        f.feature.is_distinct_from(h.feature),
        f.details.is_distinct_from(h.metadata),
    )
    rules = [
        Never("3 holds", "its entries don't add up to it", figures),
        Never("3 holds", "its first entry says something else", told),
    ]
    return asked("hold", (h.wallet_id, h.number), of, rules)


@cache
def _slices() -> Asked:
    """Every entry that sets aside is a slice of its hold."""
    e, h = entries.c, holds.c
    placing = select(e.wallet_id, e.number, e.source, e.destination, e.credits, e.cause).where(
        e.kind == "hold", e.via.is_(None)
    )
    p = (each := placing.subquery()).c
    of = each.outerjoin(holds, and_(h.wallet_id == p.wallet_id, numbered("hold", h.number) == p.cause))
    written = _written(h.slices)
    part = literal("[") + func.replace(p.source, "bucket:", "") + "," + cast(p.credits, Text) + "]"
    on_trust = p.source == "overdraft"
    aside = func.replace(func.replace(p.source, "bucket:", "held:"), "overdraft", _TRUST)
    rules = [
        Never("3 holds", "it sets aside for a hold that is not there", h.number.is_(None)),
        Never("3 holds", "it is no slice of its hold", and_(~on_trust, func.replace(written, part, "") == written)),
        Never("3 holds", "it sets aside in another bucket", p.destination != aside),
    ]
    return asked("entry", (p.wallet_id, p.number), of, rules)


@cache
def _ended() -> Asked:
    """What a hold says of its end fits its status."""
    h = holds.c
    is_open, captured = h.status == "open", h.status == "captured"
    ends = (h.ended_at, h.ended_recorded_at)
    unended = or_(*(time.is_(None) for time in ends))
    outcome = or_(h.captured.is_(None), h.outcome.is_(None))
    rules = [
        Never("3 holds", "it is open and has an end", and_(is_open, or_(*(time.is_not(None) for time in ends)))),
        Never("3 holds", "it is ended and says not when", and_(~is_open, unended)),
        Never("3 holds", "it is captured and says not as what", and_(captured, outcome)),
        Never("3 holds", "it is not captured and has an outcome",
              and_(~captured, or_(h.captured.is_not(None), h.outcome.is_not(None)))),
        Never("3 holds", "it was ended after it had lapsed",
              and_(h.status.in_(("captured", "released")), h.ended_at >= h.lapses_at)),
        Never("3 holds", "it lapsed at another time", and_(h.status == "lapsed", h.ended_at != h.lapses_at)),
        Never("3 holds", "it ended before it was placed",
              or_(h.ended_at < h.placed_at, h.ended_recorded_at < h.recorded_at, h.ended_at > h.ended_recorded_at)),
    ]  # fmt: skip
    return asked("hold", (h.wallet_id, h.number), holds, rules)


@cache
def _freed() -> Asked:
    """A released or lapsed hold gave all of it back, then; an open or captured one gave nothing under its own name."""
    e, h = entries.c, holds.c
    sums = (
        select(
            e.wallet_id,
            e.cause,
            _sum(e.credits, e.credits > 0).label("credits"),
            _sum(e.credits, e.source == _TRUST).label("overdraft"),
            func.min(e.effective_at).label("at"),
            func.max(e.recorded_at).label("recorded_at"),
        )
        .where(e.kind == "release", e.via.is_(None), e.cause.startswith("hold:"))
        .group_by(e.wallet_id, e.cause)
        .subquery()
    )
    s = sums.c
    of = holds.outerjoin(sums, and_(s.wallet_id == h.wallet_id, s.cause == numbered("hold", h.number)))
    given = h.status.in_(("released", "lapsed"))
    figures = or_(s.cause.is_(None), s.credits != h.credits, s.overdraft != h.overdraft)
    rules = [
        Never("3 holds", "it is over, and not all of it was given back", and_(given, figures)),
        Never("3 holds", "it was given back at another time",
              and_(given, or_(s.at != h.ended_at, s.recorded_at != h.ended_recorded_at))),
        Never("3 holds", "it was given back, and its status says it was not", and_(~given, s.cause.is_not(None))),
    ]  # fmt: skip
    return asked("hold", (h.wallet_id, h.number), of, rules)


@cache
def _captured() -> Asked:
    """A captured hold's spend used or freed all of it, and took what it says."""
    e, h, first = entries.c, holds.c, entries.alias()
    cause = numbered("spend", h.outcome)
    its = and_(e.wallet_id == h.wallet_id, e.cause == cause, e.key.is_(None))
    pocket, on_trust = and_(e.kind.in_(("capture", "release")), e.via.is_(None)), e.source == _TRUST
    f = first.c
    sums = (
        select(
            h.wallet_id, h.number, h.credits, h.overdraft, h.captured, h.ended_at, h.ended_recorded_at,
            f.kind, f.cause, f.effective_at, f.recorded_at, cause.label("named"),
            _sum(e.credits, pocket).label("out"),
            _sum(e.credits, and_(pocket, on_trust)).label("trust_out"),
            _sum(e.credits, e.kind.in_(("capture", "spend", "overdraw"))).label("used"),
        )
        .select_from(
            holds.outerjoin(first, and_(f.wallet_id == h.wallet_id, f.number == h.outcome)).outerjoin(entries, its)
        )
        .where(h.status == "captured")
        .group_by(
            h.wallet_id, h.number, h.credits, h.overdraft, h.captured, h.ended_at, h.ended_recorded_at,
            f.kind, f.cause, f.effective_at, f.recorded_at, h.outcome,
        )
        .subquery()
    )  # fmt: skip
    s = sums.c
    outcome = or_(s.kind.is_(None), s.kind != "capture", s.cause != s.named)
    figures = or_(s.out != s.credits, s.trust_out != s.overdraft, s.used != s.captured)
    times = or_(s.effective_at != s.ended_at, s.recorded_at != s.ended_recorded_at)
    rules = [
        Never("3 holds", "its outcome is no capture", outcome),
        Never("3 holds", "its capture doesn't add up to it", figures),
        Never("3 holds", "it was captured at another time", times),
    ]
    return asked("hold", (s.wallet_id, s.number), sums, rules)


@cache
def _unexplained() -> Asked:
    """What is captured or released belongs to a hold."""
    e, h = entries.c, holds.c
    captured = and_(h.wallet_id == e.wallet_id, h.status == "captured", numbered("spend", h.outcome) == e.cause)
    freed = and_(h.wallet_id == e.wallet_id, h.status != "captured", numbered("hold", h.number) == e.cause)
    under = e.cause.startswith("hold:")
    unexplained = or_(
        and_(e.kind == "capture", ~exists().where(captured)),
        and_(e.kind == "release", e.via.is_(None), under, ~exists().where(freed)),
        and_(e.kind == "release", e.via.is_(None), ~under, ~exists().where(captured)),
    )
    rules = [Never("3 holds", "no hold explains it", unexplained)]
    return asked("entry", (e.wallet_id, e.number), entries, rules)


def _asked(tx: Tx) -> Iterator[Breach]:
    """The request's fingerprint is that of a hold of these credits for this long."""
    for row in tx.connection.execute(_requests()):
        seconds = int((row.lapses_at - row.placed_at).total_seconds())
        if row.request != recall.fingerprint("hold", row.credits, row.feature, seconds, None):
            found_ = "what was asked for were other credits, another feature or another time"
            yield Breach("7 keys", ids.of("hold", row.wallet_id, row.number), found_)


@cache
def _requests() -> Select[Any]:
    """All holds that can be reckoned again, with the request they were placed by."""
    e, h = entries.c, holds.c
    same = and_(e.wallet_id == h.wallet_id, e.number == h.number)
    query = select(h.wallet_id, h.number, h.credits, h.feature, h.placed_at, h.lapses_at, e.request)
    return query.join(entries, same).where(null(h.metadata)).execution_options(yield_per=1_000)


@cache
def _disputed(sqlite: bool) -> Asked:
    """What disputes and pending refunds hold is what went to held pockets by way of the bucket's month."""
    e, b = entries.c, buckets.c
    pocket = case((e.kind == "hold", e.destination), else_=e.source)
    signed = case((e.kind == "hold", e.credits), else_=-e.credits)
    each = (
        select(e.wallet_id, bucket_number(sqlite, pocket).label("bucket"), e.via, signed.label("credits"))
        .where(e.kind.in_(("hold", "release")), e.via.is_not(None))
        .subquery()
    )
    held = cast(func.sum(each.c.credits), BigInteger).label("held")
    sums = (
        select(each.c.wallet_id, each.c.bucket, func.min(each.c.via).label("month"), held)
        .group_by(each.c.wallet_id, each.c.bucket)
        .subquery()
    )
    of = buckets.outerjoin(sums, and_(sums.c.wallet_id == b.wallet_id, sums.c.bucket == b.number))
    rules = [
        Never("2 disputes", "its entries hold something else", func.coalesce(sums.c.held, 0) != b.disputed),
        Never("2 disputes", "held by way of another month", sums.c.month != func.coalesce(b.month, 0)),
    ]
    return asked("bkt", (b.wallet_id, b.number), of, rules)
