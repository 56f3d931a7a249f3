"""Clawback: credits and cents are taken back to where the money went, and restored exactly as they were taken.

Each movement names the sale it is of by the sale's first month (`clawed_back:<number>`). Credits that were left unused
move nothing any more: they are counted, on an entry of their own, so that what was taken of a sale is the sum of its
entries.
"""

from __future__ import annotations

from billing.rules.wallet import takingback
from billing.rules.wallet.moves import Moves
from billing.rules.wallet.values import BucketState, Cause, MonthState, PastMovement


def account(first: MonthState, *, change: bool = False) -> str:
    """Where what is taken of a sale goes, named by its first month; what a change of plan takes stands apart."""
    return f"clawed_back:change:{first.number}" if change else f"clawed_back:{first.number}"


def from_bucket(position: Moves, taken: str, bucket: BucketState, credits: int, cents: int, cause: Cause) -> None:
    """Free credits, and cents as they are wanted: a bucket may keep cents without credits, to be broken at its end."""
    bucket.free -= credits
    bucket.cents -= cents
    if bucket.live and not bucket.features:
        position.available -= credits
    position.record("clawback", f"bucket:{bucket.number}", taken, credits, cents, bucket, cause)
    position.rebase(bucket)


def from_unused(position: Moves, taken: str, bucket: BucketState, credits: int, cents: int, cause: Cause) -> None:
    """What left the bucket unused is counted, and its cents are no longer broken (or voided) but refunded."""
    bucket.counted += credits
    if bucket.voided_at is not None:
        bucket.voided_cents -= cents
        source = f"voided:{bucket.number}"
    else:
        bucket.expired_cents -= cents
        source = f"expired:{bucket.number}"
    position.record("clawback", source, taken, credits, cents, bucket, cause)


def from_month(position: Moves, taken: str, month: MonthState, credits: int, cents: int, cause: Cause) -> None:
    """A month that is to come brings that much less; of a cancelled one what was broken is refunded."""
    month.taken += credits
    if month.cancelled_at is None:
        month.left_cents -= cents
        source = f"prepaid:{month.number}"
    else:
        month.broken_cents -= cents
        source = f"expired:month:{month.number}"
    position.record("clawback", source, taken, credits, cents, month, cause)


def back_to_bucket(position: Moves, taken: str, bucket: BucketState, credits: int, cents: int, cause: Cause) -> None:
    """Restored to the free pocket; the caller ends it again where it has ended."""
    bucket.cents += cents
    position.arrive(bucket, credits)
    position.record("restore", taken, f"bucket:{bucket.number}", credits, cents, bucket, cause)
    position.rebase(bucket)


def back_to_unused(
    position: Moves, taken: str, bucket: BucketState, credits: int, cents: int, cause: Cause, kind: str
) -> None:
    """Counted no longer: it is `expired` or `voided` again, with its cents."""
    bucket.counted -= credits
    if kind == "voided":
        bucket.voided_cents += cents
    else:
        bucket.expired_cents += cents
    position.record("restore", taken, f"{kind}:{bucket.number}", credits, cents, bucket, cause)


def back_to_month(
    position: Moves, taken: str, month: MonthState, credits: int, cents: int, cause: Cause, kind: str
) -> None:
    """A month to come brings it again (`prepaid`), a cancelled one leaves it (`expired:month`)."""
    month.taken -= credits
    if kind == "prepaid":
        month.left_cents += cents
    else:
        month.broken_cents += cents
    position.record("restore", taken, f"{kind}:{month.number}", credits, cents, month, cause)


def owe(position: Moves, taken: str, first: MonthState, credits: int, cents: int, cause: Cause) -> None:
    """What was consumed is owed, and un-earned. It goes below zero whatever the overdraft's limit."""
    position.owed += credits
    first.owed += credits
    first.unearned_cents += cents
    position.record("owe", "overdraft", taken, credits, cents, first, cause)


