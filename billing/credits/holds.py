"""Holds: set credits aside, then capture or release them. Both are idempotent by the hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from sqlalchemy import Row, select

from billing.base import ids
from billing.base.db import Tx
from billing.catalog.terms import Catalog
from billing.credits import recall
from billing.credits.opening import OpenWallet, open_wallet
from billing.credits.rows import hold_state
from billing.credits.spending import spend_under
from billing.credits.tables import holds, wallets
from billing.credits.values import HoldReceipt, Receipt, Spend
from billing.credits.writing import write
from billing.rules import asking
from billing.rules.refusals import HoldEnded, IdempotencyKeyReused, Refusal, UnknownHold
from billing.rules.wallet import holding
from billing.rules.wallet.values import Cause, HoldState


def hold(
    tx: Tx,
    catalog: Catalog,
    customer: str,
    unit: str,
    credits: int,
    key: str,
    *,
    feature: str | None = None,
    expires_in: int = 900,
    metadata: Mapping[str, Any] | None = None,
    attempt: int = 1,
) -> HoldReceipt | Refusal:
    """Sets `credits` aside for `expires_in` seconds. `attempt`: again under a key whose hold was given back."""
    wrong = asking.refuse(
        customer=asking.name(customer),
        credits=asking.credits(credits),
        key=asking.key(key),
        unit=asking.text(unit),
        feature=asking.maybe(asking.text, feature),
        expires_in=asking.seconds(expires_in),
        attempt=asking.count(attempt),
        metadata=asking.maybe(asking.metadata, metadata),
    )
    wallet = wrong or open_wallet(tx, catalog, customer, unit)
    if isinstance(wallet, Refusal):
        return wallet
    if attempt > 1:
        key = f"{asking.RESERVED_KEYS}attempt {attempt}:{key}"
    details = dict(metadata) if metadata else None
    asked = recall.fingerprint("hold", credits, feature, expires_in, details)
    known = recall.known(tx, [(wallet.id, key)]).get((wallet.id, key))
    if known is not None:
        return recall.same(known, key, asked) or _as_placed(tx, wallet, known)
    position = wallet.position
    cause = Cause(f"hold:{position.next_number}", key=key, request=asked, feature=feature, details=details)
    placed = holding.hold(position, credits, wallet.at + timedelta(seconds=expires_in), cause)
    if isinstance(placed, HoldState):
        placed.metadata = details
    write(tx, [wallet])
    return placed if isinstance(placed, Refusal) else _value(wallet, placed, position.available)


def capture(tx: Tx, catalog: Catalog, customer: str, name: str, credits: int | None) -> Receipt | Refusal:
    """Uses the hold: its own amount, less (the rest is freed) or more (the rest is a spend, all or nothing).

    Again with the same amount: the same receipt. After the hold lapsed: tried as a new spend.
    """
    found = _find(tx, catalog, customer, name, credits)
    if isinstance(found, Refusal):
        return found
    wallet, held = found
    amount = held.credits if credits is None else credits
    if held.status == "lapsed":
        return _capture_late(tx, wallet, held, name, amount)
    if held.status == "captured" and held.captured == amount and held.outcome is not None:
        parts = recall.of_cause(tx, wallet.id, f"spend:{held.outcome}", held.outcome)
        answer = recall.receipt(wallet.id, customer, wallet.unit, "spend", parts, parts[0].recorded_at)
        return replace(answer, replayed=True)
    if held.status != "open":
        write(tx, [wallet])
        return HoldEnded(name, held.status)
    position = wallet.position
    begun = len(position.movements)
    cause = Cause(f"spend:{position.next_number}", feature=held.feature, details={"hold": name})
    refused = holding.capture(position, held, amount, cause)
    write(tx, [wallet])
    if refused is not None:
        return refused
    return recall.receipt(wallet.id, customer, wallet.unit, "spend", position.movements[begun:], wallet.at)


def _capture_late(tx: Tx, wallet: OpenWallet, held: HoldState, name: str, amount: int) -> Receipt | Refusal:
    key = f"{asking.RESERVED_KEYS}{name}"
    request = Spend(wallet.customer, amount, key, wallet.unit, held.feature, metadata={"hold": name})
    answer = spend_under(tx, wallet, request)
    write(tx, [wallet])
    return HoldEnded(name, "captured") if isinstance(answer, IdempotencyKeyReused) else answer


def _captured_late(tx: Tx, wallet: OpenWallet, name: str) -> bool:
    return bool(recall.known(tx, [(wallet.id, f"{asking.RESERVED_KEYS}{name}")]))


def find(tx: Tx, catalog: Catalog, customer: str, name: str) -> HoldReceipt | Refusal:
    """The hold as it stands now. `available` is the wallet's."""
    found = _find(tx, catalog, customer, name, None)
    if isinstance(found, Refusal):
        return found
    wallet, held = found
    write(tx, [wallet])
    value = _value(wallet, held, wallet.position.available)
    return replace(value, status="captured") if _captured_late(tx, wallet, name) else value


