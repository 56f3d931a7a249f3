"""Grants, and what can be done to a bucket afterwards: void it, or extend it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import select

from billing.base.clock import aware
from billing.base.db import Tx
from billing.catalog.terms import Catalog
from billing.credits import recall
from billing.credits.opening import OpenWallet, open_wallet
from billing.credits.rows import BUCKET_COLUMNS, bucket_state
from billing.credits.tables import bucket_ends, buckets
from billing.credits.values import Bucket, bucket_value
from billing.credits.writing import write
from billing.rules import asking
from billing.rules.refusals import Invalid, Refusal
from billing.rules.wallet import granting, months
from billing.rules.wallet.values import BucketState, Cause, GrantTerms, MonthState


@dataclass(frozen=True, slots=True)
class Lot:
    """The credits of one grant and their terms. `origin` None: the grant itself is the origin."""

    credits: int
    description: str
    origin: str | None = None
    effective_at: datetime | None = None
    expires_at: datetime | None = None
    priority: int = 50
    features: tuple[str, ...] = ()
    paid_cents: int = 0
    currency: str | None = None
    metadata: Mapping[str, Any] | None = None
    series: str | None = None
    period_end: datetime | None = None
    at_end: Mapping[str, Any] | None = None
    """What becomes of it at its end; None: it expires."""
    paid_at: datetime | None = None
    """When the period that it belongs to was paid for."""


def grant(tx: Tx, catalog: Catalog, customer: str, unit: str, lot: Lot, key: str) -> Bucket | Refusal:
    """Makes a bucket. `paid_cents` is what was paid for it outside Stripe; `effective_at` None means now."""
    wrong = _malformed(customer, unit, lot, key)
    if wrong is not None:
        return wrong
    wallet = open_wallet(tx, catalog, customer, unit)
    if isinstance(wallet, Refusal):
        return wallet
    lot = replace(lot, effective_at=_utc(lot.effective_at), expires_at=_utc(lot.expires_at))
    asked = recall.fingerprint("grant", _plain(lot))
    known = recall.known(tx, [(wallet.id, key)]).get((wallet.id, key))
    if known is not None:
        return recall.same(known, key, asked) or _as_granted(tx, wallet, known)
    effective_at = lot.effective_at or wallet.at
    if lot.expires_at is not None and lot.expires_at <= effective_at:
        return Invalid.field("expires_at", "Must be later than effective_at: the bucket would never be valid.")
    refused = granting.too_much(wallet.position, lot.credits)
    if refused is not None:
        write(tx, [wallet])
        return refused
    bucket = add(wallet, lot, key, asked)
    write(tx, [wallet])
    return value(wallet, bucket)


def add(wallet: OpenWallet, lot: Lot, key: str | None = None, request: str | None = None) -> BucketState:
    """Decides a grant in an open wallet; the caller writes."""
    position = wallet.position
    bucket = _bucket(wallet, lot)
    cause = Cause(bucket.origin, key=key, request=request, description=lot.description, details=bucket.metadata)
    granting.grant(position, bucket, cause)
    return bucket


def sell(wallet: OpenWallet, sale: str, lots: Sequence[Lot], *, until: datetime | None = None) -> list[MonthState]:
    """Decides a sale in an open wallet, a lot for each of its months in order of time; the caller writes.

    A sale of one month is granted at once. Of several, what was paid goes to prepaid, and each is allotted at its
    `effective_at`, those whose time has come at once; `cents` in all are what the lots say. What would begin
    at or after `until` does not come.
    """
    position = wallet.position
    if len(lots) == 1:
        bucket = _bucket(wallet, lots[0])
        month = _month(wallet, sale, 1, lots[0])
        month.bucket, month.allotted = bucket.number, bucket.granted
        bucket.sale, bucket.month = sale, month.number
        position.months[month.number], position.next_month = month, month.number + 1
        position.touch(month)
        cause = Cause(bucket.origin, description=lots[0].description, details=bucket.metadata)
        granting.grant(position, bucket, cause)
        return [month]
    sold = [_month(wallet, sale, place, lot) for place, lot in enumerate(lots, 1)]
    months.sell(position, sold, Cause(sale, description=lots[0].description), until)
    return sold


def _month(wallet: OpenWallet, sale: str, place: int, lot: Lot) -> MonthState:
    terms = GrantTerms(
        description=lot.description,
        series=lot.series,
        priority=lot.priority,
        features=tuple(sorted(lot.features)),
        expires_at=lot.expires_at,
        period_end=lot.period_end,
        at_end=dict(lot.at_end) if lot.at_end else None,
        metadata=dict(lot.metadata) if lot.metadata else None,
        paid_at=lot.paid_at,
    )
    return MonthState(
        number=wallet.position.next_month + place - 1,
        sale=sale,
        place=place,
        starts_at=lot.effective_at or wallet.at,
        ends_at=lot.period_end,
        credits=lot.credits,
        cents=lot.paid_cents,
        currency=lot.currency if lot.paid_cents else None,
        terms=terms,
        made_at=wallet.at,
    )


def _bucket(wallet: OpenWallet, lot: Lot) -> BucketState:
    number = wallet.position.next_number
    return BucketState(
        number=number,
        origin=lot.origin or f"grant:{number}",
        granted=lot.credits,
        paid_cents=lot.paid_cents,
        currency=lot.currency if lot.paid_cents else None,
        priority=lot.priority,
        features=tuple(sorted(lot.features)),
        effective_at=lot.effective_at or wallet.at,
        granted_at=wallet.position.at,
        expires_at=lot.expires_at,
        series=lot.series,
        period_end=lot.period_end,
        description=lot.description,
        metadata=dict(lot.metadata) if lot.metadata else None,
        at_end=dict(lot.at_end) if lot.at_end else None,
        paid_at=lot.paid_at,
        free=lot.credits,
        cents=lot.paid_cents,
        basis_cents=lot.paid_cents,
        basis_credits=lot.credits,
    )


def _malformed(customer: str, unit: str, lot: Lot, key: str) -> Refusal | None:
    currency = asking.maybe(asking.currency, lot.currency)
    if currency is None and (asking.cents(lot.paid_cents) is None) and lot.paid_cents and lot.currency is None:
        currency = "Say in which currency paid_cents are."
    return asking.refuse(
        customer=asking.name(customer),
        credits=asking.credits(lot.credits),
        reason=asking.description(lot.description) or asking.text(lot.description),
        key=asking.key(key),
        unit=asking.text(unit),
        effective_at=asking.maybe(asking.instant, lot.effective_at),
        expires_at=asking.maybe(asking.instant, lot.expires_at),
        priority=asking.priority(lot.priority),
        features=asking.features(lot.features),
        paid_cents=asking.cents(lot.paid_cents),
        currency=currency,
        metadata=asking.maybe(asking.metadata, lot.metadata),
    )


def _utc(value: datetime | None) -> datetime | None:
    """Instants are compared in UTC: two of a zone with summer time would be compared by its clocks on the wall."""
    return None if value is None else aware(value)


def _plain(lot: Lot) -> dict[str, Any]:
    values = {name: getattr(lot, name) for name in Lot.__slots__ if name not in ("at_end", "paid_at")}
    return {
        **values,
        "features": sorted(lot.features),
        "metadata": dict(lot.metadata) if lot.metadata else None,
    }


def _as_granted(tx: Tx, wallet: OpenWallet, first: recall.First) -> Bucket:
    """The bucket as the grant's first answer showed it."""
    row = tx.connection.execute(
        select(*BUCKET_COLUMNS).where(buckets.c.wallet_id == wallet.id, buckets.c.number == first.number)
    ).one()
    state = bucket_state(row)
    parts = recall.of_cause(tx, wallet.id, first.cause, first.number)
    state.expired = sum(part.credits for part in parts if part.kind == "expire")
    repaid = sum(part.credits for part in parts if part.kind == "repay" and part.source == f"bucket:{state.number}")
    state.free, state.held, state.voided_at = state.granted - repaid - state.expired, 0, None
    first_end = (
        select(bucket_ends.c.was)
        .where(bucket_ends.c.wallet_id == wallet.id, bucket_ends.c.bucket == state.number)
        .order_by(bucket_ends.c.number)
    )
    changed = tx.connection.execute(first_end).first()
    if changed is not None:
        state.expires_at = changed.was
    return shown(wallet, state, first.recorded_at)


def shown(wallet: OpenWallet, state: BucketState, at: datetime) -> Bucket:
    """A bucket as it was shown at a past instant. `state` is changed for showing: it must not be written."""
    value = bucket_value(wallet.id, wallet.customer, wallet.unit, state, at)
    return replace(value, replayed=True)


def value(wallet: OpenWallet, state: BucketState) -> Bucket:
    return bucket_value(wallet.id, wallet.customer, wallet.unit, state, wallet.at)
