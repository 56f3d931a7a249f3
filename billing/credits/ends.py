"""Ends: a sale's months end before their time, because another period began in the middle of theirs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select

from billing.base import sets
from billing.base.db import Tx
from billing.credits import lineage, recall
from billing.credits.opening import OpenWallet
from billing.credits.tables import bucket_ends
from billing.rules.wallet import months
from billing.rules.wallet.values import BucketState, Cause

_LEAST = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Cut:
    """A bucket whose end was moved to an earlier instant, and what lay in it then."""

    bucket: int
    was: datetime
    becomes: datetime
    free: int
    held: int
    key: str


def cut(tx: Tx, wallet: OpenWallet, sale: str, at: datetime, name: str, *, running: bool = True) -> list[Cut]:
    """What of the sale still runs at that instant ends now: its months to come don't come, its buckets end without
    grace. Those of months that were over by then live until their own ends, and what never ends is kept. Not `running`:
    only what had not begun by then; a sale's only month is what was bought, and comes whenever it begins.

    The caller writes, and then records what was cut, under the `name` of what did it.
    """
    lineage.read(tx, wallet, sale)
    position = wallet.position
    its = sorted((month for month in position.months.values() if month.sale == sale), key=lambda month: month.number)
    found = []
    for month in its:
        over = month.ends_at is not None and month.ends_at <= at
        if over or (not running and (month.starts_at < at or len(its) == 1)):
            continue
        if month.to_come:
            months.give_up(position, month, Cause(f"month:{month.number}"))
        bucket = position.buckets.get(month.bucket or 0)
        if bucket is not None and not bucket.ended(position.at) and _goes_on(wallet, bucket):
            found.append(_cut(wallet, bucket, f"cut:{bucket.number}:{name}"))
    return found


def _earliest(wallet: OpenWallet, bucket: BucketState) -> datetime:
    return max(wallet.position.at, bucket.effective_at + _LEAST)


def _goes_on(wallet: OpenWallet, bucket: BucketState) -> bool:
    """Does it end later than it could? One that was cut at the very instant of its grant does not, and still lives."""
    return bucket.expires_at is not None and bucket.expires_at > _earliest(wallet, bucket)


def _cut(wallet: OpenWallet, bucket: BucketState, key: str) -> Cut:
    position, was = wallet.position, bucket.expires_at
    assert was is not None
    becomes = _earliest(wallet, bucket)
    found = Cut(bucket.number, was, becomes, bucket.free, bucket.held, key)
    position.extend(bucket, becomes)
    if bucket.ended(position.at):
        position.end(bucket, Cause(f"end:{bucket.number}"))
    return found


def record(tx: Tx, wallet: OpenWallet, cuts: list[Cut]) -> None:
    """Rows of their own, so that nothing is overwritten in history."""
    if not cuts:
        return
    last = select(func.coalesce(func.max(bucket_ends.c.number), 0)).where(bucket_ends.c.wallet_id == wallet.id)
    begins = tx.connection.execute(last).scalar_one() + 1
    rows = [
        {
            "wallet_id": wallet.id,
            "number": number,
            "bucket": one.bucket,
            "was": one.was,
            "becomes": one.becomes,
            "free": one.free,
            "held": one.held,
            "key": one.key,
            "request": recall.fingerprint("cut", one.bucket, one.becomes.isoformat()),
            "effective_at": wallet.at,
            "recorded_at": wallet.at,
        }
        for number, one in enumerate(cuts, begins)
    ]
    sets.insert(tx, bucket_ends, rows)
