"""Plays a story on the engine, through its public face alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import TYPE_CHECKING, TypeVar

import billing

from .books import all_entries, books, cents_left
from .story import Figures, Lot, Refusal

if TYPE_CHECKING:
    from billing.testing import TestBilling

T = TypeVar("T")


def asked(verb: Callable[[], T]) -> T:
    try:
        return verb()
    except billing.Refusal as refusal:
        raise Refusal(refusal.code) from refusal


class EnginePlayer:
    def __init__(self, engine: TestBilling, customer: str = "team_42") -> None:
        self.engine, self.customer = engine, customer
        engine.customer(customer)
        self.buckets: dict[str, str] = {}
        self.spends: dict[str, str] = {}
        self.holds: dict[str, str] = {}
        self.verbs = 0

    @property
    def key(self) -> str:
        self.verbs += 1
        return f"verb-{self.verbs}"

    def advance(self, to: datetime) -> None:
        self.engine.advance(to=to)

    def named(self, slices: Iterable[tuple[str, int]], overdraft: int) -> dict[str, int]:
        names = {bucket: name for name, bucket in self.buckets.items()}
        paid = {names[bucket]: credits for bucket, credits in slices}
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
        bucket = self.engine.grant(
            self.customer,
            credits,
            reason=name,
            key=self.key,
            effective_at=begins,
            expires_at=ends,
            priority=priority,
            features=features,
            paid_cents=cents,
            currency="usd" if cents else None,
        )
        self.buckets[name] = bucket.id

    def overdraft(self, limit: int, debt: str) -> None:
        self.engine.set_wallet(self.customer, overdraft={"limit": limit, "debt": debt})

    def paid(self, name: str, receipt: billing.Receipt) -> dict[str, int]:
        self.spends[name] = receipt.id
        return self.named(receipt.slices, receipt.overdraft_credits)

    def spend(self, name: str, credits: int, feature: str | None) -> dict[str, int]:
        receipt = asked(lambda: self.engine.spend(self.customer, credits, key=self.key, feature=feature))
        return self.paid(name, receipt)

    def reverse(self, name: str, credits: int | None) -> None:
        asked(lambda: self.engine.reverse(self.customer, self.spends[name], credits, key=self.key))

    def hold(self, name: str, credits: int, minutes: int) -> dict[str, int]:
        seconds = minutes * 60
        hold = asked(lambda: self.engine.hold(self.customer, credits, key=self.key, expires_in=seconds))
        self.holds[name] = hold.id
        return self.named(hold.slices, hold.overdraft_credits)

    def capture(self, name: str, credits: int) -> dict[str, int]:
        return self.paid(name, asked(lambda: self.engine.capture(self.customer, self.holds[name], credits)))

    def release(self, name: str) -> None:
        asked(lambda: self.engine.release(self.customer, self.holds[name]))

    def figures(self) -> Figures:
        wallet = self.engine.wallet(self.customer)
        entries = all_entries(self.engine, self.customer)
        if entries:
            newest = entries[-1]
            assert (newest.available_after, newest.owed_after) == (wallet.available, wallet.owed)
        sums = books(entries)
        assert sums.refunded == sums.credited == sums.voided == 0
        return Figures(wallet.available, wallet.held, wallet.owed, sums.deferred, sums.earned, sums.broken)

    def lot(self, name: str) -> Lot:
        bucket = self.engine.bucket(self.customer, self.buckets[name])
        left = cents_left(all_entries(self.engine, self.customer))
        return Lot(bucket.remaining, left[bucket.id], bucket.expires_at)
