"""Months: what a sale brings, one after the other. What was paid for those to come lies in prepaid until their time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from billing.rules.wallet import rollover
from billing.rules.wallet.position import Position
from billing.rules.wallet.values import BucketState, Cause, MonthState


def sell(position: Position, months: Sequence[MonthState], cause: Cause, until: datetime | None = None) -> None:
    """The months of one sale are fixed and paid for. Those whose time has come are allotted at once; what would begin
    at or after `until` does not come.
    """
    cents = sum(month.cents for month in months)
    for month in months:
        month.left_cents = month.cents
        position.months[month.number] = month
        position.touch(month)
    position.next_month = months[-1].number + 1
    if cents:
        position.record("sell", "sold", "prepaid", 0, cents, months[0], cause)
    for month in months:
        if month.to_come and until is not None and month.starts_at >= until:
            give_up(position, month, Cause(f"month:{month.number}"))
        elif month.to_come and month.starts_at <= position.at:
            allot(position, month)


def allot(position: Position, month: MonthState) -> None:
    """The month's time has come: what is left of it goes into its bucket. It repays debt as any grant does.

    One that was allotted before, and of which something taken has come back since, goes into the same bucket.
    """
    credits, cents = month.remaining, month.left_cents
    month.allotted, month.left_cents = month.allotted + credits, 0
    if not credits:
        month.left_cents = cents
        give_up(position, month, Cause(f"month:{month.number}"))
        return
    terms = month.terms
    origin = f"{month.sale}#{month.place}"
    cause = Cause(origin, description=terms.description, details=terms.metadata)
    bucket = position.buckets.get(month.bucket) if month.bucket is not None else None
    assert (bucket is None) == (month.bucket is None), f"bucket {month.bucket} of month {month.number} was not read"
    if bucket is None:
        bucket = _bucket(position, month, origin)
        month.bucket = bucket.number
        position.know(bucket)
    bucket.granted, bucket.paid_cents = bucket.granted + credits, bucket.paid_cents + cents
    bucket.currency = month.currency if bucket.paid_cents else None
    bucket.cents += cents
    position.arrive(bucket, credits)
    position.record("grant", f"prepaid:{month.number}", f"bucket:{bucket.number}", credits, cents, bucket, cause)
    position.touch(month)
    position.rebase(bucket)
    position.after_arrival(bucket, credits, cents, cause)
    position.settle_debt(cause)
    rollover.learnt(position, bucket)


def give_up(position: Position, month: MonthState, cause: Cause) -> None:
    """A month to come does not come: what was paid for it is broken."""
    cents, month.left_cents = month.left_cents, 0
    month.cancelled_at = month.cancelled_at or position.at
    month.broken_cents += cents
    position.touch(month)
    if cents:
        position.record("expire", f"prepaid:{month.number}", "expired", 0, cents, month, cause)


def _bucket(position: Position, month: MonthState, origin: str) -> BucketState:
    """An empty one, by the month's terms."""
    terms = month.terms
    return BucketState(
        number=position.next_number,
        origin=origin,
        granted=0,
        paid_cents=0,
        currency=None,
        priority=terms.priority,
        features=terms.features,
        effective_at=month.starts_at,
        granted_at=position.at,
        expires_at=terms.expires_at,
        series=terms.series,
        period_end=terms.period_end,
        description=terms.description,
        metadata=terms.metadata,
        sale=month.sale,
        month=month.number,
        at_end=terms.at_end,
        paid_at=terms.paid_at,
    )
