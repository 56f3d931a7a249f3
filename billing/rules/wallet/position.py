"""A wallet while a verb decides: every change of it goes through here and leaves a movement.

Rules read a `Position`, refuse or not, and then call its primitives. What it holds afterwards and what it lists in
`movements` is all that gets written. It never asks the time: `at` moves only when `due.advance` moves it.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from billing.rules.periods import month_start_after
from billing.rules.wallet import recognition, rollover
from billing.rules.wallet.burndown import order
from billing.rules.wallet.flows import flow_of
from billing.rules.wallet.terms import Terms
from billing.rules.wallet.values import LARGEST_CREDITS, BucketState, Cause, HoldState, Movement


class Position:
    """Buckets, open holds and figures of one wallet at the instant `at`."""

    def __init__(
        self,
        terms: Terms,
        at: datetime,
        *,
        buckets: Iterable[BucketState] = (),
        holds: Iterable[HoldState] = (),
        next_number: int = 1,
        owed: int = 0,
        frozen: bool = False,
        debt_due_at: datetime | None = None,
        period_end: datetime | None = None,
        terms_end: tuple[datetime, Terms] | None = None,
    ) -> None:
        self.terms, self.at, self.frozen = terms, at, frozen
        self.next_number, self.owed = next_number, owed
        self.debt_due_at, self.period_end = debt_due_at, period_end
        self.terms_end = terms_end
        self.buckets = {bucket.number: bucket for bucket in buckets}
        self.holds = {hold.number: hold for hold in holds}
        self.available = 0
        self.held = sum(bucket.held for bucket in self.buckets.values())
        self.overdraft_held = sum(hold.overdraft for hold in self.open_holds())
        self.held += self.overdraft_held
        self.movements: list[Movement] = []
        self.changed_buckets: dict[int, BucketState] = {}
        self.changed_holds: dict[int, HoldState] = {}
        self._begun: Cause | None = None
        self._ordered: list[BucketState] | None = None
        for bucket in list(self.buckets.values()):
            self.know(bucket)

    def know(self, bucket: BucketState) -> None:
        """A bucket that is there already, as it was last written."""
        bucket.live = bucket.effective_at <= self.at and not bucket.ended(self.at)
        self.buckets[bucket.number] = bucket
        self._ordered = None
        if bucket.live and not bucket.features:
            self.available += bucket.free

    def open_holds(self) -> list[HoldState]:
        return [hold for hold in self.holds.values() if hold.status == "open"]

    def ordered(self) -> list[BucketState]:
        """Live buckets in burn-down order."""
        if self._ordered is None:
            live = [bucket for bucket in self.buckets.values() if bucket.live]
            self._ordered = sorted(live, key=order(self.terms.burn_down))
        return self._ordered

    def payers(self, feature: str | None) -> list[BucketState]:
        """Live buckets with free credits that may pay for `feature`, in burn-down order."""
        return [bucket for bucket in self.ordered() if bucket.free and bucket.pays_for(feature)]

    def overdraft_left(self) -> int:
        """Credits that may still be overdrawn; holds' part counts against the limit. Nobody owes more than 10^15."""
        limit = self.terms.overdraft.limit
        most = LARGEST_CREDITS if limit is None else limit
        return max(0, most - self.owed - self.overdraft_held)

    def next_due(self) -> datetime | None:
        """The next instant at which time itself changes something here."""
        instants = [hold.lapses_at for hold in self.open_holds()]
        for bucket in self.buckets.values():
            if bucket.free and not bucket.live and bucket.effective_at > self.at and bucket.voided_at is None:
                instants.append(bucket.effective_at)
            elif bucket.left and bucket.live and bucket.expires_at is not None:  # held ones, too: it is no longer valid
                instants.append(bucket.expires_at)
        if self.owed and self.debt_due_at is not None:
            instants.append(self.debt_due_at)
        if self.owed and self.terms_end is not None:
            instants.append(self.terms_end[0])
        return min(instants, default=None)

    def add(self, bucket: BucketState, cause: Cause) -> None:
        """A new bucket, granted now with all its credits and cents."""
        self.know(bucket)
        self._record("grant", "issued", f"bucket:{bucket.number}", bucket.free, bucket.cents, bucket, cause)

    def take(self, bucket: BucketState, credits: int, kind: str, destination: str, cause: Cause) -> None:
        """Free credits leave the bucket for good, with the cents that recognition gives them."""
        cents = self._recognise(bucket, credits)
        bucket.free -= credits
        if bucket.live and not bucket.features:
            self.available -= credits
        if destination == "overdraft":
            self.owed -= credits
        if destination == "expired":
            bucket.expired += credits
            bucket.expired_cents += cents
        self._record(kind, f"bucket:{bucket.number}", destination, credits, cents, bucket, cause)

    def set_aside(self, bucket: BucketState, credits: int, cause: Cause) -> None:
        """From the free pocket to the held one; cents stay where they are."""
        bucket.free -= credits
        bucket.held += credits
        self.held += credits
        if bucket.live and not bucket.features:
            self.available -= credits
        self._record("hold", f"bucket:{bucket.number}", f"held:{bucket.number}", credits, 0, bucket, cause)

    def capture(self, bucket: BucketState, credits: int, cause: Cause) -> None:
        """Held credits are used: they earn what a spend would have."""
        cents = self._recognise(bucket, credits)
        bucket.held -= credits
        self.held -= credits
        self._record("capture", f"held:{bucket.number}", "consumed", credits, cents, bucket, cause)

    def free_again(self, bucket: BucketState, credits: int, cause: Cause) -> None:
        """Held credits come back to the free pocket; in an ended bucket they go through its end."""
        bucket.held -= credits
        self.held -= credits
        self._arrive(bucket, credits)
        self._record("release", f"held:{bucket.number}", f"bucket:{bucket.number}", credits, 0, bucket, cause)
        self._after_arrival(bucket, cause)

    def bring_back(
        self, bucket: BucketState, credits: int, cents: int, cause: Cause, undoes: int, via: int | None
    ) -> None:
        """Consumed credits come back to their bucket with the cents they took; an ended one ends them again."""
        bucket.cents += cents
        self._arrive(bucket, credits)
        self._record("reverse", "consumed", f"bucket:{bucket.number}", credits, cents, bucket, cause, undoes, via)
        self._after_arrival(bucket, cause)

    def revive(self, bucket: BucketState, credits: int, cents: int, cause: Cause) -> None:
        """What its end took is in an ended bucket again, as if it had not: its basis stays."""
        bucket.expired -= credits
        bucket.expired_cents -= cents
        bucket.cents += cents
        self._arrive(bucket, credits)
        self._record("revive", "expired", f"bucket:{bucket.number}", credits, cents, bucket, cause)

    def roll_over(self, source: BucketState, target: BucketState, credits: int, cause: Cause) -> None:
        """Free credits move from one bucket to another, with their cents; one that goes on gets a basis for both."""
        cents = self._recognise(source, credits)
        source.free -= credits
        if source.live and not source.features:
            self.available -= credits
        if target.number not in self.buckets:
            self.know(target)
        target.cents += cents
        self._arrive(target, credits)
        if target.rolled_from == source.number:
            target.paid_cents += cents
            target.basis_cents, target.basis_credits = target.cents, target.left
        self.changed_buckets[source.number] = source
        self._record("roll_over", f"bucket:{source.number}", f"bucket:{target.number}", credits, cents, target, cause)

    def overdraw(self, credits: int, cause: Cause) -> None:
        self.owed += credits
        self._record("overdraw", "overdraft", "consumed", credits, 0, None, cause)

    def hold_overdraft(self, credits: int, cause: Cause) -> None:
        """Part of a hold that no bucket backs: counts against the limit, is no debt yet."""
        self.overdraft_held += credits
        self.held += credits
        self._record("hold", "overdraft", "held:overdraft", credits, 0, None, cause)

    def capture_overdraft(self, credits: int, cause: Cause) -> None:
        self.overdraft_held -= credits
        self.held -= credits
        self.owed += credits
        self._record("capture", "held:overdraft", "consumed", credits, 0, None, cause)

    def release_overdraft(self, credits: int, cause: Cause) -> None:
        self.overdraft_held -= credits
        self.held -= credits
        self._record("release", "held:overdraft", "overdraft", credits, 0, None, cause)

    def owe_less(self, credits: int, cause: Cause, undoes: int) -> None:
        """A spend on trust is undone while it is still owed."""
        self.owed -= credits
        self._record("reverse", "consumed", "overdraft", credits, 0, None, cause, undoes)

    def unforgive(self, credits: int, cause: Cause, undoes: int, via: int) -> None:
        """A spend on trust is undone after it was forgiven: it owes nothing and brings nothing back."""
        self._record("reverse", "consumed", "forgiven", credits, 0, None, cause, undoes, via)

    def forgive(self, cause: Cause) -> None:
        credits, self.owed = self.owed, 0
        self._record("forgive", "forgiven", "overdraft", credits, 0, None, cause)

    def start(self, bucket: BucketState) -> None:
        """An upcoming bucket becomes valid."""
        bucket.live = True
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
        self._through_end(bucket, cause)

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
        """When the period running at `at` ends: the plan's, without a plan the UTC month."""
        if self.period_end is not None and self.period_end > at:
            return self.period_end
        return month_start_after(at)

    def _recognise(self, bucket: BucketState, credits: int) -> int:
        stays = recognition.keeps(bucket.cents, bucket.basis_cents, bucket.basis_credits, bucket.left - credits)
        moved, bucket.cents = bucket.cents - stays, stays
        return moved

    def _arrive(self, bucket: BucketState, credits: int) -> None:
        bucket.free += credits
        if bucket.live and not bucket.features:
            self.available += credits

    def _after_arrival(self, bucket: BucketState, cause: Cause) -> None:
        if bucket.ended(self.at) and not bucket.live:  # one that ends at this very instant has its turn yet
            self._through_end(bucket, cause)

    def _through_end(self, bucket: BucketState, cause: Cause) -> None:
        if bucket.free and bucket.voided_at is not None:
            self.take(bucket, bucket.free, "void", "voided", cause)
        if bucket.free and self.owed and not bucket.features and self.terms.overdraft.debt != "forgive":
            self.take(bucket, min(bucket.free, self.owed), "repay", "overdraft", cause)
        if bucket.free and bucket.at_end is not None:
            rollover.through_end(self, bucket, cause)
        if bucket.free:
            self.take(bucket, bucket.free, "expire", "expired", cause)
        if not self.owed:
            self.debt_due_at = None

    def _record(
        self,
        kind: str,
        source: str,
        destination: str,
        credits: int,
        cents: int,
        bucket: BucketState | None,
        cause: Cause,
        undoes: int | None = None,
        via: int | None = None,
    ) -> None:
        flow = flow_of(kind, source, destination)
        assert credits > 0 and cents >= 0 and (flow.with_cents or not cents), (kind, credits, cents)
        assert self.available >= 0 and self.owed >= 0 and self.held >= 0, (
            kind,
            self.available,
            self.owed,
            self.held,
        )
        currency = bucket.currency if bucket is not None and cents else None
        first, self._begun = cause is not self._begun, cause
        self.movements.append(
            Movement(
                self.next_number, kind, source, destination, credits, cents, currency, cause, first,
                undoes, via, self.available, self.owed, self.at,
            )
        )  # fmt: skip
        self.next_number += 1
        if bucket is not None:
            assert bucket.free >= 0 and bucket.held >= 0 and bucket.cents >= 0, bucket
            self.changed_buckets[bucket.number] = bucket