def undo_owed(
    position: Moves, first: MonthState, credits: int, cents: int, cause: Cause, only: str | None = None
) -> None:
    """Taking made the wallet owe and un-earn: some of both is undone, last first (`only` what is of that account).

    What is still owed is owed no longer. What was repaid since counts as consumed again, and its last repayments go
    back into their buckets with their cents; what was forgiven stays forgiven.
    """
    first.owed -= credits
    first.unearned_cents -= cents
    outermost = first.sale not in position.undoing
    position.undoing.add(first.sale)
    for made, part in _last_first(position, first, credits, only):
        taken = made.destination
        made.reversed_credits += part
        _, forgiven = takingback.pool(position.debts or (), made.number)
        unpaid = min(part, position.owed) if forgiven is None else 0
        moved, cents = (cents, 0) if taken == account(first) else (0, cents)  # a change un-earns nothing
        if unpaid:
            position.owed -= unpaid
            position.record("restore", taken, "overdraft", unpaid, moved, first, cause)
            moved = 0
        if part > unpaid:
            position.record("restore", taken, "consumed", part - unpaid, moved, first, cause)
            takingback.undo_paid(position, position.debts or (), made.number, part - unpaid, cause)
    if cents:
        position.record("restore", account(first), "overdraft", 0, cents, first, cause)
    if not position.owed:
        position.debt_due_at = None
    if outermost:
        position.undoing.discard(first.sale)


def owed_to(position: Moves, first: MonthState, credits: int) -> dict[str, int]:
    """Whose takings undoing so many credits would undo: of refunds and disputes, or of changes."""
    found: dict[str, int] = {}
    for made, part in _last_first(position, first, credits, None):
        found[made.destination] = found.get(made.destination, 0) + part
    return found


def _last_first(position: Moves, first: MonthState, credits: int, only: str | None) -> list[tuple[PastMovement, int]]:
    """Which entries made the sale's wallet owe these credits, and how much each."""
    assert position.debts is not None or not credits, "the wallet's debts were not read"
    wanted = (only,) if only else (account(first), account(first, change=True))
    its = [part for part in position.debts or () if part.kind == "owe" and part.destination in wanted]
    found = []
    for made in its[::-1]:
        part = min(credits, made.credits - made.reversed_credits)
        if part:
            credits -= part
            found.append((made, part))
    assert not credits, "more is undone than takings made the wallet owe"
    return found


def credit_back(
    position: Moves,
    first: MonthState,
    source: BucketState | MonthState,
    cents: int,
    cause: Cause,
    *,
    unused: bool = False,
) -> None:
    """A negative line takes its money out of a bucket, what it left `unused`, or a month to come or cancelled."""
    credited = f"credited:{first.number}"
    if isinstance(source, MonthState):
        place = f"prepaid:{source.number}" if source.cancelled_at is None else f"expired:month:{source.number}"
        if source.cancelled_at is None:
            source.left_cents -= cents
        else:
            source.broken_cents -= cents
    elif not unused:
        place = f"bucket:{source.number}"
        source.cents -= cents
    elif source.voided_at is not None:
        place = f"voided:{source.number}"
        source.voided_cents -= cents
    else:
        place = f"expired:{source.number}"
        source.expired_cents -= cents
    position.record("credit_back", place, credited, 0, cents, source, cause)
    if isinstance(source, BucketState) and not unused:
        position.rebase(source)


def credit_earned(position: Moves, first: MonthState, cents: int, currency: str | None, cause: Cause) -> None:
    """A negative line takes its money out of what was earned, which may fall below zero. A sale that cost nothing has
    no currency of its own.
    """
    position.record("credit_back", "consumed", f"credited:{first.number}", 0, cents, first, cause)
    position.movements[-1].currency = first.currency or currency


def earn_at_once(position: Moves, of: MonthState, cents: int, cause: Cause) -> None:
    """Money that brings no credits is sold and earned at once; only the currency of `of` is looked at."""
    position.record("settle", "billed", "consumed", 0, cents, of, cause)
