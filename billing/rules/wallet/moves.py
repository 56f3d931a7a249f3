"""The primitives: each moves credits and cents of a wallet one way and records it.

What credits meet when they arrive somewhere, and when their bucket is over, stands above, in `Position`: it takes
these very primitives. Those of months, takings and disputes stand in files of their own.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from datetime import datetime

from billing.rules.periods import month_start_after
from billing.rules.wallet import recognition
from billing.rules.wallet.state import State
from billing.rules.wallet.terms import Terms
from billing.rules.wallet.values import BucketState, Cause


class Moves(State, ABC):
    """A wallet whose credits can be moved."""

    @abstractmethod
    def after_arrival(self, bucket: BucketState, credits: int, cents: int, cause: Cause) -> None:
        """Credits and cents have come to the bucket's free pocket: first what takings and disputes want of them."""

    @abstractmethod
    def through_end(self, bucket: BucketState, cause: Cause) -> None:
        """What is free in a bucket past its end repays, else it is lost; so are cents that no credit is left of."""

    def add(self, bucket: BucketState, cause: Cause) -> None:
        """A new bucket, granted now with all its credits and cents."""
        self.know(bucket)
        self.record("grant", "issued", f"bucket:{bucket.number}", bucket.free, bucket.cents, bucket, cause)

    def take(self, bucket: BucketState, credits: int, kind: str, destination: str, cause: Cause) -> None:
        """Free credits leave the bucket for good, with the cents that recognition gives them."""
        cents = self.recognise(bucket, credits)
        bucket.free -= credits
        if bucket.live and not bucket.features:
            self.available -= credits
        if destination == "overdraft":
            self.owed -= credits
        if destination == "expired":
            bucket.expired, bucket.expired_cents = bucket.expired + credits, bucket.expired_cents + cents
        if destination == "voided":
            bucket.voided, bucket.voided_cents = bucket.voided + credits, bucket.voided_cents + cents
        self.record(kind, f"bucket:{bucket.number}", destination, credits, cents, bucket, cause)

    def set_aside(self, bucket: BucketState, credits: int, cause: Cause, via: int | None = None) -> None:
        """From the free pocket to the held one; cents stay where they are. `via`: for no hold, but for that month's
        disputes.
        """
        bucket.free -= credits
        bucket.held += credits
        self.held += credits
        if bucket.live and not bucket.features:
            self.available -= credits
        self.record("hold", f"bucket:{bucket.number}", f"held:{bucket.number}", credits, 0, bucket, cause, via=via)

    def capture(self, bucket: BucketState, credits: int, cause: Cause) -> None:
        """Held credits are used: they earn what a spend would have."""
        cents = self.recognise(bucket, credits)
        bucket.held -= credits
        self.held -= credits
        self.record("capture", f"held:{bucket.number}", "consumed", credits, cents, bucket, cause)

    def free_again(self, bucket: BucketState, credits: int, cause: Cause) -> None:
        """Held credits come back to the free pocket; in an ended bucket they go through its end."""
        bucket.held -= credits
        self.held -= credits
        self.arrive(bucket, credits)
        self.record("release", f"held:{bucket.number}", f"bucket:{bucket.number}", credits, 0, bucket, cause)
        self.after_arrival(bucket, credits, 0, cause)

    def bring_back(
        self, bucket: BucketState, credits: int, cents: int, cause: Cause, undoes: int, via: int | None
    ) -> None:
        """Consumed credits come back to their bucket with the cents they took; an ended one ends them again."""
        bucket.cents += cents
        self.arrive(bucket, credits)
        self.record("reverse", "consumed", f"bucket:{bucket.number}", credits, cents, bucket, cause, undoes, via)
        if (bucket.basis_cents, bucket.basis_credits) != (bucket.paid_cents, bucket.granted):
            self.rebase(bucket)
        self.after_arrival(bucket, credits, cents, cause)

    def overdraw(self, credits: int, cause: Cause) -> None:
        self.owed += credits
        self.record("overdraw", "overdraft", "consumed", credits, 0, None, cause)

    def hold_overdraft(self, credits: int, cause: Cause) -> None:
        """Part of a hold that no bucket backs: counts against the limit, is no debt yet."""
        self.overdraft_held += credits
        self.held += credits
        self.record("hold", "overdraft", "held:overdraft", credits, 0, None, cause)

    def capture_overdraft(self, credits: int, cause: Cause) -> None:
        self.overdraft_held -= credits
        self.held -= credits
        self.owed += credits
        self.record("capture", "held:overdraft", "consumed", credits, 0, None, cause)

    def release_overdraft(self, credits: int, cause: Cause) -> None:
        self.overdraft_held -= credits
        self.held -= credits
        self.record("release", "held:overdraft", "overdraft", credits, 0, None, cause)

    def owe_less(self, credits: int, cause: Cause, undoes: int) -> None:
        """A spend on trust is undone while it is still owed."""
        self.owed -= credits
        self.record("reverse", "consumed", "overdraft", credits, 0, None, cause, undoes)

    def unforgive(self, credits: int, cause: Cause, undoes: int, via: int) -> None:
        """A spend on trust is undone after it was forgiven: it owes nothing and brings nothing back."""
        self.record("reverse", "consumed", "forgiven", credits, 0, None, cause, undoes, via)

    def forgive(self, cause: Cause) -> None:
        credits, self.owed = self.owed, 0
        self.record("forgive", "forgiven", "overdraft", credits, 0, None, cause)

    def start(self, bucket: BucketState) -> None:
        """An upcoming bucket becomes valid."""
        bucket.live = True
        self.started.append(bucket)
        self._ordered = None
        if not bucket.features:
            self.available += bucket.free

    def end(self, bucket: BucketState, cause: Cause) -> None:
        """A bucket is no longer valid: its free credits go through its end."""
        if bucket.live:
            bucket.live = False
            self._ordered = None
            if not bucket.features:
                self.available -= bucket.free
        self.through_end(bucket, cause)

    def void(self, bucket: BucketState, cause: Cause) -> None:
        """The bucket ends now, by decision; held credits stay honoured until their hold ends."""
        self.take(bucket, bucket.free, "void", "voided", cause)
        bucket.voided_at, bucket.live = self.at, False
        self._ordered = None

    def extend(self, bucket: BucketState, expires_at: datetime) -> None:
        bucket.expires_at = expires_at
        self.changed_buckets[bucket.number] = bucket
        self._ordered = None

    def change_terms(self, terms: Terms, terms_end: tuple[datetime, Terms] | None = None) -> None:
        """Other terms hold from here, until they end."""
        self.terms, self.terms_end = terms, terms_end
        self._ordered = None

    def reconsider(self, terms: Terms, terms_end: tuple[datetime, Terms] | None) -> None:
        """Other terms hold from here, and the debt is settled by them."""
        self.change_terms(terms, terms_end)
        self.settle_debt(Cause(f"terms:{self.next_number}"))

    def settle_debt(self, cause: Cause) -> None:
        """Does what the debt policy wants at once: `repay` repays, the others note when the period ends."""
        if not self.owed:
            self.debt_due_at = None
        elif self.terms.overdraft.debt == "repay":
            self.debt_due_at = None
            self.repay(cause)
        elif self.debt_due_at is None:
            self.debt_due_at = self.period_after(self.at)

    def repay(self, cause: Cause) -> None:
        """Live general free credits repay what is owed, in burn-down order."""
        if self.available and self.owed:
            for bucket in self.payers(None):
                if not self.owed:
                    return
                if not bucket.features:
                    self.take(bucket, min(bucket.free, self.owed), "repay", "overdraft", cause)

    def period_after(self, at: datetime) -> datetime:
        """When the period running at `at` ends: the plan's, of a longer line its month, without one the UTC month."""
        if self.period_end is not None and self.period_end > at:
            begins = (month.starts_at for month in self.months.values() if month.to_come and month.starts_at > at)
            return min([self.period_end, *begins])
        return month_start_after(at)

    def recognise(self, bucket: BucketState, credits: int) -> int:
        stays = recognition.keeps(bucket.cents, bucket.basis_cents, bucket.basis_credits, bucket.left - credits)
        moved, bucket.cents = bucket.cents - stays, stays
        return moved

    def arrive(self, bucket: BucketState, credits: int) -> None:
        bucket.free += credits
        if bucket.live and not bucket.features:
            self.available += credits
