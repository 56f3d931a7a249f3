"""The audit of causes: what each may hold, one key on its first entry, and what a reversal undoes."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, func, or_, select

from billing.base import ids
from billing.base.db import Tx
from billing.credits.tables import buckets, entries
from billing.finance.auditing.asking import Asked, Never, after_another, asked, found, head, numbered
from billing.finance.auditing.breach import Breach

_BACK = ("restore", "reverse", "clawback", "hold")
"""What comes back to a sale that was taken back or is disputed is wanted first, under the cause that brought it."""

_ENDED = ("repay", "expire", "void", "roll_over", "revive", *_BACK)
"""What comes back into an ended bucket goes through its end, under the cause that brought it."""

_GRANTED = (("grant", "sell", "settle"), ("grant", "sell", "settle", "repay", "expire", "roll_over", "revive", *_BACK))
_TAKING = ("clawback", "owe", "restore", "hold", "release", "revive", "credit_back")
_TAKEN = (_TAKING, (*_TAKING, "roll_over", "grant", "reverse", "repay", "expire", "void"))

_AGAIN = ("roll_over", "revive", "expire", "repay")
"""Roll-over is decided anew when something is heard of late."""

_KINDS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "spend": (("spend", "capture", "overdraw"), ("spend", "capture", "overdraw", "release", *_ENDED)),
    "hold": (("hold", "release"), ("hold", "release", *_ENDED)),
    "reversal": (("reverse",), ("reverse", *_ENDED)),
    "void": (("void",), ("void",)),
    "end": (("repay", "expire", "roll_over", "revive"), ("repay", "expire", "roll_over", "revive")),
    "rollover": (_AGAIN, _AGAIN),
    "month": (("expire",), ("expire",)),
    "returns": _TAKEN,
    "period": (("repay", "forgive"), ("repay", "forgive")),
    "terms": (("repay", "forgive"), ("repay", "forgive")),
    "grant": _GRANTED,
    "allocation": _GRANTED,
    "free": (("grant", "void"), (*_GRANTED[1], "void")),
    "change": (("grant", "sell", "settle", *_TAKING), (*_GRANTED[1], *_TAKEN[1])),
    "topup": _GRANTED,
}
"""By what a cause begins with: the kinds it may begin with, and all that it may hold."""

_NUMBERED = ("spend", "reversal", "void", "period", "terms", "grant")
"""Causes that bear the number of their first entry; a hold does, too, and its end comes later under its name."""

_PAYING = ("spend", "capture", "overdraw", "hold")
_ON_TRUST = ("overdraft", "held:overdraft")


def breaches(tx: Tx) -> Iterator[Breach]:
    """All that is wrong with causes, keys and reversals."""
    yield from found(tx, _causes(tx.sqlite), _undone())
    yield from found(tx, _grants())
    for wallet, number in tx.connection.execute(_ungranted()):
        yield Breach("3 causes", ids.of("bkt", wallet, number), "no entry granted it")
    for by in ("undoes", "via"):
        for wallet, number in tx.connection.execute(_too_much_back(by)):
            yield Breach("3 undone", f"wallet {wallet}", f"more came back of entry {number} than it moved")


@cache
def _causes(sqlite: bool) -> Asked:
    of, b = after_another(entries)
    e = entries.c
    columns = (e.wallet_id, e.number, e.kind, e.source, e.cause, e.key, e.request, e.member, e.feature, e.description)
    lagged = [column.label(f"{column.name}_before") for column in (b.cause, b.kind, b.feature, b.member)]
    more = (e.details.is_not(None).label("detailed"), head(sqlite, e.cause).label("head"))
    steps = select(*columns, *more, *lagged).select_from(of).subquery()
    s = steps.c
    begins = or_(s.cause_before.is_(None), s.cause_before != s.cause)
    rules = [*_kinds(s, begins), *_keys(s, begins), *_words(s, begins)]
    return asked("entry", (s.wallet_id, s.number), steps, rules)


def _kinds(s: Any, begins: ColumnElement[bool]) -> list[Never]:
    may_begin = or_(*(and_(s.head == name, s.kind.in_(first)) for name, (first, _) in _KINDS.items()))
    may_hold = or_(*(and_(s.head == name, s.kind.in_(every)) for name, (_, every) in _KINDS.items()))
    own = s.head + numbered("", s.number)
    bears = or_(s.head.in_(_NUMBERED), and_(s.head == "hold", s.kind == "hold"))
    elsewhere = and_(
        s.head == "end",
        s.source.startswith("bucket:"),
        s.cause != func.replace(s.source, "bucket:", "end:"),
        s.kind != "roll_over",  # what goes back where it was rolled from, because newer ones took its place
    )
    return [
        Never("3 causes", "its cause may not begin with it", and_(begins, ~may_begin)),
        Never("3 causes", "its cause may not hold it", ~may_hold),
        Never("3 causes", "it begins a cause of another number", and_(begins, bears, s.cause != own)),
        Never("3 causes", "a grant begins its own cause", and_(~begins, s.kind == "grant", s.head != "returns")),
        Never("3 causes", "the end it belongs to is another bucket's", elsewhere),
    ]


def _keys(s: Any, begins: ColumnElement[bool]) -> list[Never]:
    """Who asks brings a key: it stands on the first entry, with the request; what time causes has none."""
    asked = or_(
        and_(s.head == "spend", s.kind.in_(("spend", "overdraw"))),
        and_(s.head == "hold", s.kind == "hold"),
        s.head.in_(("reversal", "void", "grant")),
    )
    return [
        Never("7 keys", "the first entry of what was asked for has no key", and_(begins, asked, s.key.is_(None))),
        Never("7 keys", "a key stands where none belongs", and_(s.key.is_not(None), ~and_(begins, asked))),
        Never("7 keys", "a key without its request", and_(s.key.is_not(None), s.request.is_(None))),
        Never("7 keys", "a request without its key", and_(s.key.is_(None), s.request.is_not(None))),
        Never("7 keys", "its request is no fingerprint", func.length(s.request) != 32),
    ]


def _words(s: Any, begins: ColumnElement[bool]) -> list[Never]:
    said = or_(s.description.is_not(None), s.detailed)
    used = or_(s.member.is_not(None), s.feature.is_not(None))
    goes_on = and_(~begins, s.kind.in_(_PAYING), s.kind_before.in_(_PAYING))
    other = or_(s.feature.is_distinct_from(s.feature_before), s.member.is_distinct_from(s.member_before))
    return [
        Never("3 causes", "what is said of a cause stands on its first entry", and_(~begins, said)),
        Never("3 causes", "only what pays has a member or feature", and_(s.kind.not_in(_PAYING), used)),
        Never("3 causes", "another member or feature than the entry before, of the same cause", and_(goes_on, other)),
    ]


@cache
def _undone() -> Asked:
    """A reversal undoes what was spent from the bucket it fills, or what was repaid or forgiven of an overdraft."""
    e, undone, via = entries.c, entries.alias(), entries.alias()
    u, v = undone.c, via.c
    of = entries.outerjoin(undone, and_(u.wallet_id == e.wallet_id, u.number == e.undoes)).outerjoin(
        via, and_(v.wallet_id == e.wallet_id, v.number == e.via)
    )
    reverse = e.kind == "reverse"
    spent = and_(u.kind.in_(("spend", "capture", "overdraw", "owe")), u.number < e.number)
    refills = e.destination.startswith("bucket:")
    same_bucket = func.replace(u.source, "held:", "bucket:") == e.destination
    repaid = and_(v.kind == "repay", v.source == e.destination, v.number < e.number)
    forgiven = and_(v.kind == "forgive", v.number < e.number)
    fits = case(
        (and_(refills, e.via.is_(None)), same_bucket),
        (refills, and_(u.source.in_(_ON_TRUST), func.coalesce(repaid, False))),
        (e.destination == "forgiven", and_(u.source.in_(_ON_TRUST), func.coalesce(forgiven, False))),
        else_=and_(u.source.in_(_ON_TRUST), e.via.is_(None)),
    )
    rules = [
        Never("3 undone", "only a reversal undoes something", and_(~reverse, or_(u.number > 0, e.undoes.is_not(None)))),
        Never(
            "3 undone",
            "only a reversal goes by way of something",
            and_(e.kind.not_in(("reverse", "hold", "release")), e.via.is_not(None)),
        ),
        Never("3 undone", "it undoes nothing that was spent before", and_(reverse, ~func.coalesce(spent, False))),
        Never("3 undone", "it undoes what went another way", and_(reverse, ~func.coalesce(fits, False))),
    ]
    return asked("entry", (e.wallet_id, e.number), of, rules)


@cache
def _grants() -> Asked:
    """Every bucket began with its own grant, and every grant made a bucket."""
    e, b = entries.c, buckets.c
    same = and_(b.wallet_id == e.wallet_id, b.number == e.number)
    own = numbered("bucket", e.number)
    alone = e.source == "issued"  # a month that gets something back is granted again, into the same bucket
    said = or_(
        e.destination != numbered("bucket", b.number),
        and_(alone, or_(e.credits != b.granted, e.cents != b.paid_cents, e.currency.is_distinct_from(b.currency))),
        or_(e.credits > b.granted, e.cents > b.paid_cents),
        e.cause != b.origin,
        e.effective_at != b.granted_at,
        e.description.is_distinct_from(b.description),
        e.details.is_distinct_from(b.metadata),
    )
    granted = and_(e.kind == "grant", or_(e.source == "issued", b.number.is_not(None), e.destination == own))
    rules = [
        Never("3 causes", "its grant says something else", and_(granted, said)),
        Never("3 causes", "a grant made no bucket", and_(granted, b.number.is_(None))),
    ]
    return asked("bkt", (e.wallet_id, e.number), entries.outerjoin(buckets, same), rules)


@cache
def _ungranted() -> Select[int, int]:
    """Buckets that no entry began."""
    e, b = entries.c, buckets.c
    same = and_(b.wallet_id == e.wallet_id, b.number == e.number)
    own = numbered("bucket", e.number)
    began = or_(e.kind == "grant", and_(e.kind == "roll_over", e.destination == own))
    return select(b.wallet_id, b.number).outerjoin(entries, and_(same, began)).where(e.number.is_(None))


@cache
def _too_much_back(by: str) -> Select[int, int]:
    """Never more comes back of a movement than it moved."""
    back, undone = entries.alias(), entries
    earned = and_(undone.c.cents > 0, undone.c.kind != "owe")  # a debt's cents come from what repaid it
    cents = case((earned, back.c.cents), else_=0)
    same = and_(back.c.wallet_id == undone.c.wallet_id, back.c[by] == undone.c.number)
    return (
        select(undone.c.wallet_id, undone.c.number)
        .join(back, same)
        .where(back.c.kind == "reverse")
        .group_by(undone.c.wallet_id, undone.c.number, undone.c.credits, undone.c.cents)
        .having(or_(func.sum(back.c.credits) > undone.c.credits, func.sum(cents) > undone.c.cents))
    )
