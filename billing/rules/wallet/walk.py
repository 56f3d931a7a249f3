"""The walk: over a sale's months, the last first, to take back, to hold, or to give back what was taken.

In each month what is to come or was cancelled counts, then what left unused, then what a dispute holds past its
bucket's end, then what is unspent is taken, in buckets rolled out of it, too. What all months do not cover was
consumed: it is owed and un-earned. Cents walk the same way, each as far as they are wanted.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from billing.rules.wallet import clawback, disputed, months
from billing.rules.wallet.position import Position
from billing.rules.wallet.values import BucketState, Cause, MonthState, PastMovement

_Place = tuple[str, int]
"""A month, what a bucket left unused, or a bucket; and its number."""


def take(
    position: Position,
    first: MonthState,
    credits: int,
    cents: int,
    cause: Cause,
    *,
    among: Collection[int] | None = None,
    change: bool = False,
    currency: str | None = None,
) -> None:
    """Takes `credits` and `cents` of the sale that begins with `first`, of all its months or of those `among` them.

    A `change` of plan takes credits alike, but its cents are a negative line's: they go to `credited`, exactly, and
    what was earned may fall below zero. Such a line may give back what was given away, so it names its `currency`. All
    months and buckets of the sale must have been read.
    """
    taken = clawback.account(first, change=change)
    plan: dict[_Place, list[int]] = {}
    rest = [credits, cents]
    for month in _last_first(position, first, among):
        for place, there in _places(position, month):
            for figure in (0, 1):
                part = min(rest[figure], there[figure])
                if part:
                    rest[figure] -= part
                    plan.setdefault(place, [0, 0])[figure] += part
    for place, (some, money) in plan.items():
        if some or not change:
            _take_from(position, taken, place, some, 0 if change else money, cause)
        if money and change:
            _credit_back(position, first, place, money, cause)
    if change:
        if rest[0]:
            clawback.owe(position, taken, first, rest[0], 0, cause)
        if rest[1]:
            clawback.credit_earned(position, first, rest[1], currency, cause)
    elif rest[0] or rest[1]:
        clawback.owe(position, taken, first, rest[0], rest[1], cause)


def give_back(
    position: Position, first: MonthState, past: Sequence[PastMovement], credits: int, cents: int, cause: Cause
) -> None:
    """Gives back what was taken last, exactly as it was taken. `past`: the sale's takings, the oldest first, with what
    of each was given back before.
    """
    for one in reversed(past):
        some = min(credits, one.credits - one.reversed_credits)
        money = min(cents, one.cents - one.reversed_cents)
        if some or money:
            credits, cents = credits - some, cents - money
            one.reversed_credits, one.reversed_cents = one.reversed_credits + some, one.reversed_cents + money
            _restore(position, first, one, some, money, cause)
    assert not credits and not cents, "more is given back than was taken"


def hold(position: Position, first: MonthState, credits: int, cause: Cause) -> None:
    """Holds what taking `credits` more would take of what is there, and frees what is held beyond that.

    Months to come count, and are held when they are allotted; within a month unspent credits are held before what left
    unused counts, so a hold stands when its bucket ends.
    """
    wanted: dict[int, int] = {}
    rest = credits
    its = _last_first(position, first, None)
    for month in its:
        counted = min(rest, month.remaining)
        rest -= counted
        _to_hold(position, month, counted if month.to_come else 0)
        buckets = _buckets(position, month)
        for bucket in buckets:
            wanted[bucket.number] = min(rest, _unspent(position, bucket))
            rest -= wanted[bucket.number]
        rest -= min(rest, sum(bucket.unused for bucket in buckets))
    if not first.to_come:
        _to_hold(position, first, rest)
    for number, part in wanted.items():
        bucket = position.buckets[number]
        if bucket.disputed > part:
            disputed.free(position, bucket, bucket.disputed - part, cause)
    for number, part in wanted.items():
        bucket = position.buckets[number]
        if part > bucket.disputed:
            disputed.hold(position, bucket, part - bucket.disputed, cause)


def _to_hold(position: Position, month: MonthState, credits: int) -> None:
    if month.to_hold != credits:
        month.to_hold = credits
        position.touch(month)


def _last_first(position: Position, first: MonthState, among: Collection[int] | None) -> list[MonthState]:
    its = [month for month in position.months.values() if month.sale == first.sale]
    wanted = [month for month in its if among is None or month.number in among]
    return sorted(wanted, key=lambda month: -month.place)


def _buckets(position: Position, month: MonthState) -> list[BucketState]:
    """The month's bucket and those rolled out of it, the latest first."""
    its = [bucket for bucket in position.buckets.values() if bucket.month == month.number]
    return sorted(its, key=lambda bucket: -bucket.number)


