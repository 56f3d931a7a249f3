"""Plays a story on the model."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from tests.stories.story import Figures, Lot, Refusal

from .model import Model
from .pieces import Bucket, Hold, Receipt, Refused, Spend


class ModelPlayer:
    def __init__(self) -> None:
        self.model = Model(datetime(2025, 1, 1, tzinfo=UTC))
        self.buckets: dict[str, Bucket] = {}
        self.spends: dict[str, Spend] = {}
        self.holds: dict[str, Hold] = {}

    def advance(self, to: datetime) -> None:
        self.model.clock(to)

    def named(self, slices: Iterable[tuple[int, int]], overdraft: int) -> dict[str, int]:
        names = {bucket.number: name for name, bucket in self.buckets.items()}
        paid = {names[number]: credits for number, credits in slices}
        return {**paid, "overdraft": overdraft} if overdraft else paid

    def grant(
        self,
        name: str,
        credits: int,
        cents: int,
        begins: datetime | None,
        ends: datetime | None,
        priority: int,
        features: tuple[str, ...],
    ) -> None:
        self.buckets[name] = self.model.grant(
            credits,
            effective_at=begins,
            expires_at=ends,
            priority=priority,
            features=frozenset(features),
            paid_cents=cents,
        )

    def overdraft(self, limit: int, debt: str) -> None:
        self.model.set_overdraft(limit, debt)

    def paid(self, name: str, receipt: Receipt) -> dict[str, int]:
        if receipt.spend is not None:
            self.spends[name] = receipt.spend
        return self.named(receipt.slices, receipt.overdraft)

    def spend(self, name: str, credits: int, feature: str | None) -> dict[str, int]:
        try:
            return self.paid(name, self.model.spend(credits, feature))
        except Refused as refused:
            raise Refusal(refused.code) from refused

    def reverse(self, name: str, credits: int | None) -> None:
        try:
            self.model.reverse(self.spends[name], credits)
        except Refused as refused:
            raise Refusal(refused.code) from refused

    def hold(self, name: str, credits: int, minutes: int) -> dict[str, int]:
        try:
            hold = self.holds[name] = self.model.hold(credits, timedelta(minutes=minutes))
        except Refused as refused:
            raise Refusal(refused.code) from refused
        return self.named(((bucket.number, part) for bucket, part in hold.slices), hold.overdraft)

    def capture(self, name: str, credits: int) -> dict[str, int]:
        try:
            return self.paid(name, self.model.capture(self.holds[name], credits))
        except Refused as refused:
            raise Refusal(refused.code) from refused

    def release(self, name: str) -> None:
        try:
            self.model.release(self.holds[name])
        except Refused as refused:
            raise Refusal(refused.code) from refused

    def figures(self) -> Figures:
        m = self.model
        return Figures(m.available, m.held, m.owed, m.deferred, m.earned, m.broken)

    def lot(self, name: str) -> Lot:
        bucket = self.buckets[name]
        return Lot(bucket.free + bucket.held, bucket.cents, bucket.expires_at)
