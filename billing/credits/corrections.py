"""Corrections: what can be done to a bucket afterwards. Void it, or extend it."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import func, select

from billing.base import ids, sets
from billing.base.clock import aware
from billing.base.db import Tx
from billing.catalog.terms import Catalog
from billing.credits import grants, recall
from billing.credits.opening import OpenWallet, open_wallet, recollect
from billing.credits.tables import bucket_ends, entries, wallets
from billing.credits.values import Bucket
from billing.credits.writing import write
from billing.rules import asking
from billing.rules.refusals import Refusal, UnknownBucket
from billing.rules.wallet import granting, takingback
from billing.rules.wallet.values import BucketState, Cause


def void(tx: Tx, catalog: Catalog, customer: str, bucket: str, reason: str, key: str) -> Bucket | Refusal:
    """Ends a bucket now and takes what is free in it. What holds set aside stays honoured until they end."""
    wrong = asking.refuse(
        customer=asking.name(customer),
        reason=asking.description(reason) or asking.text(reason),
        key=asking.key(key),
    )
    wallet = wrong or _wallet_of(tx, catalog, customer, bucket)
    if isinstance(wallet, Refusal):
        return wallet
    number = _number(bucket)
    asked = recall.fingerprint("void", number, reason)
    known = recall.known(tx, [(wallet.id, key)]).get((wallet.id, key))
    state = wallet.position.buckets[number]
    if known is not None:
        return recall.same(known, key, asked) or _as_voided(tx, wallet, state, known)
    cause = Cause(f"void:{wallet.position.next_number}", key=key, request=asked, description=reason)
    refused = takingback.void(wallet.position, state, bucket, cause)
    write(tx, [wallet])
    return refused or grants.value(wallet, state)


def extend(tx: Tx, catalog: Catalog, customer: str, bucket: str, expires_at: datetime, key: str) -> Bucket | Refusal:
    """Moves a bucket's end to a later instant: a row of its own, nothing is overwritten in history."""
    wrong = asking.refuse(customer=asking.name(customer), expires_at=asking.instant(expires_at), key=asking.key(key))
    wallet = wrong or _wallet_of(tx, catalog, customer, bucket)
    if isinstance(wallet, Refusal):
        return wallet
    number = _number(bucket)
    expires_at = aware(expires_at)
    asked = recall.fingerprint("extend", number, expires_at.isoformat())
    state = wallet.position.buckets[number]
    ends = select(bucket_ends).where(bucket_ends.c.wallet_id == wallet.id)
    before = tx.connection.execute(ends.where(bucket_ends.c.key == key)).one_or_none()
    if before is not None:
        state.free, state.held, state.expires_at, state.expired = before.free, before.held, before.becomes, 0
        state.voided_at = None
        return recall.same(before, key, asked) or grants.shown(wallet, state, before.recorded_at)
    was = state.expires_at
    refused = granting.extend(wallet.position, state, bucket, expires_at)
    write(tx, [wallet])
    if refused is not None:
        return refused
    last = select(func.coalesce(func.max(bucket_ends.c.number), 0)).where(bucket_ends.c.wallet_id == wallet.id)
    row = {
        "wallet_id": wallet.id,
        "number": tx.connection.execute(last).scalar_one() + 1,
        "bucket": number,
        "was": was,
        "becomes": expires_at,
        "free": state.free,
        "held": state.held,
        "key": key,
        "request": asked,
        "effective_at": wallet.at,
        "recorded_at": wallet.at,
    }
    sets.insert(tx, bucket_ends, [row])
    return grants.value(wallet, state)


def _number(bucket: str) -> int:
    place = ids.read("bkt", bucket)
    assert place is not None
    return place[1]


def _wallet_of(tx: Tx, catalog: Catalog, customer: str, bucket: str) -> OpenWallet | Refusal:
    """Opens the wallet a bucket of this customer lies in, with the bucket read."""
    place = ids.read("bkt", bucket)
    if place is None:
        return UnknownBucket(bucket)
    its = select(wallets.c.customer_id, wallets.c.unit).where(wallets.c.id == place[0])
    row = tx.connection.execute(its).one_or_none()
    if row is None or row.customer_id != customer:
        return UnknownBucket(bucket)
    wallet = open_wallet(tx, catalog, row.customer_id, row.unit)
    if isinstance(wallet, OpenWallet):
        recollect(tx, wallet, [place[1]])
        if place[1] not in wallet.position.buckets:
            return UnknownBucket(bucket)
    return wallet


def _as_voided(tx: Tx, wallet: OpenWallet, state: BucketState, first: recall.First) -> Bucket:
    """The bucket as the void's first answer showed it: what holds had set aside then was still there."""
    pocket = f"held:{state.number}"
    until = (entries.c.wallet_id == wallet.id) & (entries.c.number < first.number)
    sums = [
        tx.connection.execute(select(func.coalesce(func.sum(entries.c.credits), 0)).where(until, end == pocket))
        for end in (entries.c.destination, entries.c.source)
    ]
    came, went = (int(found.scalar_one()) for found in sums)
    state.free, state.held = 0, came - went
    return grants.shown(wallet, state, first.recorded_at)
