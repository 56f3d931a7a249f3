"""Reversals: a spend or capture given back. As every verb: open, recall, decide, refuse; then write."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Row, select

from billing.base import ids
from billing.base.db import Tx
from billing.catalog.terms import Catalog
from billing.credits import recall
from billing.credits.opening import OpenWallet, WalletName, open_wallet, recollect
from billing.credits.tables import entries, wallets
from billing.credits.values import Receipt
from billing.credits.writing import write
from billing.rules import asking
from billing.rules.refusals import Refusal, UnknownSpend
from billing.rules.wallet import takingback
from billing.rules.wallet.values import Cause, Movement, Past, PastMovement

_PAYING = ("spend", "capture", "overdraw")


def reverse(tx: Tx, catalog: Catalog, customer: str, spend: str, credits: int | None, key: str) -> Receipt | Refusal:
    """Gives back a spend or capture, wholly or in part, the last slice first, with the very cents it took."""
    wrong = asking.refuse(
        customer=asking.name(customer), credits=asking.maybe(asking.credits, credits), key=asking.key(key)
    )
    if wrong is not None:
        return wrong
    found = _find(tx, customer, spend)
    if found is None:
        return UnknownSpend(spend)
    (_, unit), first = found
    wallet = open_wallet(tx, catalog, customer, unit)
    if isinstance(wallet, Refusal):
        return wallet
    asked = recall.fingerprint("reverse", first, credits)
    known = recall.known(tx, [(wallet.id, key)]).get((wallet.id, key))
    if known is not None:
        reused = recall.same(known, key, asked)
        if reused is not None:
            return reused
        parts = recall.of_cause(tx, wallet.id, known.cause, known.number)
        answer = recall.receipt(wallet.id, wallet.customer, wallet.unit, "rev", parts, known.recorded_at)
        return replace(answer, replayed=True)
    position = wallet.position
    past = _past(tx, wallet, first)
    recollect(tx, wallet, _buckets_of([*past.slices, *past.repayments]))
    begun = len(position.movements)
    details = {"spend": spend}
    cause = Cause(f"reversal:{position.next_number}", key=key, request=asked, details=details)
    refused = takingback.reverse(position, past, credits, cause)
    write(tx, [wallet])
    if refused is not None:
        return refused
    return recall.receipt(wallet.id, wallet.customer, wallet.unit, "rev", position.movements[begun:], wallet.at)


def _find(tx: Tx, customer: str, spend: str) -> tuple[WalletName, int] | None:
    """The wallet a spend stands in and its first entry. Read before the lock: entries never change."""
    place = ids.read("spend", spend)
    if place is None:
        return None
    wallet_id, first = place
    wallet = tx.connection.execute(select(wallets.c.customer_id, wallets.c.unit).where(wallets.c.id == wallet_id))
    row = wallet.one_or_none()
    if row is None or row.customer_id != customer:
        return None
    slices = _slices(tx, wallet_id, first)
    if not slices or slices[0].number != first:
        return None
    return (row.customer_id, row.unit), first


def _slices(tx: Tx, wallet: int, first: int) -> list[PastMovement]:
    rows = recall.of_cause(tx, wallet, f"spend:{first}", first)
    return [_past_movement(row) for row in rows if row.kind in _PAYING]


def _buckets_of(parts: Sequence[PastMovement]) -> set[int]:
    ends = [part.source.partition(":")[2] for part in parts]
    return {int(end) for end in ends if end.isdigit()}


def _past_movement(row: Row[Any] | Movement) -> PastMovement:
    return PastMovement(row.number, row.kind, row.source, row.destination, row.credits, row.cents)


def _past(tx: Tx, opened: OpenWallet, first: int) -> Past:
    """The spend's slices with what was reversed of them, and what became of its overdraft part."""
    wallet = opened.id
    slices = _slices(tx, wallet, first)
    _note_reversals(tx, wallet, slices, "undoes")
    if all(part.source not in ("overdraft", "held:overdraft") for part in slices):
        return Past(slices=tuple(slices))
    if opened.position.debts is not None:  # they were read on opening, and may be undone by what comes back, too
        paid, forgiven = takingback.pool(opened.position.debts, first)
        return Past(slices=tuple(slices), repayments=paid, forgiven=forgiven)
    debt = select(entries).where(entries.c.wallet_id == wallet, entries.c.kind.in_(("repay", "forgive")))
    history = [_past_movement(row) for row in tx.connection.execute(debt.order_by(entries.c.number))]
    # What was due on opening is not written yet.
    history += [_past_movement(moved) for moved in opened.position.movements if moved.kind in ("repay", "forgive")]
    forgivings = [part for part in history if part.kind == "forgive"]
    before = max((part.number for part in forgivings if part.number < first), default=0)
    after = next((part for part in forgivings if part.number > first), None)
    last = after.number if after is not None else float("inf")
    repayments = [part for part in history if part.kind == "repay" and before < part.number < last]
    _note_reversals(tx, wallet, repayments, "via")
    if after is not None:
        _note_reversals(tx, wallet, [after], "via")
    return Past(slices=tuple(slices), repayments=tuple(reversed(repayments)), forgiven=after)


def _note_reversals(tx: Tx, wallet: int, parts: Sequence[PastMovement], by: str) -> None:
    sums = recall.reversed_by(tx, wallet, [part.number for part in parts], by)
    for part in parts:
        part.reversed_credits, part.reversed_cents = sums.get(part.number, (0, 0))
