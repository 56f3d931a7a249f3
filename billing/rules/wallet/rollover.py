"""Roll-over: what is left at a plan bucket's end goes on into the next period, as far as its terms allow.

A bucket per source bucket, with its cents; ends with the next period's own. A cap (or share of the next period's
allocation) is counted per next period: all that came in counts, used or not. The newest credits are kept, and who is
newest does not depend on who was heard of first: one that is learnt late takes the place of older ones, as far as those
are unspent. What comes late to its own end (its next period was paid in time, but heard of afterwards) is revived.
Everything unspent is called back and rolled anew then, so that cents fall as they would have in time.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from billing.rules.wallet.endterms import RollOver, newest_first, terms_of
from billing.rules.wallet.moves import Moves
from billing.rules.wallet.values import BucketState, Cause


def series_to_know(known: Iterable[BucketState]) -> dict[str, datetime]:
    """Series that these buckets may roll over in, and from which period end on they have to be known."""
    found: dict[str, datetime] = {}
    for bucket in known:
        if bucket.series is not None and bucket.period_end is not None and terms_of(bucket) is not None:
            found[bucket.series] = min(bucket.period_end, found.get(bucket.series, bucket.period_end))
    return found


def through_end(position: Moves, bucket: BucketState, cause: Cause) -> None:
    """The bucket has ended with free credits: what may go on goes on, the caller lets the rest expire."""
    following = next_period(position.buckets.values(), bucket)
    if following is not None:
        _share_out(position, following, learnt=False, cause=cause)


def learnt(position: Moves, following: BucketState) -> None:
    """A period was paid for that we hear of now: what expired at the end of the one before it may have had to go on."""
    sources = _sources(position, following)
    if any(source.free or _revivable(source) for source in sources):
        _share_out(position, following, learnt=True)
        position.settle_debt(Cause(f"period:{position.next_number}"))


def reopen(position: Moves, sale: str) -> list[BucketState]:
    """Something of that sale is taken, or given back: what nobody used since its buckets' ends is in them again, so
    that it moves what it would have moved in time. `close` them afterwards. Those that are open already are not named.
    """
    return _open_again(position, [one for one in position.buckets.values() if one.sale == sale and not one.rolled_from])


def reopen_period(
    position: Moves, series: str, ends: datetime, *, paid_at: datetime | None = None
) -> list[BucketState]:
    """What is heard of decides anew what goes on from the period that ended then: all of its buckets are as full as if
    they had not ended. `paid_at`: the next period is heard of only now, and was paid for then.
    """
    its = [one for one in position.buckets.values() if (one.series, one.period_end) == (series, ends)]
    return _open_again(position, its, paid_at)


def _open_again(position: Moves, buckets: Sequence[BucketState], paid_at: datetime | None = None) -> list[BucketState]:
    ended = [
        bucket
        for bucket in buckets
        if bucket.number not in position.reopened
        and bucket.voided_at is None
        and bucket.ended(position.at)
        and terms_of(bucket) is not None
        and (_in_time(bucket, paid_at) or next_period(position.buckets.values(), bucket) is not None)
    ]
    position.reopened |= {bucket.number for bucket in ended}
    call_back(position, ended)
    return ended


def _in_time(bucket: BucketState, paid_at: datetime | None) -> bool:
    return paid_at is not None and bucket.expires_at is not None and paid_at <= bucket.expires_at


def call_back(position: Moves, reopened: Iterable[BucketState] | None = None) -> None:
    """All that nobody has used is in the reopened buckets, also what has just been given back to where it was taken."""
    for bucket in reopened if reopened is not None else [position.buckets[number] for number in position.reopened]:
        _call_back(position, bucket, Cause(f"rollover:{bucket.number}"))


def join(position: Moves, bucket: BucketState) -> None:
    """One that is heard of after its end goes through it with the others of its period, where these are reopened."""
    its = (position.buckets[number] for number in position.reopened)
    if bucket.ended(position.at) and any(_ends_with(one, bucket) for one in its):
        position.reopened.add(bucket.number)


def _ends_with(one: BucketState, other: BucketState) -> bool:
    return other.series is not None and (one.series, one.period_end) == (other.series, other.period_end)


def close(position: Moves, reopened: Iterable[BucketState]) -> None:
    """They go through their ends again."""
    closing = sorted(reopened, key=newest_first, reverse=True)
    position.reopened -= {bucket.number for bucket in closing}
    for bucket in closing:
        position.through_end(bucket, Cause(f"rollover:{bucket.number}"))


def close_all(position: Moves) -> bool:
    """All that is reopened goes through its end again, and repays if it can. Was there any?"""
    reopened = [position.buckets[number] for number in position.reopened]
    if reopened:
        close(position, reopened)
        position.settle_debt(Cause(f"period:{position.next_number}"))
    return bool(reopened)


def next_period(known: Iterable[BucketState], source: BucketState) -> BucketState | None:
    """The allocation of the period that follows the bucket's own, if that was paid for by the bucket's end.

    None, too, where that one ends no later: what went on would never be valid.
    """
    if source.series is None or source.period_end is None or source.expires_at is None or terms_of(source) is None:
        return None
    found = [one for one in known if one.series == source.series and _begins_with(one, source.period_end)]
    first = min(found, key=lambda one: (one.origin.startswith("change:"), one.paid_at, one.origin), default=None)
    if first is None or first.paid_at is None or first.paid_at > source.expires_at:
        return None
    return first if first.expires_at is None or first.expires_at > source.expires_at else None


def _begins_with(bucket: BucketState, start: datetime) -> bool:
    return bucket.effective_at == start and bucket.rolled_from is None and bucket.paid_at is not None


def _sources(position: Moves, following: BucketState) -> list[BucketState]:
    """Buckets that have ended and roll over into that period, the newest first."""
    found = [
        bucket
        for bucket in position.buckets.values()
        if bucket.series == following.series
        and bucket.period_end == following.effective_at
        and bucket.voided_at is None
        and bucket.ended(position.at)
        and next_period(position.buckets.values(), bucket) is following
    ]
    return sorted(found, key=newest_first, reverse=True)


def _share_out(position: Moves, following: BucketState, *, learnt: bool, cause: Cause | None = None) -> None:
    """Each source's part goes on. `cause`: what brought this about; None: their ends, had they been known."""
    sources = _sources(position, following)
    if any(source.number in position.reopened for source in sources):
        return  # they are shared out when they are closed
    loose = [_loose(position, _child(position, source)) for source in sources]
    planned = _plan(position, sources, following, learnt=learnt)
    work = [
        (source, has, goes_on, _end_of(source, cause))
        for source, has, goes_on in zip(sources, loose, planned, strict=True)
        if not source.live and goes_on != has  # one that ends at this very instant has its own turn
    ]
    for source, has, goes_on, cause in work:  # room is made first
        if goes_on < has:
            _call_back(position, source, cause)
    for source, has, goes_on, cause in work:
        more = goes_on if goes_on < has else goes_on - has
        again = goes_on < has or more > source.free
        if more > source.free:
            _revive(position, source, cause)
        if more:
            _roll(position, source, more, following, cause)
        if again and source.free:
            position.take(source, source.free, "expire", "expired", cause)


