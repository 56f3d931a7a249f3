"""Money that goes back → our values: refunds, disputes, credit notes.

As in `payloads`: read where it stands today, then where it stood before; what can't be read raises `PayloadInvalid`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from billing.stripe import reading as read
from billing.stripe.values import CreditNote, Dispute, NamedRefund, Refund


def refund(document: object) -> Refund:
    """A refund. One without a status is older than statuses are, and had succeeded when it was made."""
    found = read.of_kind(document, "refund")
    return Refund(
        id=read.text(found.get("id"), "refund.id"),
        charge=read.reference(found.get("charge"), "refund.charge"),
        payment_intent=read.reference(found.get("payment_intent"), "refund.payment_intent"),
        amount_cents=read.counted(found.get("amount"), "refund.amount"),
        currency=read.currency(found.get("currency"), "refund.currency"),
        status=read.maybe_text(found.get("status"), "refund.status") or "succeeded",
        created=read.time(found.get("created"), "refund.created"),
        metadata=read.metadata(found.get("metadata"), "refund.metadata"),
    )


def dispute(document: object) -> Dispute:
    """A dispute, as it stands."""
    found = read.of_kind(document, "dispute")
    amount = read.counted(found.get("amount"), "dispute.amount")
    currency = read.currency(found.get("currency"), "dispute.currency")
    return Dispute(
        id=read.text(found.get("id"), "dispute.id"),
        charge=read.reference(found.get("charge"), "dispute.charge"),
        payment_intent=read.reference(found.get("payment_intent"), "dispute.payment_intent"),
        amount_cents=amount,
        currency=currency,
        status=read.text(found.get("status"), "dispute.status"),
        reason=read.maybe_text(found.get("reason"), "dispute.reason"),
        created=read.time(found.get("created"), "dispute.created"),
        withdrawn_cents=_withdrawn(found, amount, currency),
        back_at=_back_at(found),
    )


def credit_note(document: object) -> CreditNote:
    """A credit note: what of its invoice was taken back, before it was paid or after."""
    found = read.of_kind(document, "credit_note")
    before, after = _parts(found)
    outside = read.maybe_whole(found.get("out_of_band_amount"), "credit_note.out_of_band_amount")
    return CreditNote(
        id=read.text(found.get("id"), "credit_note.id"),
        invoice=read.text(read.reference(found.get("invoice"), "credit_note.invoice"), "credit_note.invoice"),
        customer=read.reference(found.get("customer"), "credit_note.customer"),
        currency=read.currency(found.get("currency"), "credit_note.currency"),
        status=read.text(found.get("status"), "credit_note.status"),
        created=read.time(found.get("created"), "credit_note.created"),
        pre_payment_cents=before,
        post_payment_cents=after,
        out_of_band_cents=outside or 0,
        refunds=_refunds(found),
        voided_at=read.maybe_time(found.get("voided_at"), "credit_note.voided_at"),
    )


def _withdrawn(found: Mapping[str, Any], amount: int, currency: str) -> int:
    """What stands withdrawn by its balance transactions: none for an inquiry, one, or one more that gives it back.

    They may be in the currency of the account's balance; then only whether it is withdrawn is told by them.
    """
    where = "dispute.balance_transactions"
    moved, ours = 0, True
    listed = read.items(found.get("balance_transactions"), where)
    for place, one in enumerate(listed):
        if isinstance(one, str):  # ids alone: the first takes, the second gives back
            moved, ours = moved + (-1 if place % 2 == 0 else 1), False
            continue
        row = read.mapping(one, where)
        moved += read.whole(row.get("amount"), f"{where}.amount")
        ours = ours and row.get("currency") in (None, currency)
    if not listed and found.get("balance_transaction") is not None:  # how it stood until 2014
        return amount
    if moved >= 0:
        return 0
    return -moved if ours else amount


def _back_at(found: Mapping[str, Any]) -> datetime | None:
    """When the first balance transaction was made that gives money back."""
    where = "dispute.balance_transactions"
    its = [one for one in read.items(found.get("balance_transactions"), where) if isinstance(one, dict)]
    back = [one for one in its if read.whole(one.get("amount"), f"{where}.amount") > 0]
    times = [read.maybe_time(one.get("created"), f"{where}.created") for one in back]
    return min((at for at in times if at is not None), default=None)


def _parts(found: Mapping[str, Any]) -> tuple[int, int]:
    """What it took off before the invoice was paid, and after. Before 2025 the type says which all of it is."""
    before = read.maybe_whole(found.get("pre_payment_amount"), "credit_note.pre_payment_amount")
    after = read.maybe_whole(found.get("post_payment_amount"), "credit_note.post_payment_amount")
    if before is not None or after is not None:
        return before or 0, after or 0
    total, at = read.either(found, ("total", "amount"), "credit_note")
    whole = read.maybe_whole(total, at) or 0
    return (whole, 0) if found.get("type") == "pre_payment" else (0, whole)


def _refunds(found: Mapping[str, Any]) -> tuple[NamedRefund, ...]:
    """The refunds it names, since basil a list of them or of parts of them; before, one that is all its own."""
    where = "credit_note.refunds"
    parts: dict[str, int | None] = {}
    for one in read.items(found.get("refunds"), where):
        id = read.reference(read.mapping(one, where).get("refund"), f"{where}.refund")
        if id is not None:
            cents = read.maybe_whole(one.get("amount_refunded"), f"{where}.amount_refunded")
            parts[id] = cents if cents is None else (parts.get(id) or 0) + cents
    old = read.reference(found.get("refund"), "credit_note.refund")
    if old is not None:
        parts.setdefault(old, None)
    return tuple(NamedRefund(id, cents) for id, cents in parts.items())