def _unspent(position: Position, bucket: BucketState) -> int:
    """Credits that nobody has used: free ones, and those that disputes hold. A customer's hold is not touched."""
    return bucket.disputed if _over(position, bucket) else bucket.free + bucket.disputed


def _over(position: Position, bucket: BucketState) -> bool:
    """Is it done with? One that was reopened goes through its end again afterwards."""
    return bucket.ended(position.at) and not bucket.live and bucket.number not in position.reopened


def _places(position: Position, month: MonthState) -> Iterator[tuple[_Place, tuple[int, int]]]:
    """Where something of the month is, in the order in which it is taken: credits and cents."""
    money = month.left_cents if month.cancelled_at is None else month.broken_cents
    yield ("month", month.number), (month.remaining, money)
    buckets = _buckets(position, month)
    for bucket in buckets:
        yield ("unused", bucket.number), (bucket.unused, bucket.expired_cents + bucket.voided_cents)
    for over in (True, False):
        for bucket in buckets:
            if _over(position, bucket) == over:
                yield ("bucket", bucket.number), (_unspent(position, bucket), bucket.cents)


def _take_from(position: Position, taken: str, place: _Place, credits: int, cents: int, cause: Cause) -> None:
    kind, number = place
    if kind == "month":
        clawback.from_month(position, taken, position.months[number], credits, cents, cause)
        return
    bucket = position.buckets[number]
    if kind == "unused":
        clawback.from_unused(position, taken, bucket, credits, cents, cause)
        return
    held = credits if _over(position, bucket) else max(0, credits - bucket.free)
    if held:
        disputed.put_back(position, bucket, held, cause)
    clawback.from_bucket(position, taken, bucket, credits, cents, cause)


def _credit_back(position: Position, first: MonthState, place: _Place, cents: int, cause: Cause) -> None:
    kind, number = place
    source = position.months[number] if kind == "month" else position.buckets[number]
    clawback.credit_back(position, first, source, cents, cause, unused=kind == "unused")


def _restore(position: Position, first: MonthState, one: PastMovement, credits: int, cents: int, cause: Cause) -> None:
    """To whatever it was taken from, and on from there by what has become of that since."""
    if one.kind == "owe":
        clawback.undo_owed(position, first, credits, cents, cause, only=one.destination)
        return
    head, _, tail = one.source.rpartition(":")
    number = int(tail)
    if head in ("prepaid", "expired:month"):
        month = position.months[number]
        clawback.back_to_month(position, one.destination, month, credits, cents, cause, head)
        if head == "prepaid" and month.cancelled_at is not None:
            months.give_up(position, month, cause)
        elif month.to_come and month.starts_at <= position.at:
            months.allot(position, month)
        return
    bucket = position.buckets[number]
    if head == "bucket":
        clawback.back_to_bucket(position, one.destination, bucket, credits, cents, cause)
        if bucket.ended(position.at) and not bucket.live:
            position.through_end(bucket, cause)
        return
    clawback.back_to_unused(position, one.destination, bucket, credits, cents, cause, head)
    if head == "expired" and not bucket.ended(position.at):
        disputed.revive(position, bucket, cause)
