"""Writing: the one place that writes entries, buckets and holds. It takes open wallets and asks nothing.
One statement on PostgreSQL, one a table on SQLite, whatever the number of movements or wallets.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from billing import signals
from billing.base import outbox, sets
from billing.base.db import Tx
from billing.credits import lows, purse, telling, terms_text
from billing.credits.opening import OpenWallet
from billing.credits.rows import BUCKET_NAMES
from billing.credits.tables import bucket_ends, buckets, entries, holds, months, wallet_terms, wallets
from billing.rules.wallet.purse import Purse
from billing.rules.wallet.values import BucketState, HoldState, MonthState, Movement

_Rows = list[dict[str, Any]]

_PAYING = frozenset({"spend", "capture", "overdraw", "hold"})
"""Kinds that carry who used the credits and what for; what such a request causes beside it carries neither."""


def write(tx: Tx, opened: Iterable[OpenWallet]) -> bool:
    """Writes down what the verbs decided on these wallets and tells of it once it is committed.

    One that is not locked comes alone; False where it has changed meanwhile: then nothing is written.
    """
    rows, terms, its_rows = _Rows(), _Rows(), dict[tuple[str, ...], _Rows]()
    new_buckets, old_buckets, reshaped, new_holds, old_holds = _Rows(), _Rows(), _Rows(), _Rows(), _Rows()
    new_months, old_months, ends = _Rows(), _Rows(), _Rows()
    facts, lasting = list[outbox.Fact](), list[outbox.Fact]()
    looked_at = dict[str, Any]()
    for wallet in opened:
        position = wallet.position
        _follow_free_plan(wallet)
        low = lows.of(wallet)
        next_due_at = position.next_due()
        moves = bool(position.movements or position.changed_buckets or position.changed_months or wallet.changed)
        if moves or low.columns or next_due_at != wallet.row["next_due_at"]:
            filled = purse.fill(position, wallet.catalog, low.next_low, low.until)
            new, old, more = _buckets(wallet, filled)
            new_buckets += new
            old_buckets += old
            reshaped += more
            row = {**_wallet(wallet, next_due_at), **purse.columns(filled), **low.columns, **wallet.changed}
            terms += _new_terms(wallet, row)
            if wallet.version is None:
                its_rows.setdefault(tuple(row), []).append(row)
            else:
                looked_at = {**row, sets.VERSION: wallet.version}
        else:
            assert wallet.version is None or not low.facts, "nothing would guard what is to be told"
        for number, month in position.changed_months.items():
            (new_months if number > wallet.row["last_month"] else old_months).append(_month(wallet, month))
        for number, hold in position.changed_holds.items():
            (new_holds if number > wallet.row["last_number"] else old_holds).append(_hold(wallet, hold))
        rows.extend(_entry(wallet, movement) for movement in position.movements)
        ends += wallet.moved_ends
        its = telling.facts(wallet) + low.facts
        facts += its
        lasting += telling.lasting(its, spends=wallet.catalog.policy.spent_events)
    writes = sets.Writes(tx)
    if looked_at:
        writes.update_if_there(wallets, ("id", sets.VERSION), looked_at)
    writes.insert(entries, _lean(rows))
    writes.insert(buckets, new_buckets)
    writes.update(buckets, ("wallet_id", "number"), old_buckets)
    writes.update(buckets, ("wallet_id", "number"), reshaped)
    writes.insert(bucket_ends, ends)
    writes.insert(months, new_months)
    writes.update(months, ("wallet_id", "number"), [{name: row[name] for name in _MONTHS} for row in old_months])
    writes.insert(holds, new_holds)
    writes.update(holds, ("wallet_id", "number"), old_holds)
    writes.insert(wallet_terms, terms)
    for each in its_rows.values():
        writes.update(wallets, ("id",), each)
    writes.insert(outbox.outbox, outbox.rows(tx, lasting))
    written = writes.run()
    if written and signals.heard():
        tx.told.extend((name, dict(fact)) for name, fact in facts)
    return written


def _follow_free_plan(wallet: OpenWallet) -> None:
    free = wallet.position.free
    if free is not None and (now := free.document()) != wallet.row["free"]:
        wallet.changed["free"] = now


def _new_terms(wallet: OpenWallet, row: dict[str, Any]) -> _Rows:
    """The settings as they are from here on, if one was changed whose history is kept; `row` counts them."""
    if not any(name in wallet.changed for name in _SETTINGS):
        return []
    number = row["terms_number"] = wallet.row["terms_number"] + 1
    now = {name: wallet.changed.get(name, wallet.row[name]) for name in _SETTINGS}
    row.update(now)
    return [{"wallet_id": wallet.id, "number": number, **now, "recorded_at": wallet.at}]


_SETTINGS = ("overdraft", "frozen_at", "plan", "plan_from", "plan_until", "period_end", "free")
_CHANGEABLE = ("wallet_id", "number", "expires_at", "voided_at", "free", "held", "cents", "expired", "is_open")
_ALL_CHANGEABLE = (
    *_CHANGEABLE, "granted", "paid_cents", "currency", "basis_cents", "basis_credits", "disputed", "voided", "counted",
    "expired_cents", "voided_cents", "rolled_back",
)  # fmt: skip
_MONTHS = (
    "wallet_id", "number", "bucket", "cancelled_at", "allotted", "taken", "left_cents", "broken_cents", "to_hold",
    "owed", "unearned_cents", "is_open",
)  # fmt: skip


_OPTIONAL = ("currency", "key", "request", "member", "feature", "description", "details", "undoes", "via")


def _lean(rows: _Rows) -> _Rows:
    """The rows without the columns that none of them fills: most of a batch's."""
    empty = [name for name in _OPTIONAL if all(row[name] is None for row in rows)]
    return [{name: value for name, value in row.items() if name not in empty} for row in rows]


