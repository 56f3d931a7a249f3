"""Free plans: credits by the calendar from the day the plan was set, with nobody to pay for them.

A period's entitlement is its levels weighted by time, rounded down; what was granted of it is never taken back, and a
change grants what the entitlement has more than that. So cycling plans, off and on, or a paid subscription in between,
mints nothing. While a paid subscription lives the level is 0.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from billing.rules.periods import add
from billing.rules.refusals import Refusal
from billing.rules.wallet import granting
from billing.rules.wallet.freeterms import FreePlan, Versions
from billing.rules.wallet.position import Position
from billing.rules.wallet.values import BucketState, Cause


class PlanNeedsCheckout(Refusal):
    """A plan that costs something is bought by its Checkout, not set."""

    code = "plan_needs_checkout"

    def __init__(self, plan: str) -> None:
        self.plan = plan
        super().__init__(plan)

    def __str__(self) -> str:
        return f"Plan {self.plan!r} has a price: open a Checkout of it (POST …/subscriptions) instead of setting it."

    def explain(self) -> dict[str, object]:
        return {"plan": self.plan}


def advance(position: Position, until: datetime) -> None:
    """Periods that have begun by then are allotted, each once."""
    while (free := position.free) is not None and free.next_at is not None and free.next_at <= until:
        start = free.next_at
        terms = free.terms(start)
        level = terms.credits if terms is not None else 0
        position.free = replace(free, number=free.number + 1, levels=((start, level),), granted=0)
        _grant_rest(position, start)


def put(position: Position, plan: str | None, versions: Versions) -> None:
    """The plan is set, changed, or (None) dropped, now. One that repeats what is there changes nothing."""
    free, now = position.free, position.at
    terms = FreePlan(plan, now, "month", versions=versions).terms(now) if plan is not None else None
    if free is None and terms is None:
        return
    runs = free is not None and bool(free.levels) and now < free.start(free.number)
    if free is None or (not runs and terms is not None and (free.plan is None or free.every != terms.every)):
        assert terms is not None
        paused = free.paused if free is not None else False
        position.free = FreePlan(plan, now, terms.every, paused=paused, versions=versions)
        advance(position, now)
        return
    if terms is not None and terms.every != free.every:  # the other rhythm begins where the running period ends
        end = free.start(free.number)
        position.free = replace(free, plan=plan, anchor=end, every=terms.every, number=0, versions=versions)
        return
    if plan == free.plan:
        return
    position.free = replace(free, plan=plan, versions=versions)
    if runs and not free.paused:
        _change_level(position, now, terms.credits if terms is not None else 0)
    advance(position, now)


def pause(position: Position, since: datetime) -> None:
    """A paid subscription lives since then. What was there stays to its end; what began later should not have been."""
    free = position.free
    if free is None or free.paused:
        return
    position.free = replace(free, paused=True)
    for bucket in list(position.buckets.values()):
        if bucket.origin.startswith("free:") and bucket.effective_at >= since and bucket.voided_at is None:
            if not bucket.ended(position.at) and bucket.free:
                position.void(bucket, Cause(bucket.origin))
            if free.levels and bucket.effective_at >= free.levels[0][0]:
                position.free = replace(position.free, granted=position.free.granted - bucket.voided)
    if free.levels:
        start = free.levels[0][0]
        if start < since < free.start(free.number):
            position.free = replace(position.free, levels=_changed(free.levels, since, 0))
        elif since <= start:
            position.free = replace(position.free, levels=((start, 0),))


def resume(position: Position, since: datetime) -> None:
    """The paid subscription ended then: the free plan goes on with what is left of its running period."""
    free = position.free
    if free is None or not free.paused:
        return
    position.free = free = replace(free, paused=False)
    terms = free.terms(since) if free.plan is not None else None
    if terms is None:
        return
    if since < free.anchor:
        advance(position, position.at)
        return
    number = free.number
    while free.start(number) <= since:
        number += 1
    if number > free.number:
        position.free = replace(free, number=number, levels=((free.start(number - 1), 0),), granted=0)
    if position.free.levels:
        _change_level(position, since, terms.credits)
    advance(position, position.at)


def _change_level(position: Position, at: datetime, level: int) -> None:
    free = position.free
    assert free is not None
    at = max(at, free.levels[0][0])
    position.free = replace(free, levels=_changed(free.levels, at, level))
    _grant_rest(position, at)


def _changed(levels: tuple[tuple[datetime, int], ...], at: datetime, level: int) -> tuple[tuple[datetime, int], ...]:
    return (*(one for one in levels if one[0] < at), (max(at, levels[0][0]), level))


def _grant_rest(position: Position, at: datetime) -> None:
    """Grants what the running period's entitlement has more than was granted of it."""
    free = position.free
    assert free is not None
    start, end = free.levels[0][0], _end(free)
    terms = free.terms(at)
    more = entitlement(free.levels, end) - free.granted
    if more <= 0 or terms is None:
        return
    position.free = replace(free, granted=free.granted + more)
    origin = f"free:{terms.plan}:{_written(start)}" + ("" if at == start else f":{_written(at)}")
    if any(bucket.origin == origin for bucket in position.buckets.values()):
        return  # granted by what we know, though the plan is looked at as it was
    bucket = BucketState(
        number=position.next_number,
        origin=origin,
        granted=more,
        paid_cents=0,
        currency=None,
        priority=50,
        features=(),
        effective_at=at,
        granted_at=position.at,
        expires_at=None if terms.keep else add(end, terms.grace),
        series="plan:free",
        period_end=end,
        description=terms.name,
        metadata={"plan": terms.plan},
        at_end=dict(terms.at_end) if terms.at_end else None,
        paid_at=at,
        free=more,
        basis_credits=more,
    )
    granting.grant(position, bucket, Cause(origin, description=bucket.description, details=bucket.metadata))


def _end(free: FreePlan) -> datetime:
    """Where the running period ends. A plan of another rhythm begins there."""
    return free.start(free.number) if free.start(free.number) > free.levels[0][0] else free.anchor


def entitlement(levels: tuple[tuple[datetime, int], ...], end: datetime) -> int:
    """Levels weighted by time, by the second, rounded down."""
    second = timedelta(seconds=1)
    stops = [at for at, _ in levels[1:]] + [end]
    parts = sum(level * ((stop - at) // second) for (at, level), stop in zip(levels, stops, strict=True))
    return parts // ((end - levels[0][0]) // second)


def _written(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")
