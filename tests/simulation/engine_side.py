"""The engine, asked through its public face and answering in the words of `outcomes`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from billing import Refusal
from tests.stories.books import all_entries, books, cents_left

from .outcomes import Cents, Done, Held, Lot, No, Outcome, Paid, Reversed, Shown

if TYPE_CHECKING:
    from billing import Billing, Bucket, Hold, Receipt


class SetClock:
    """A clock that tells what it was set to. Each customer lives a life of their own, so it may be set back."""

    checked = False

    def __init__(self, at: datetime) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at


class EngineSide:
    """One customer's wallet; `run_step` says whether the step runs whenever the clock moves."""

    def __init__(self, billing: Billing, clock: SetClock, customer: str, start: datetime) -> None:
        self.billing, self.time, self.customer = billing, clock, customer
        clock.at = start
        billing.customer(customer)
        self.buckets: list[str] = []
        self.spends: list[str] = []
        self.holds: list[str] = []
        self.verbs = 0
        self.last: tuple[str, dict[str, object], int, Outcome] | None = None

    def call(self, verb: str, arguments: dict[str, object]) -> Outcome:
        self.verbs += 1
        outcome = self.attempt(verb, arguments)
        if not isinstance(outcome, No | Done):
            self.last = (verb, arguments, self.verbs, outcome)
        return outcome

    def attempt(self, verb: str, arguments: dict[str, object]) -> Outcome:
        try:
            method: Callable[..., Outcome] = getattr(self, verb)
            return method(**arguments)
        except Refusal as refusal:
            figures = refusal.explain()
            required, available = figures.get("required"), figures.get("available")
            assert required is None or isinstance(required, int)
            assert available is None or isinstance(available, int)
            return No(refusal.code, required, available)

    def again(self) -> None:
        """The last verb that was accepted, once more with its key: the same answer."""
        if self.last is None:
            return
        verb, arguments, number, outcome = self.last
        now, self.verbs = self.verbs, number
        assert self.attempt(verb, arguments) == outcome
        self.verbs = now

    def clock(self, to: datetime) -> None:
        self.time.at = to

    def run_step(self) -> None:
        while self.billing.catch_up():
            pass

    @property
    def key(self) -> str:
        return f"k{self.verbs}"

    # ---- verbs

    def grant(
        self,
        credits: int,
        begins: datetime | None,
        ends: datetime | None,
        priority: int,
        features: tuple[str, ...],
        cents: int,
    ) -> Outcome:
        bucket = self.billing.grant(
            self.customer,
            credits,
            reason="a lot",
            key=self.key,
            effective_at=begins,
            expires_at=ends,
            priority=priority,
            features=features,
            paid_cents=cents,
            currency="usd" if cents else None,
        )
        if bucket.id not in self.buckets:
            self.buckets.append(bucket.id)
        return self.lot(bucket)

    def spend(self, credits: int, feature: str | None) -> Outcome:
        return self.paid(self.billing.spend(self.customer, credits, key=self.key, feature=feature))

    def paid(self, receipt: Receipt) -> Paid:
        if receipt.id not in self.spends:
            self.spends.append(receipt.id)
        slices = self.numbered(receipt.slices)
        return Paid(slices, receipt.overdraft_credits, receipt.available, receipt.owed)

    def numbered(self, slices: tuple[tuple[str, int], ...]) -> tuple[tuple[int, int], ...]:
        return tuple((self.buckets.index(bucket) + 1, credits) for bucket, credits in slices)

    def reverse(self, spend: int, credits: int | None) -> Outcome:
        receipt = self.billing.reverse(self.customer, self.spends[spend - 1], credits, key=self.key)
        return Reversed(receipt.credits, receipt.available, receipt.owed)

    def hold(self, credits: int, seconds: int, feature: str | None) -> Outcome:
        hold = self.billing.hold(self.customer, credits, key=self.key, feature=feature, expires_in=seconds)
        if hold.id not in self.holds:
            self.holds.append(hold.id)
        return self.held(hold)

    def held(self, hold: Hold) -> Held:
        slices = self.numbered(hold.slices)
        return Held(hold.credits, slices, hold.overdraft_credits, hold.status, hold.expires_at)

    def capture(self, hold: int, credits: int | None) -> Outcome:
        return self.paid(self.billing.capture(self.customer, self.holds[hold - 1], credits))

    def release(self, hold: int) -> Outcome:
        return self.held(self.billing.release(self.customer, self.holds[hold - 1]))

    def void(self, bucket: int) -> Outcome:
        return self.lot(self.billing.void(self.customer, self.buckets[bucket - 1], reason="-", key=self.key))

    def extend(self, bucket: int, ends: datetime) -> Outcome:
        return self.lot(self.billing.extend(self.customer, self.buckets[bucket - 1], ends, key=self.key))

    def overdraft(self, limit: int | None, debt: str) -> Outcome:
        form = {"limit": "unlimited" if limit is None else limit, "debt": debt}
        self.billing.set_wallet(self.customer, overdraft=form)
        return Done()

    def freeze(self, frozen: bool) -> Outcome:
        self.billing.set_wallet(self.customer, frozen=frozen)
        return Done()

    # ---- questions

    def lot(self, bucket: Bucket) -> Lot:
        return Lot(
            self.buckets.index(bucket.id) + 1,
            bucket.granted,
            bucket.remaining,
            bucket.held,
            bucket.status,
            bucket.effective_at,
            bucket.expires_at,
        )

    def shown(self) -> Shown:
        wallet = self.billing.wallet(self.customer)
        lots = {lot.number: lot for lot in map(self.lot, self.every_bucket())}
        return Shown(
            wallet.available,
            wallet.held,
            wallet.owed,
            wallet.frozen,
            wallet.spendable.get("image", wallet.available),
            tuple(lots[number] for number in sorted(lots)),
        )

    def every_bucket(self) -> list[Bucket]:
        found: list[Bucket] = []
        while page := self.billing.buckets(self.customer, after=found[-1].id if found else None):
            found += page
        return found

    def cents(self) -> Cents:
        """From the entries alone. What is due has to be written first: see `run_step`."""
        entries = all_entries(self.billing, self.customer)
        assert [entry.number for entry in entries] == list(range(1, len(entries) + 1))
        sums, left = books(entries), cents_left(entries)
        return Cents(tuple(left[bucket] for bucket in self.buckets), sums.earned, sums.broken, sums.voided)
