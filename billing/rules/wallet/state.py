"""What a wallet is while a verb decides: its buckets, months, holds and figures, and the movements noted so far."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from billing.rules.wallet import recognition
from billing.rules.wallet.burndown import order
from billing.rules.wallet.flows import flow_of
from billing.rules.wallet.freeterms import FreePlan
from billing.rules.wallet.terms import Terms
from billing.rules.wallet.values import (
    LARGEST_CREDITS,
    Act,
    BucketState,
    Cause,
    HoldState,
    MonthState,
    Movement,
    PastMovement,
)

_PLAIN = frozenset({"spend", "capture", "hold", "release", "reverse", "repay"})


class State:
    """Buckets, open holds and figures of one wallet at the instant `at`."""

    def __init__(
        self,
        terms: Terms,
        at: datetime,
        *,
        buckets: Iterable[BucketState] = (),
        holds: Iterable[HoldState] = (),
        months: Iterable[MonthState] = (),
        next_month: int = 1,
        next_number: int = 1,
        owed: int = 0,
        frozen: bool = False,
        debt_due_at: datetime | None = None,
        period_end: datetime | None = None,
        terms_end: tuple[datetime, Terms] | None = None,
        free: FreePlan | None = None,
    ) -> None:
        self.terms, self.at, self.frozen = terms, at, frozen
        self.next_number, self.owed = next_number, owed
        self.debt_due_at, self.period_end = debt_due_at, period_end
        self.terms_end, self.free = terms_end, free
        self.buckets = {bucket.number: bucket for bucket in buckets}
        self.holds = {hold.number: hold for hold in holds}
        self.months, self.next_month = {month.number: month for month in months}, next_month
        self.available = 0
        self.held = sum(bucket.held for bucket in self.buckets.values())
        self.overdraft_held = sum(hold.overdraft for hold in self.open_holds())
        self.held += self.overdraft_held
        self.movements: list[Movement] = []
        self.acts: list[Act] = []
        self.started: list[BucketState] = []
        """Buckets that began since the last act was over."""
        self.changed_buckets: dict[int, BucketState] = {}
        self.reshaped: set[int] = set()
        """Those changed buckets that did more than pay, be held or get something back."""
        self.changed_holds: dict[int, HoldState] = {}
        self.changed_months: dict[int, MonthState] = {}
        self.debts: list[PastMovement] | None = None
        """Its repayments, forgivings and what takings made it owe, the oldest first; None: not read."""
        self.undoing: set[str] = set()
        """Sales whose takings are being undone: what a repayment of theirs gives back to them stays there."""
        self.reopened: set[int] = set()
        """Ended buckets whose ends are decided anew, with all in them again that nobody has used."""
        self.series: dict[str, datetime] = {}
        """Series of which all buckets are known whose period ends at that instant or later."""
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

    def knows_series(self, name: str, since: datetime) -> bool:
        """Are all buckets of the series known whose period ends at `since` or later?"""
        return name in self.series and self.series[name] <= since

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
            elif bucket.live and bucket.expires_at is not None and (bucket.left or bucket.cents):
                instants.append(bucket.expires_at)  # held ones, too: it is no longer valid
        instants += [month.starts_at for month in self.months.values() if month.to_come]
        if self.free is not None and self.free.next_at is not None:
            instants.append(self.free.next_at)
        if self.owed and self.debt_due_at is not None:
            instants.append(self.debt_due_at)
        if self.owed and self.terms_end is not None:
            instants.append(self.terms_end[0])
        return min(instants, default=None)

    def end_act(self) -> None:
        """What was done since the last act is one: what comes now is another."""
        moved = slice(self.acts[-1].moved.stop if self.acts else 0, len(self.movements))
        if moved.start == moved.stop and not self.started:
            return
        cause = self.movements[-1].cause.name if moved.start < moved.stop else f"start:{self.started[-1].number}"
        self.acts.append(Act(self.at, self.available, self.owed, cause, moved, tuple(self.started)))
        self.started.clear()

    def touch(self, month: MonthState) -> None:
        """The month is written, though nothing moved."""
        self.changed_months[month.number] = month

    def first_month(self, sale: str | None) -> MonthState | None:
        """The first month of a sale, if the wallet knows it."""
        if sale is None:
            return None
        its = (month for month in self.months.values() if month.sale == sale and month.place == 1)
        return next(its, None)

    def rebase(self, bucket: BucketState, *, back: bool = False) -> None:
        """Recognition counts from here on from what the bucket has now.

        If that is what it would have anyway, it goes on counting from what it got: so a taking that was undone, which
        others may never have heard of, leaves no trace in the cents of later spends. What came `back` from an end that
        was too early leaves none either, where an earlier taking does.
        """
        had = (bucket.basis_cents, bucket.basis_credits) if back else None
        got, now = (bucket.paid_cents, bucket.granted), (bucket.cents, bucket.left)
        bucket.basis_cents, bucket.basis_credits = recognition.counts_from(got, had, *now)
        self.changed_buckets[bucket.number] = bucket
        self.reshaped.add(bucket.number)

    def record(
        self,
        kind: str,
        source: str,
        destination: str,
        credits: int,
        cents: int,
        of: BucketState | MonthState | None,
        cause: Cause,
        undoes: int | None = None,
        via: int | None = None,
    ) -> None:
        flow = flow_of(kind, source, destination)
        assert credits >= 0 and cents >= 0 and credits + cents, (kind, credits, cents)
        assert (flow.with_cents or not cents) and (flow.with_credits or not credits), (kind, credits, cents)
        assert self.available >= 0 and self.owed >= 0 and self.held >= 0, (
            kind,
            self.available,
            self.owed,
            self.held,
        )
        currency = of.currency if of is not None and cents else None
        first, self._begun = cause is not self._begun, cause
        self.movements.append(
            Movement(
                self.next_number, kind, source, destination, credits, cents, currency, cause, first,
                undoes, via, self.available, self.owed, self.at,
            )
        )  # fmt: skip
        self.next_number += 1
        if self.debts is not None and kind in ("repay", "forgive", "owe"):
            self.debts.append(PastMovement(self.next_number - 1, kind, source, destination, credits, cents))
        if isinstance(of, BucketState):
            assert of.free >= 0 and of.held >= of.disputed >= 0 and of.cents >= 0, of
            assert min(of.unused, of.expired_cents, of.voided_cents) >= 0, of
            self.changed_buckets[of.number] = of
            if kind not in _PLAIN or of.disputed:
                self.reshaped.add(of.number)
        elif of is not None:
            assert min(of.remaining, of.left_cents, of.broken_cents, of.owed, of.unearned_cents) >= 0, of
            self.changed_months[of.number] = of
