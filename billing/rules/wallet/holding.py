"""Holding: credits set aside without moving cents, ended by capture, release or time."""

from __future__ import annotations

from datetime import datetime

from billing.rules.refusals import InsufficientCredits, Refusal, WalletFrozen
from billing.rules.wallet import spending
from billing.rules.wallet.due import give_back
from billing.rules.wallet.position import Position
from billing.rules.wallet.values import BucketState, Cause, HoldState


def hold(position: Position, credits: int, lapses_at: datetime, cause: Cause) -> Refusal | HoldState:
    """Sets `credits` aside until `lapses_at` (exclusive); the slices are fixed here."""
    if position.frozen:
        return WalletFrozen()
    decided = spending.plan(position, credits, cause.feature)
    if isinstance(decided, int):
        return InsufficientCredits(credits, decided)
    slices, overdraft = decided
    placed = HoldState(
        number=position.next_number,
        credits=credits,
        slices=tuple((bucket.number, part) for bucket, part in slices),
        overdraft=overdraft,
        feature=cause.feature,
        placed_at=position.at,
        lapses_at=lapses_at,
    )
    for bucket, part in slices:
        position.set_aside(bucket, part, cause)
    if overdraft:
        position.hold_overdraft(overdraft, cause)
    position.holds[placed.number] = placed
    position.changed_holds[placed.number] = placed
    return placed


def capture(position: Position, held: HoldState, credits: int, cause: Cause) -> Refusal | None:
    """Uses `credits` of an open hold, the first slices first, and frees the rest.

    More than was held takes the rest as a spend, all or nothing: if that can't be paid, the hold stays open.
    """
    extra = credits - held.credits
    beyond: tuple[list[tuple[BucketState, int]], int] | int = ([], 0)
    if extra > 0:
        if position.frozen:
            return WalletFrozen()
        beyond = spending.plan(position, extra, held.feature)
        if isinstance(beyond, int):
            return InsufficientCredits(credits, held.credits + beyond)
    held.status, held.ended_at = "captured", position.at
    held.captured, held.outcome = credits, position.next_number
    position.changed_holds[held.number] = held
    rest = credits
    unused: list[tuple[int, int]] = []
    for number, part in held.slices:
        used = min(part, rest)
        rest -= used
        if used:
            position.capture(position.buckets[number], used, cause)
        if part > used:
            unused.append((number, part - used))
    on_trust = min(held.overdraft, rest)
    if on_trust:
        position.capture_overdraft(on_trust, cause)
    if extra > 0 and not isinstance(beyond, int):
        spending.pay(position, beyond, cause)
    if held.overdraft > on_trust:
        position.release_overdraft(held.overdraft - on_trust, cause)
    for number, part in unused:
        position.free_again(position.buckets[number], part, cause)
    position.settle_debt(cause)
    return None


def release(position: Position, held: HoldState) -> None:
    """Gives an open hold back."""
    held.status, held.ended_at = "released", position.at
    position.changed_holds[held.number] = held
    cause = Cause(f"hold:{held.number}")
    give_back(position, held, cause)
    position.settle_debt(cause)