def _wallet(wallet: OpenWallet, next_due_at: datetime | None) -> dict[str, Any]:
    position = wallet.position
    return {
        "id": wallet.id,
        "available": position.available,
        "held": position.held,
        "owed": position.owed,
        "last_number": position.next_number - 1,
        "last_at": wallet.at,
        "next_due_at": next_due_at,
        "debt_due_at": position.debt_due_at,
        "last_month": position.next_month - 1,
        "open_months": sum(month.is_open for month in position.months.values()),
    }


def _buckets(wallet: OpenWallet, filled: Purse | None) -> tuple[_Rows, _Rows, _Rows]:
    """The rows of new, of changed and of reshaped buckets, without what lies in the purse that is filled now.

    The bucket whose purse was poured back, and the one it was filled from, are looked at, too.
    """
    position, poured = wallet.position, wallet.row["purse_bucket"]
    states = dict(position.changed_buckets)
    for number in (poured, filled.bucket if filled is not None else None):
        if number is not None:
            states.setdefault(number, position.buckets[number])
    new, old, reshaped = _Rows(), _Rows(), _Rows()
    for number, state in states.items():
        row = purse.beside(filled, _bucket(wallet, state))
        if number > wallet.row["last_number"]:
            new.append(row)
            continue
        if number in position.reshaped:
            reshaped.append({name: row[name] for name in _ALL_CHANGEABLE})
            continue
        row = {name: row[name] for name in _CHANGEABLE}
        if number != poured or not _as_stored(wallet, row):
            old.append(row)
    return new, old, reshaped


def _as_stored(wallet: OpenWallet, row: dict[str, Any]) -> bool:
    """Does the bucket's row say so already? It does as long as all that is spent of it comes from the purse."""
    number = row["number"]
    stored = next(dict(zip(BUCKET_NAMES, one, strict=False)) for one in wallet.stored if one[0] == number)
    return all(stored[name] == row[name] for name in _CHANGEABLE if name in stored)


def _entry(wallet: OpenWallet, movement: Movement) -> dict[str, Any]:
    cause = movement.cause
    paying = movement.kind in _PAYING
    return {
        "wallet_id": wallet.id,
        "number": movement.number,
        "kind": movement.kind,
        "source": movement.source,
        "destination": movement.destination,
        "credits": movement.credits,
        "cents": movement.cents,
        "currency": movement.currency,
        "cause": cause.name,
        "key": cause.key if movement.first else None,
        "request": cause.request if movement.first else None,
        "member": cause.member if paying else None,
        "feature": cause.feature if paying else None,
        "description": cause.description if movement.first else None,
        "details": cause.details if movement.first else None,
        "undoes": movement.undoes,
        "via": movement.via,
        "available_after": movement.available_after,
        "owed_after": movement.owed_after,
        "effective_at": movement.effective_at,
        "recorded_at": wallet.at,
        "posted_at": movement.effective_at,  # every month is open as long as none can be closed
    }


def _bucket(wallet: OpenWallet, bucket: BucketState) -> dict[str, Any]:
    return {
        "wallet_id": wallet.id,
        "number": bucket.number,
        "origin": bucket.origin,
        "description": bucket.description,
        "granted": bucket.granted,
        "paid_cents": bucket.paid_cents,
        "currency": bucket.currency,
        "priority": bucket.priority,
        "features": list(bucket.features) or None,
        "metadata": bucket.metadata,
        "effective_at": bucket.effective_at,
        "granted_at": bucket.granted_at,
        "expires_at": bucket.expires_at,
        "series": bucket.series,
        "period_end": bucket.period_end,
        "voided_at": bucket.voided_at,
        "free": bucket.free,
        "held": bucket.held,
        "cents": bucket.cents,
        "basis_cents": bucket.basis_cents,
        "basis_credits": bucket.basis_credits,
        "expired": bucket.expired,
        "is_open": bucket.left > 0 or bucket.cents > 0,
        "sale": bucket.sale,
        "month": bucket.month,
        "rolled_from": bucket.rolled_from,
        "at_end": bucket.at_end,
        "disputed": bucket.disputed,
        "voided": bucket.voided,
        "counted": bucket.counted,
        "expired_cents": bucket.expired_cents,
        "voided_cents": bucket.voided_cents,
        "paid_at": bucket.paid_at,
        "rolled_back": bucket.rolled_back,
    }


def _month(wallet: OpenWallet, month: MonthState) -> dict[str, Any]:
    values = {name: getattr(month, name) for name in MonthState.__slots__}
    return {"wallet_id": wallet.id, **values, "terms": terms_text.written(month.terms), "is_open": month.is_open}


def _hold(wallet: OpenWallet, hold: HoldState) -> dict[str, Any]:
    return {
        "wallet_id": wallet.id,
        "number": hold.number,
        "credits": hold.credits,
        "slices": [list(part) for part in hold.slices],
        "overdraft": hold.overdraft,
        "feature": hold.feature,
        "metadata": hold.metadata,
        "placed_at": hold.placed_at,
        "lapses_at": hold.lapses_at,
        "recorded_at": hold.recorded_at or wallet.at,
        "status": hold.status,
        "ended_at": hold.ended_at,
        "ended_recorded_at": wallet.at if hold.ended_at is not None else None,
        "captured": hold.captured,
        "outcome": hold.outcome,
    }
