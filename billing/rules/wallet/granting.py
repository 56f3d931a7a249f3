"""Granting: always a new bucket, never a balance that is set. And to move a bucket's end."""

from __future__ import annotations

from datetime import datetime

from billing.rules.refusals import BucketEnded, Invalid, Refusal
from billing.rules.wallet import rollover
from billing.rules.wallet.position import Position
from billing.rules.wallet.values import LARGEST_CREDITS, BucketState, Cause


def too_much(position: Position, credits: int) -> Refusal | None:
    """A wallet holds 10^15 credits at most, so that no sum of them is too large for a database."""
    to_come = sum(month.remaining for month in position.months.values() if month.to_come)
    room = LARGEST_CREDITS - to_come - sum(bucket.left for bucket in position.buckets.values())
    if credits <= room:
        return None
    return Invalid.field(
        "credits", f"The wallet may hold {LARGEST_CREDITS:,} at most: there is room for {room:,} more."
    )


def grant(position: Position, bucket: BucketState, cause: Cause) -> None:
    """Makes the bucket. It repays debt if the policy says so; one learnt after its end repays first, then expires."""
    position.add(bucket, cause)
    rollover.join(position, bucket)
    if bucket.ended(position.at):
        position.end(bucket, cause)
    position.settle_debt(cause)
    rollover.learnt(position, bucket)


def extend(position: Position, bucket: BucketState, name: str, expires_at: datetime) -> Refusal | None:
    """Moves the end of a live or upcoming bucket to a later instant."""
    status = bucket.status(position.at)
    if status not in ("live", "upcoming"):
        return BucketEnded(name, status)
    if bucket.expires_at is None:
        return Invalid.field("expires_at", "The bucket has no end: there is nothing to extend.")
    if expires_at <= bucket.expires_at:
        return Invalid.field("expires_at", f"Must be later than its present end, {bucket.expires_at.isoformat()}.")
    position.extend(bucket, expires_at)
    return None
