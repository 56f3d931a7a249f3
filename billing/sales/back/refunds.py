"""Refunds: money went back, goes back, or did not go after all. The refund is the source of truth, by its own id."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import select

from billing.base import sets
from billing.base.db import Tx
from billing.catalog.terms import Catalog
from billing.rules.sale.returns import refund_is_newer
from billing.sales.back import payments, refund_rows, returned
from billing.sales.back.payments import Purchase
from billing.sales.tables import refunds
from billing.sales.values import Applied
from billing.stripe.questions import Known
from billing.stripe.values import CreditNote, Refund


def apply(tx: Tx, catalog: Catalog, refund: Refund, known: Known, since: datetime | None = None) -> Applied:
    """Takes back what the refund means, gives it back if it failed, holds it while it is pending; once, whoever tells
    of it how often, in whatever order with the payment itself. `since`: when it took this status, where that was said.
    """
    purchase = payments.purchase_of(tx, refund.payment_intent, refund.charge, known)
    if isinstance(purchase, tuple):
        return Applied(needs=purchase)
    if purchase is None:
        return Applied(waits=f"no invoice or session is known that {refund.payment_intent or refund.charge} paid")
    paid = payments.all_of(tx, refund.payment_intent, refund.charge)
    meant_for = refund_rows.meant_for(tx, refund)
    purchase = next((one for one in paid if meant_for is not None and one.invoice == meant_for), purchase)
    paid_in = returned.currency_of([row for one in paid for row in payments.sales_of(tx, one)])
    if paid_in not in (None, refund.currency):
        return Applied(
            waits=f"{refund.id} gives back {refund.currency}, and {purchase} was paid in {paid_in}: look at it"
        )
    newer = _remember(
        tx,
        {
            "id": refund.id,
            "payment": refund.payment_intent or refund.charge,
            "invoice_id": purchase.invoice,
            "session_id": purchase.session,
            "cents": refund.amount_cents,
            "currency": refund.currency,
            "status": refund.status,
            "created_at": refund.created,
            "seen_at": tx.now,
            "succeeded_at": since if refund.status == "succeeded" else None,
            "failed_at": since if refund.status in ("failed", "canceled") else None,
            "meant_for": meant_for,
        },
    )
    return _settle(tx, catalog, paid, purchase, refund.id, newer)


def credit_note(tx: Tx, catalog: Catalog, note: CreditNote, _known: Known) -> Applied:
    """What of an invoice went back to the customer's balance or outside Stripe counts as refunded, and so does what was
    taken off before it was paid: the invoice's total still says it. What its refunds gave back is told by them.
    """
    purchase = Purchase(invoice=note.invoice)
    its = select(refunds.c.id, refunds.c.cents).where(refunds.c.id.in_([one.id for one in note.refunds]))
    amounts = {row.id: row.cents for row in tx.connection.execute(its)}
    if len(amounts) < len(note.refunds):
        return Applied(waits=f"not all refunds of {note.id} are known yet")
    _mean(tx, catalog, note, amounts)
    cents = note.beside_refunds(amounts)
    if not cents:
        return Applied(note="its refunds say what went back")
    newer = _remember(
        tx,
        {
            "id": note.id,
            "payment": None,
            "invoice_id": note.invoice,
            "session_id": None,
            "cents": cents,
            "currency": note.currency,
            "status": "succeeded" if note.status == "issued" else "canceled",
            "created_at": note.created,
            "seen_at": tx.now,
            "succeeded_at": note.created,
            "failed_at": note.voided_at,
            "meant_for": None,
        },
    )
    answer = _settle(tx, catalog, [purchase], purchase, note.id, newer)
    if answer.waits is not None and note.pre_payment_cents:
        return Applied(note=f"it counts as soon as {note.invoice} is paid")
    return answer


def may_turn(tx: Tx, customer: str, since: datetime) -> list[str]:
    """Refunds of a customer's that were told of as pending, or as succeeded since then: they may fail yet, and their
    charge says nothing of that.
    """
    r = refunds.c
    open_still = r.status.in_(("pending", "requires_action")) | ((r.status == "succeeded") & (r.created_at >= since))
    its = (r.customer_id == customer) & r.payment.is_not(None) & open_still
    return list(tx.connection.execute(select(r.id).where(its).order_by(r.id)).scalars())


def told_cents(tx: Tx, payment_ids: Sequence[str]) -> int:
    """What was told to have gone back of a payment, or to be on its way, by its ids."""
    counted = refunds.c.payment.in_(list(payment_ids)) & refunds.c.status.not_in(("failed", "canceled"))
    total = select(sa.func.coalesce(sa.func.sum(refunds.c.cents), 0)).where(counted)
    return int(tx.connection.execute(total).scalar_one())


def _mean(tx: Tx, catalog: Catalog, note: CreditNote, amounts: Mapping[str, int]) -> None:
    """A refund that is the note's as a whole is meant for its invoice, though its payment may have paid others, too."""
    whole = [one.id for one in note.refunds if one.cents is None or one.cents == amounts[one.id]]
    its = refunds.c.id.in_(whole) & refunds.c.meant_for.is_(None)
    unsaid = list(tx.connection.execute(select(refunds.c.payment).where(its)).scalars())
    tx.connection.execute(sa.update(refunds).where(its).values(meant_for=note.invoice))
    for payment in dict.fromkeys(unsaid):
        paid = payments.all_of(tx, payment, None)
        if len(paid) > 1:
            returned.settle_all(tx, catalog, paid)


def _settle(tx: Tx, catalog: Catalog, paid: Sequence[Purchase], purchase: Purchase, id: str, newer: bool) -> Applied:
    moved = returned.settle_all(tx, catalog, paid)
    payments.name(tx, refunds, id, purchase)
    if moved is None:
        return Applied(waits=f"{purchase} has brought nothing yet that could be taken back")
    return Applied(note=None if moved else "nothing moves" if newer else "known before")


def _remember(tx: Tx, row: dict[str, Any]) -> bool:
    """Writes it down unless what is known is newer. Says whether it was news."""
    if sets.insert(tx, refunds, [row], unless_there=True):
        return True
    known = tx.connection.execute(select(refunds).where(refunds.c.id == row["id"]).with_for_update()).one()
    newer = refund_is_newer(row["status"], known.status)
    times = {name: known._mapping[name] or row[name] for name in ("succeeded_at", "failed_at", "meant_for")}
    values = {**times, **({"status": row["status"], "seen_at": tx.now} if newer else {})}
    tx.connection.execute(sa.update(refunds).where(refunds.c.id == row["id"]).values(values))
    return newer