def _plan(position: Moves, sources: Sequence[BucketState], following: BucketState, *, learnt: bool) -> list[int]:
    """How many unspent credits of each source belong into the next period. What was used of those rolled counts."""
    children = [_child(position, source) for source in sources]
    taken = sum(child.granted - child.rolled_back - _loose(position, child) for child in children if child is not None)
    planned = []
    for source, child in zip(sources, children, strict=True):
        terms = terms_of(source)
        assert terms is not None
        cap = terms.max if isinstance(terms.max, int) else int(following.granted * terms.max)
        unspent = source.free + _loose(position, child) + (_revivable(source) if learnt else 0)
        planned.append(max(0, min(unspent, cap - taken)))
        taken += planned[-1]
    return planned


def _child(position: Moves, source: BucketState) -> BucketState | None:
    """The bucket into which this one was rolled over, if it was."""
    return next((one for one in position.buckets.values() if one.rolled_from == source.number), None)


def _loose(position: Moves, bucket: BucketState | None) -> int:
    """Credits of a rolled bucket that nobody has used: free, expired at its end, or rolled on."""
    if bucket is None:
        return 0
    return bucket.free + _revivable(bucket) + _loose(position, _child(position, bucket))


def _revivable(bucket: BucketState) -> int:
    """What its end took, but for what counts as taken back since."""
    return max(0, bucket.expired - bucket.counted)


