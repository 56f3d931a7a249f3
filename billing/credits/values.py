"""What callers are given: frozen values. Credits count the unit's smallest part, cents the currency's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from billing.base import ids
from billing.rules.wallet.overdraft import Overdraft
from billing.rules.wallet.values import BucketState


@dataclass(frozen=True, slots=True)
class Spend:
    """One request of `spend_many`. `feature` also opens the buckets that are for this feature only."""

    customer: str
    credits: int
    key: str
    unit: str = "credits"
    feature: str | None = None
    member: str | None = None
    description: str | None = None
    metadata: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a spend, a capture or a reversal did: which bucket paid (or got back) how much, in order.

    `available` and `owed` are the wallet's right after it. `replayed`: the key had been used before for the same
    request, this is the first answer again and nothing moved now.
    """

    id: str
    customer: str
    unit: str
    credits: int
    slices: tuple[tuple[str, int], ...]
    overdraft_credits: int
    available: int
    owed: int
    recorded_at: datetime
    replayed: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True)
class Bucket:
    """One lot of credits. `remaining` is what has not left it, of which `held` is set aside by holds.

    `status`: upcoming, live, used, expired or voided. Valid in `[effective_at, expires_at)`.
    """

    id: str
    customer: str
    origin: str
    description: str | None
    unit: str
    granted: int
    remaining: int
    held: int
    priority: int
    features: tuple[str, ...]
    effective_at: datetime
    expires_at: datetime | None
    paid_cents: int
    currency: str | None
    metadata: Mapping[str, Any] | None
    status: str
    replayed: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True)
class Wallet:
    """A customer's credits in one unit. `buckets`: live ones in burn-down order, then upcoming ones.

    `available`: live general credits. `spendable`: by feature, what a spend for it could take from buckets.
    `next_expiry`: when the next live credits end. `low_balance`: at which balances people are told, as it is set.
    """

    customer: str
    unit: str
    scale: int
    available: int
    held: int
    owed: int
    overdraft: Overdraft
    frozen: bool
    spendable: Mapping[str, int]
    buckets: tuple[Bucket, ...]
    next_expiry: datetime | None
    low_balance: tuple[int | str, ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """One movement in the books, never changed. `number` counts 1, 2, 3 … in its wallet, without a gap."""

    number: int
    kind: str
    source: str
    destination: str
    credits: int
    cents: int
    currency: str | None
    cause: str
    key: str | None
    member: str | None
    feature: str | None
    description: str | None
    details: Mapping[str, Any] | None
    available_after: int
    owed_after: int
    effective_at: datetime
    recorded_at: datetime
    posted_at: datetime


@dataclass(frozen=True, slots=True)
class HoldReceipt:
    """Credits set aside until `expires_at` (exclusive). `status`: open, captured, released or lapsed."""

    id: str
    customer: str
    unit: str
    credits: int
    expires_at: datetime
    slices: tuple[tuple[str, int], ...]
    overdraft_credits: int
    available: int
    status: str
    replayed: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True)
class Customer:
    """Who is billed. `id` is your own, never one of ours."""

    id: str
    name: str | None
    email: str | None
    locale: str | None
    timezone: str | None
    metadata: Mapping[str, Any]
    created_at: datetime
    stripe_customer_id: str | None = None
    plan: str | None = None
    """The free plan that was set, if any."""


def bucket_value(wallet: int, customer: str, unit: str, state: BucketState, at: datetime) -> Bucket:
    """A bucket as callers see it at that instant."""
    return Bucket(
        id=ids.of("bkt", wallet, state.number),
        customer=customer,
        origin=state.origin,
        description=state.description,
        unit=unit,
        granted=state.granted,
        remaining=state.left,
        held=state.held,
        priority=state.priority,
        features=state.features,
        effective_at=state.effective_at,
        expires_at=state.expires_at,
        paid_cents=state.paid_cents,
        currency=state.currency,
        metadata=state.metadata,
        status=state.status(at),
    )
