"""A wallet while a verb decides: every change of it goes through here and leaves a movement.

Rules read a `Position`, refuse or not, and then call its primitives. What it holds afterwards and what it lists in
`movements` is all that gets written. It never asks the time: `at` moves only when `due.advance` moves it.
"""

from __future__ import annotations

from billing.rules.wallet import comeback, rollover
from billing.rules.wallet.moves import Moves
from billing.rules.wallet.values import BucketState, Cause


class Position(Moves):
    """The primitives, and what meets credits that arrive and buckets that end."""

    def after_arrival(self, bucket: BucketState, credits: int, cents: int, cause: Cause) -> None:
        comeback.wanted(self, bucket, credits, cents, cause)
        if bucket.ended(self.at) and not bucket.live:  # one that ends at this very instant has its turn yet
            self.through_end(bucket, cause)

    def through_end(self, bucket: BucketState, cause: Cause) -> None:
        if bucket.number in self.reopened:
            return  # when it is closed
        if bucket.free and bucket.voided_at is not None:
            self.take(bucket, bucket.free, "void", "voided", cause)
        if bucket.free and self.owed and not bucket.features and self.terms.overdraft.debt != "forgive":
            self.take(bucket, min(bucket.free, self.owed), "repay", "overdraft", cause)
        if bucket.free and bucket.at_end is not None:
            rollover.through_end(self, bucket, cause)
        if bucket.free or (bucket.cents and not bucket.left):
            self.take(bucket, bucket.free, "expire", "expired", cause)
        if not self.owed:
            self.debt_due_at = None