def _call_back(position: Moves, bucket: BucketState, cause: Cause) -> None:
    """All that nobody has used since the bucket's end is in it again, with the very cents that left it."""
    child = _child(position, bucket)
    if child is not None:
        _call_back(position, child, cause)
        if child.free:
            _move(position, child, bucket, child.free, cause)
    _revive(position, bucket, cause)


def _revive(position: Moves, bucket: BucketState, cause: Cause) -> None:
    """What its end took is in the bucket again, with all of its cents."""
    credits, cents = _revivable(bucket), bucket.expired_cents
    if not credits:
        return
    bucket.expired, bucket.expired_cents = bucket.expired - credits, 0
    bucket.cents += cents
    position.arrive(bucket, credits)
    name = str(bucket.number)
    position.record("revive", f"expired:{name}", f"bucket:{name}", credits, cents, bucket, cause)
    position.rebase(bucket, back=True)


def _roll(position: Moves, source: BucketState, credits: int, following: BucketState, cause: Cause) -> None:
    child = _child(position, source) or _rolled(position, source, following)
    if child.number not in position.buckets:
        position.know(child)
        join(position, child)
    if child.rolled_back:  # nothing of what it had got was left in it, or used
        child.granted = child.paid_cents = child.rolled_back = 0
    _move(position, source, child, credits, cause)
    if child.ended(position.at):
        position.end(child, _end_of(child, cause))


def _end_of(bucket: BucketState, cause: Cause | None) -> Cause:
    """The bucket's own end, or the verb that brought it about; else that roll-over was decided anew."""
    if cause is not None and (not cause.name.startswith("end:") or cause.name == f"end:{bucket.number}"):
        return cause
    return Cause(f"rollover:{bucket.number}")


def _move(position: Moves, source: BucketState, target: BucketState, credits: int, cause: Cause) -> None:
    """Free credits move on, with the cents that recognition gives them."""
    cents = position.recognise(source, credits)
    source.free -= credits
    if source.live and not source.features:
        position.available -= credits
    target.cents += cents
    if target.rolled_from == source.number:
        target.granted, target.paid_cents = target.granted + credits, target.paid_cents + cents
        target.currency = source.currency if target.paid_cents else None
    elif source.granted > credits:
        source.granted, source.paid_cents = source.granted - credits, source.paid_cents - cents
    else:
        source.rolled_back = credits
    position.arrive(target, credits)
    places = f"bucket:{source.number}", f"bucket:{target.number}"
    position.record("roll_over", *places, credits, cents, target, cause)
    position.changed_buckets[source.number] = source
    position.reshaped |= {source.number, target.number}
    position.rebase(target, back=source.rolled_from == target.number)
    if source.rolled_from == target.number:
        position.rebase(source)


def _rolled(position: Moves, source: BucketState, following: BucketState) -> BucketState:
    terms = terms_of(source)
    assert terms is not None
    name = source.description or source.origin
    again = RollOver(terms.max, terms.periods - 1).document() | {"root": newest_first(source)[1]}
    return BucketState(
        number=position.next_number,
        origin=f"rolled:{source.number}",
        granted=0,
        paid_cents=0,
        currency=None,
        priority=source.priority,
        features=source.features,
        effective_at=source.effective_at,  # the same credits: of two that are rolled the older ones pay first
        granted_at=position.at,
        expires_at=following.expires_at,
        series=source.series,
        period_end=following.period_end,
        description=name if source.rolled_from is not None else f"Rolled over from {name}",
        metadata=source.metadata,
        sale=source.sale,
        month=source.month,
        paid_at=source.paid_at,
        at_end=again if terms.periods > 1 else None,
        rolled_from=source.number,
    )
