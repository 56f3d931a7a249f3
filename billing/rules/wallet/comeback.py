"""Comeback: what comes back to a sale that was taken back, or that is disputed, is not free to be spent.

It first undoes the debt and the un-earning that taking made, and is taken instead; then it is held, as far as open
disputes and pending refunds would take it.
"""

from __future__ import annotations

from billing.rules.wallet import clawback, disputed
from billing.rules.wallet.moves import Moves
from billing.rules.wallet.values import BucketState, Cause


def wanted(position: Moves, bucket: BucketState, credits: int, cents: int, cause: Cause) -> None:
    """`credits` (free) and `cents` have just come to the bucket: by a release, a reversal, or its month's time."""
    if bucket.sale is None:
        return
    first = position.first_month(bucket.sale)
    owes = first is not None and (first.owed or first.unearned_cents)
    if first is not None and owes and bucket.sale not in position.undoing:
        back, cents_back = min(credits, first.owed), min(cents, first.unearned_cents)
        if back or cents_back:
            # Taken first: what undoing brings back may lie in this very bucket, and go through its end.
            moved = cents_back
            for taken, part in clawback.owed_to(position, first, back).items():
                own = taken == clawback.account(first)
                clawback.from_bucket(position, taken, bucket, part, moved if own else 0, cause)
                moved = 0 if own else moved
            if moved:
                clawback.from_bucket(position, clawback.account(first), bucket, 0, moved, cause)
            clawback.undo_owed(position, first, back, cents_back, cause)
    if bucket.ended(position.at) and not bucket.live:
        return  # what is disputed of it is taken from what its end leaves
    for month in position.months.values():
        if month.sale == bucket.sale and month.to_hold and (month.number == bucket.month or not month.to_come):
            held = min(bucket.free, month.to_hold)
            if held:
                month.to_hold -= held
                position.touch(month)
                disputed.hold(position, bucket, held, cause)
