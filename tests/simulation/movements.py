"""The state of the model and its small moves: time, what is due, burn-down, ends and repayments.

Where the rules are thin it follows the decisions below, which the engine follows, too:

- What is due at one instant is done in this order: holds lapse; buckets end (a general one first repays,
  under `repay` and `carry`); buckets start; the debt's period ends; debts are repaid.
- The instant a debt is due is fixed when it opens, and renewed for the next month if something is still owed.
- What comes back into an ended bucket goes through its end again; into a voided one, it is voided again.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from .pieces import Bucket, Hold, Part, Receipt, Refused, Spend, next_month

Slices = list[tuple[Bucket, int]]


class Movements:
    """One wallet, without its verbs."""

    def __init__(self, now: datetime) -> None:
        self.now = now
        self.buckets: list[Bucket] = []
        self.holds: list[Hold] = []
        self.spends: list[Spend] = []
        self.repayments: list[Part] = []
        self.forgiven: list[int] = []  # of each forgiving, the credits whose spend has not been reversed
        self.limit: int | None = 0  # None is unlimited
        self.debt = "repay"
        self.frozen = False
        self.owed = 0
        self.debt_due: datetime | None = None
        self.earned = self.broken = self.voided = 0  # cents, net of what came back

    # ---- what a customer sees

    @property
    def available(self) -> int:
        return sum(b.free for b in self.buckets if b.is_live(self.now) and not b.features)

    @property
    def held(self) -> int:
        return sum(hold.credits for hold in self.open_holds())

    @property
    def deferred(self) -> int:
        return sum(b.cents for b in self.buckets)

    def spendable(self, feature: str | None) -> int:
        return sum(b.free for b in self.payable(feature))

    # ---- time

    def clock(self, now: datetime) -> None:
        """Move to `now`, and do all that is due by then, instant by instant."""
        assert now >= self.now
        while (instant := min(self.instants(), default=None)) is not None and instant <= now:
            self.now = instant
            self.do_what_is_due()
        self.now = now

    def instants(self) -> Iterable[datetime]:
        """When something is still to happen by itself."""
        yield from (hold.lapses_at for hold in self.open_holds())
        yield from (b.expires_at for b in self.buckets if b.expires_at and not b.ended)
        yield from (b.effective_at for b in self.buckets if b.effective_at > self.now)
        if self.debt_due is not None:
            yield self.debt_due

    def do_what_is_due(self) -> None:
        for hold in self.open_holds():
            if hold.lapses_at <= self.now:
                hold.status = "lapsed"
                self.give_back(hold.slices)
        for bucket in sorted(self.buckets, key=Bucket.burn_down_key):
            if bucket.expires_at and bucket.expires_at <= self.now and not bucket.ended:
                bucket.ended = True
                self.end(bucket)
        if self.debt_due is not None and self.debt_due <= self.now:
            if self.debt == "carry":
                self.repay()
            if self.debt == "forgive":
                self.forgiven.append(self.owed)
                self.owed = 0
            self.debt_due = None
        self.settle()

    # ---- the small moves

    def open_holds(self) -> list[Hold]:
        return [hold for hold in self.holds if hold.status == "open"]

    def payable(self, feature: str | None) -> list[Bucket]:
        """What may pay for `feature`, in burn-down order; a scoped bucket pays for its features only."""
        fits = [b for b in self.buckets if not b.features or feature in b.features]
        return sorted((b for b in fits if b.free and b.is_live(self.now)), key=Bucket.burn_down_key)

    def end(self, bucket: Bucket) -> None:
        """The end of a bucket, or what comes back after it: repay if it may, and expire."""
        if bucket.free and self.owed and self.debt in ("repay", "carry") and not bucket.features:
            self.repay_from(bucket)
        if bucket.free:
            bucket.expired += bucket.free
            self.broken += bucket.take(bucket.free)

    def repay_from(self, bucket: Bucket) -> None:
        credits = min(bucket.free, self.owed)
        cents = bucket.take(credits)
        self.owed -= credits
        self.earned += cents
        self.repayments.append(Part(bucket, credits, cents, credits, len(self.forgiven)))

    def repay(self) -> None:
        for bucket in self.payable(feature=None):
            if self.owed:
                self.repay_from(bucket)

    def settle(self) -> None:
        """The last thing after every movement: repay, and see when what is still owed is due."""
        if self.debt == "repay":
            self.repay()
        if not self.owed:
            self.debt_due = None
        elif self.debt_due is None:
            self.debt_due = next_month(self.now)

    def arrive(self, bucket: Bucket, credits: int, cents: int = 0) -> None:
        """Credits come (back) into a bucket, whatever became of it meanwhile."""
        bucket.free += credits
        bucket.cents += cents
        if bucket.voided:
            self.voided += bucket.take(bucket.free)
        elif bucket.ended:
            self.end(bucket)

    def give_back(self, slices: Slices) -> None:
        for bucket, credits in slices:
            bucket.held -= credits
            self.arrive(bucket, credits)

    def choose(self, credits: int, feature: str | None, set_aside: int = 0) -> tuple[Slices, int]:
        """Who would pay: buckets in burn-down order, then overdraft. Moves nothing.

        `set_aside` is held for the same request already: a refusal names its figures as a whole.
        """
        if self.frozen:
            raise Refused("wallet_frozen")
        slices, left = [], credits
        for bucket in self.payable(feature):
            if left:
                slices.append((bucket, min(left, bucket.free)))
                left -= min(left, bucket.free)
        if self.limit is not None:
            used = self.owed + sum(hold.overdraft for hold in self.open_holds())
            room = max(0, self.limit - used)
            if left > room:
                raise Refused("insufficient_credits", set_aside + credits, set_aside + credits - left + room)
        return slices, left

    def consume(self, slices: Slices, *, from_held: bool) -> list[Part]:
        parts = []
        for bucket, credits in slices:
            cents = bucket.take(credits, from_held=from_held)
            self.earned += cents
            parts.append(Part(bucket, credits, cents, credits))
        return parts

    def receipt(self, slices: Slices, overdraft: int, spend: Spend | None = None) -> Receipt:
        """What each bucket paid, in the order in which they first paid."""
        shown: dict[int, int] = {}
        for bucket, credits in slices:
            shown[bucket.number] = shown.get(bucket.number, 0) + credits
        return Receipt(tuple(shown.items()), overdraft, self.available, self.owed, spend)
