"""Disputed: what a lost dispute or a refund under way would take is held, and free again if it comes to nothing.

Such movements go by way of the month the bucket is of, to be told from those of a customer's holds.
"""

from __future__ import annotations

from datetime import datetime

from billing.rules.wallet.moves import Moves
from billing.rules.wallet.values import BucketState, Cause


def hold(position: Moves, bucket: BucketState, credits: int, cause: Cause) -> None:
    """Free credits go to the held pocket, where no customer's hold counts them."""
    bucket.disputed += credits
    position.set_aside(bucket, credits, cause, via=bucket.month)


def put_back(position: Moves, bucket: BucketState, credits: int, cause: Cause) -> None:
    """They are in the free pocket again."""
    bucket.disputed -= credits
    bucket.held -= credits
    position.held -= credits
    position.arrive(bucket, credits)
    position.reshaped.add(bucket.number)
    position.record(
        "release", f"held:{bucket.number}", f"bucket:{bucket.number}", credits, 0, bucket, cause, via=bucket.month
    )


def free(position: Moves, bucket: BucketState, credits: int, cause: Cause) -> None:
    """They are free again; in an ended bucket they go through its end. The caller says what else is to be held."""
    put_back(position, bucket, credits, cause)
    if bucket.ended(position.at) and not bucket.live:
        position.through_end(bucket, cause)


def later_end(position: Moves, bucket: BucketState, expires_at: datetime, cause: Cause) -> None:
    """The end moves to a later instant. What expired meanwhile is revived, if that still lies ahead."""
    position.extend(bucket, expires_at)
    if bucket.ended(position.at):
        return
    if not bucket.live and bucket.effective_at <= position.at:
        position.start(bucket)
    revive(position, bucket, cause)


def revive(position: Moves, bucket: BucketState, cause: Cause) -> None:
    """What expired of a bucket that is valid again is there again, but for what a taking counted."""
    credits, cents = bucket.expired - bucket.counted, bucket.expired_cents
    if credits or cents:
        bucket.expired, bucket.expired_cents = bucket.expired - credits, 0
        bucket.cents += cents
        position.arrive(bucket, credits)
        position.record("revive", f"expired:{bucket.number}", f"bucket:{bucket.number}", credits, cents, bucket, cause)
        position.rebase(bucket, back=True)