def release(tx: Tx, catalog: Catalog, customer: str, name: str) -> HoldReceipt | Refusal:
    """Gives the hold back. One that was released or has lapsed stays as it is; a captured one is refused."""
    found = _find(tx, catalog, customer, name, None)
    if isinstance(found, Refusal):
        return found
    wallet, held = found
    before = held.status
    if before == "open":
        holding.release(wallet.position, held)
    write(tx, [wallet])
    if before == "captured" or (before == "lapsed" and _captured_late(tx, wallet, name)):
        return HoldEnded(name, "captured")
    return replace(_value(wallet, held, wallet.position.available), replayed=before != "open")


def _find(
    tx: Tx, catalog: Catalog, customer: str, name: str, credits: int | None
) -> tuple[OpenWallet, HoldState] | Refusal:
    """The hold and its open wallet."""
    wrong = asking.refuse(customer=asking.name(customer), credits=asking.maybe(asking.credits, credits))
    if wrong is not None:
        return wrong
    place = ids.read("hold", name)
    if place is None:
        return UnknownHold(name)
    its = select(wallets.c.customer_id, wallets.c.unit).where(wallets.c.id == place[0])
    row = tx.connection.execute(its).one_or_none()
    if row is None or row.customer_id != customer:
        return UnknownHold(name)
    wallet = open_wallet(tx, catalog, customer, row.unit)
    if isinstance(wallet, Refusal):
        return wallet
    held = wallet.position.holds.get(place[1])
    if held is None:
        stored = _stored(tx, wallet.id, place[1])
        if stored is None:
            return UnknownHold(name)
        held = hold_state(stored)
    return wallet, held


def _stored(tx: Tx, wallet: int, number: int) -> Row[Any] | None:
    return tx.connection.execute(
        select(holds).where(holds.c.wallet_id == wallet, holds.c.number == number)
    ).one_or_none()


def _as_placed(tx: Tx, wallet: OpenWallet, first: recall.First) -> HoldReceipt:
    """The hold as the first answer showed it."""
    stored = _stored(tx, wallet.id, first.number)
    assert stored is not None
    parts = [part for part in recall.of_cause(tx, wallet.id, first.cause, first.number) if part.kind == "hold"]
    held = hold_state(stored)
    held.status = "open"
    return replace(_value(wallet, held, parts[-1].available_after), replayed=True)


def _value(wallet: OpenWallet, held: HoldState, available: int) -> HoldReceipt:
    return HoldReceipt(
        id=ids.of("hold", wallet.id, held.number),
        customer=wallet.customer,
        unit=wallet.unit,
        credits=held.credits,
        expires_at=held.lapses_at,
        slices=tuple((ids.of("bkt", wallet.id, number), part) for number, part in held.slices),
        overdraft_credits=held.overdraft,
        available=available,
        status=held.status,
    )
