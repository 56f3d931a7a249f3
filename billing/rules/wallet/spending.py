"""Spending: buckets in burn-down order, then overdraft; all or nothing."""

from __future__ import annotations

from billing.rules.refusals import InsufficientCredits, Refusal, WalletFrozen
from billing.rules.wallet.position import Position
from billing.rules.wallet.values import BucketState, Cause


def plan(position: Position, credits: int, feature: str | None) -> tuple[list[tuple[BucketState, int]], int] | int:
    """Which buckets would pay how much, and the part of the overdraft; or, if it can't be paid, what is there."""
    slices: list[tuple[BucketState, int]] = []
    rest = credits
    for bucket in position.payers(feature):
        part = min(rest, bucket.free)
        slices.append((bucket, part))
        rest -= part
        if not rest:
            return slices, 0
    room = position.overdraft_left()
    if rest > room:
        return credits - rest + room
    return slices, rest


def spend(position: Position, credits: int, cause: Cause) -> Refusal | None:
    """Takes `credits` for `cause.feature`, or refuses and changes nothing."""
    if position.frozen:
        return WalletFrozen()
    decided = plan(position, credits, cause.feature)
    if isinstance(decided, int):
        return InsufficientCredits(credits, decided)
    pay(position, decided, cause)
    return None


def pay(position: Position, decided: tuple[list[tuple[BucketState, int]], int], cause: Cause) -> None:
    """Carries a plan out. It cannot fail."""
    slices, overdrawn = decided
    for bucket, part in slices:
        position.take(bucket, part, "spend", "consumed", cause)
    if overdrawn:
        position.overdraw(overdrawn, cause)
    position.settle_debt(cause)
