"""A small, slow, obviously right model of ONE wallet: what the engine is compared with, step by step.

It keeps the state in plain objects and walks through all of it every time. Of what a reversed overdraft was
since repaid, the last repayments between the same two forgivings are undone; what was forgiven brings none.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from .movements import Movements, Slices
from .pieces import Bucket, Hold, Part, Receipt, Refused, Spend


class Model(Movements):
    """The verbs. Call `clock(now)` first, which does what is due; a verb that refuses raises `Refused`."""

    def grant(
        self,
        credits: int,
        *,
        effective_at: datetime | None = None,
        expires_at: datetime | None = None,
        priority: int = 50,
        features: frozenset[str] = frozenset(),
        paid_cents: int = 0,
    ) -> Bucket:
        begins = effective_at or self.now
        if expires_at is not None and begins >= expires_at:
            raise Refused("invalid")
        number = len(self.buckets) + 1
        bucket = Bucket(number, credits, paid_cents, begins, expires_at, priority, features, self.now)
        bucket.ended = expires_at is not None and expires_at <= self.now
        self.buckets.append(bucket)
        self.arrive(bucket, credits, paid_cents)
        self.settle()
        return bucket

    def spend(self, credits: int, feature: str | None = None) -> Receipt:
        slices, overdraft = self.choose(credits, feature)
        return self.record(slices, self.consume(slices, from_held=False), overdraft)

    def record(self, slices: Slices, parts: list[Part], overdraft: int) -> Receipt:
        self.owed += overdraft
        spend = Spend(parts, overdraft, overdraft, len(self.forgiven))
        self.spends.append(spend)
        self.settle()
        return self.receipt(slices, overdraft, spend)

    def hold(self, credits: int, expires_in: timedelta, feature: str | None = None) -> Hold:
        slices, overdraft = self.choose(credits, feature)
        for bucket, part in slices:
            bucket.free -= part
            bucket.held += part
        hold = Hold(slices, overdraft, self.now + expires_in, feature)
        self.holds.append(hold)
        return hold

    def capture(self, hold: Hold, credits: int | None = None) -> Receipt:
        amount = hold.credits if credits is None else credits
        if hold.captured is not None and hold.captured == amount:
            assert hold.receipt is not None
            return hold.receipt
        if hold.captured is not None or hold.status == "released":
            raise Refused("hold_ended")
        if hold.status == "lapsed":
            hold.receipt = self.spend(amount, hold.feature)
        else:
            hold.receipt = self.capture_open(hold, amount)
        hold.captured = amount
        return hold.receipt

    def capture_open(self, hold: Hold, amount: int) -> Receipt:
        """The first slices are used, overdraft last; the rest goes back, or what lacks is spent beside it."""
        more: Slices = []
        more_overdraft = 0
        if amount > hold.credits:
            more, more_overdraft = self.choose(amount - hold.credits, hold.feature, set_aside=hold.credits)
        used: Slices = []
        back: Slices = []
        left = amount
        for bucket, credits in hold.slices:
            if part := min(left, credits):
                used.append((bucket, part))
            if credits > part:
                back.append((bucket, credits - part))
            left -= part
        overdraft = min(left, hold.overdraft)
        hold.status = "captured"
        parts = self.consume(used, from_held=True) + self.consume(more, from_held=False)
        self.give_back(back)
        return self.record(used + more, parts, overdraft + more_overdraft)

    def release(self, hold: Hold) -> Hold:
        if hold.captured is not None:
            raise Refused("hold_ended")
        if hold.status == "open":
            hold.status = "released"
            self.give_back(hold.slices)
            self.settle()
        return hold

    def reverse(self, spend: Spend, credits: int | None = None) -> Receipt:
        left = spend.left if credits is None else credits
        if not spend.left or left > spend.left:
            raise Refused("already_reversed")
        slices: Slices = []
        overdraft = min(left, spend.overdraft_left)
        if overdraft:
            spend.overdraft_left -= overdraft
            self.reverse_overdraft(spend, overdraft)
        left -= overdraft
        for part in reversed(spend.parts):
            if back := min(left, part.left):
                self.bring_back(part, back)
                slices.append((part.bucket, back))
                left -= back
        self.settle()
        return self.receipt(slices, overdraft)

    def reverse_overdraft(self, spend: Spend, credits: int) -> None:
        """Lower what is owed (or what was forgiven since), then undo the last repayments of that stretch."""
        if spend.stretch == len(self.forgiven):
            first = min(credits, self.owed)
            self.owed -= first
        else:
            first = min(credits, self.forgiven[spend.stretch])
            self.forgiven[spend.stretch] -= first
        left = credits - first
        for repayment in [r for r in self.repayments if r.stretch == spend.stretch][::-1]:
            if back := min(left, repayment.left):
                self.bring_back(repayment, back)
                left -= back
        assert left == 0, "every credit of a debt is owed, repaid or forgiven"

    def bring_back(self, part: Part, credits: int) -> None:
        cents = part.undo(credits)
        self.earned -= cents
        self.arrive(part.bucket, credits, cents)

    def void(self, bucket: Bucket) -> Bucket:
        if bucket.voided or bucket.ended or not bucket.free:
            raise Refused("bucket_ended")
        bucket.voided = True
        self.voided += bucket.take(bucket.free)
        return bucket

    def extend(self, bucket: Bucket, expires_at: datetime) -> Bucket:
        if bucket.status(self.now) not in ("live", "upcoming"):
            raise Refused("bucket_ended")
        if bucket.expires_at is None or expires_at <= bucket.expires_at:
            raise Refused("invalid")
        bucket.expires_at = expires_at
        return bucket

    def set_overdraft(self, limit: int | None, debt: str) -> None:
        self.limit, self.debt = limit, debt
        self.settle()

    def freeze(self, frozen: bool) -> None:
        self.frozen = frozen
