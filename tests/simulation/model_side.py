"""The model, asked and answering in the words of `outcomes`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from .model import Model
from .outcomes import Cents, Done, Held, Lot, No, Outcome, Paid, Reversed, Shown
from .pieces import Bucket, Hold, Receipt, Refused, Spend


def numbered(slices: Iterable[tuple[Bucket, int]]) -> tuple[tuple[int, int], ...]:
    return tuple((bucket.number, credits) for bucket, credits in slices)


class ModelSide:
    def __init__(self, start: datetime) -> None:
        self.model = Model(start)
        self.spends: list[Spend] = []

    def call(self, verb: str, arguments: dict[str, object]) -> Outcome:
        try:
            method: Callable[..., Outcome] = getattr(self, verb)
            return method(**arguments)
        except Refused as refused:
            return No(refused.code, refused.required, refused.available)

    def clock(self, to: datetime) -> None:
        self.model.clock(to)

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
        bucket = self.model.grant(
            credits,
            effective_at=begins,
            expires_at=ends,
            priority=priority,
            features=frozenset(features),
            paid_cents=cents,
        )
        return self.lot(bucket)

    def spend(self, credits: int, feature: str | None) -> Outcome:
        return self.paid(self.model.spend(credits, feature))

    def paid(self, receipt: Receipt) -> Paid:
        assert receipt.spend is not None
        if receipt.spend not in self.spends:
            self.spends.append(receipt.spend)
        return Paid(receipt.slices, receipt.overdraft, receipt.available, receipt.owed)

    def reverse(self, spend: int, credits: int | None) -> Outcome:
        undone = self.spends[spend - 1]
        before = undone.left
        receipt = self.model.reverse(undone, credits)
        return Reversed(before - undone.left, receipt.available, receipt.owed)

    def hold(self, credits: int, seconds: int, feature: str | None) -> Outcome:
        return self.held(self.model.hold(credits, timedelta(seconds=seconds), feature))

    def held(self, hold: Hold) -> Held:
        return Held(hold.credits, numbered(hold.slices), hold.overdraft, hold.status, hold.lapses_at)

    def capture(self, hold: int, credits: int | None) -> Outcome:
        return self.paid(self.model.capture(self.model.holds[hold - 1], credits))

    def release(self, hold: int) -> Outcome:
        return self.held(self.model.release(self.model.holds[hold - 1]))

    def void(self, bucket: int) -> Outcome:
        return self.lot(self.model.void(self.model.buckets[bucket - 1]))

    def extend(self, bucket: int, ends: datetime) -> Outcome:
        return self.lot(self.model.extend(self.model.buckets[bucket - 1], ends))

    def overdraft(self, limit: int | None, debt: str) -> Outcome:
        self.model.set_overdraft(limit, debt)
        return Done()

    def freeze(self, frozen: bool) -> Outcome:
        self.model.freeze(frozen)
        return Done()

    # ---- questions

    def lot(self, bucket: Bucket) -> Lot:
        return Lot(
            bucket.number,
            bucket.granted,
            bucket.free + bucket.held,
            bucket.held,
            bucket.status(self.model.now),
            bucket.effective_at,
            bucket.expires_at,
        )

    def shown(self) -> Shown:
        m = self.model
        lots = tuple(self.lot(bucket) for bucket in m.buckets)
        return Shown(m.available, m.held, m.owed, m.frozen, m.spendable("image"), lots)

    def cents(self) -> Cents:
        m = self.model
        return Cents(tuple(bucket.cents for bucket in m.buckets), m.earned, m.broken, m.voided)
