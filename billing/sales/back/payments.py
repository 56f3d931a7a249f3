"""Payments: which of them paid which invoice or Checkout session, and what went back of that."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Row, or_, select

from billing.base import sets
from billing.base.db import Tx
from billing.rules.sale.returns import Stands, dispute_stands
from billing.sales.tables import disputes, payments, refunds, sales
from billing.stripe import payments as paid
from billing.stripe.questions import InvoiceOfPayment, Known, ObjectById, Question, SessionOfPayment
from billing.stripe.values import Invoice, SeenSession


@dataclass(frozen=True, slots=True)
class Purchase:
    """What a payment paid: an invoice, a Checkout session, or a session that made an invoice."""

    invoice: str | None = None
    session: str | None = None

    def paid(self, table: sa.Table) -> sa.ColumnElement[bool]:
        """Those rows of a table that are of this purchase."""
        of = [table.c.invoice_id == self.invoice] if self.invoice is not None else []
        of += [table.c.session_id == self.session] if self.session is not None else []
        return or_(sa.false(), *of)

    def __str__(self) -> str:
        return self.invoice or self.session or "nothing"


def note(tx: Tx, purchase: Purchase, paid_by: Iterable[tuple[str | None, int | None]]) -> None:
    """Remembers which payments (ids, cents) paid the purchase, and how much. What is known stays as it is."""
    rows = [
        {"id": id, "invoice_id": purchase.invoice, "session_id": purchase.session, "cents": cents, "seen_at": tx.now}
        for id, cents in paid_by
        if id is not None
    ]
    if rows and (purchase.invoice or purchase.session):
        there = sets.insert(tx, payments, rows, unless_there=True) < len(rows)
        for row in rows if there else ():
            if row["cents"] is not None:
                unsaid = (payments.c.id == row["id"]) & payments.c.cents.is_(None)
                tx.connection.execute(sa.update(payments).where(unsaid).values(cents=row["cents"]))


def purchase_of(
    tx: Tx, payment: str | None, charge: str | None, known: Known
) -> Purchase | tuple[Question, ...] | None:
    """What was paid by it; or what has to be asked to know; or None: nobody knows."""
    if payment is None and charge is None:
        return None
    ids = [id for id in (payment, charge) if id is not None]
    rows = {row.id: row for row in tx.connection.execute(select(payments).where(payments.c.id.in_(ids)))}
    if rows:
        row = rows[next(id for id in ids if id in rows)]
        found = Purchase(row.invoice_id, row.session_id)
        if len(rows) < len(ids) or any(row.id == charge and row.intent is None for row in rows.values()):
            _name_both(tx, found, payment, charge)
        return _whole(tx, found)
    of_invoice = InvoiceOfPayment(payment, charge)
    if of_invoice not in known:
        return (of_invoice,)
    invoice: Invoice | None = known[of_invoice]
    if invoice is not None:
        found = Purchase(invoice=invoice.id)
    elif payment is None:
        shown = ObjectById("charge", str(charge))
        if shown not in known:
            return (shown,)
        intent = None if known[shown] is None else paid.charge(known[shown]).payment_intent
        return None if intent is None else purchase_of(tx, intent, charge, known)
    else:
        of_session = SessionOfPayment(payment)
        if of_session not in known:
            return (of_session,)
        seen: SeenSession | None = known[of_session]
        if seen is None:
            return None
        found = Purchase(seen.session.invoice, seen.session.id)
    note(tx, found, [(payment or charge, None)])
    _name_both(tx, found, payment, charge)
    return _whole(tx, found)


def _name_both(tx: Tx, purchase: Purchase, payment: str | None, charge: str | None) -> None:
    """A payment intent and its charge are one payment, whichever of the two is named later."""
    if payment is None or charge is None:
        return
    note(tx, purchase, [(payment, None), (charge, None)])
    unnamed = (payments.c.id == charge) & payments.c.intent.is_(None)
    tx.connection.execute(sa.update(payments).where(unnamed).values(intent=payment))


def _whole(tx: Tx, purchase: Purchase) -> Purchase:
    """A session and the invoice it made are one purchase, whichever of the two the payment names."""
    both = select(sales.c.invoice_id, sales.c.session_id).where(
        purchase.paid(sales), sales.c.invoice_id.is_not(None), sales.c.session_id.is_not(None)
    )
    row = tx.connection.execute(both.limit(1)).first()
    return purchase if row is None else Purchase(row.invoice_id, row.session_id)


def sales_of(tx: Tx, purchase: Purchase) -> Sequence[Row[Any]]:
    """The sales it brought, in the order of wallets."""
    its = select(sales).where(purchase.paid(sales)).order_by(sales.c.wallet_id, sales.c.origin)
    return tx.connection.execute(its).all()


def name(tx: Tx, table: sa.Table, id: str, purchase: Purchase) -> str | None:
    """Writes down whose the refund or dispute was, once its sales say so. Who it is."""
    sold = sales_of(tx, purchase)
    if not sold:
        return None
    unnamed = (table.c.id == id) & table.c.customer_id.is_(None)
    tx.connection.execute(sa.update(table).where(unnamed).values(customer_id=sold[0].customer_id))
    return str(sold[0].customer_id)


def refunds_of(tx: Tx, purchase: Purchase) -> Sequence[Row[Any]]:
    return tx.connection.execute(select(refunds).where(purchase.paid(refunds)).order_by(refunds.c.id)).all()


def disputed(row: Row[Any], total_cents: int, currency: str | None) -> tuple[int, Stands]:
    """How a dispute of a purchase stands, in the money that was paid. A bank that speaks of another currency questions
    all of it.
    """
    if currency in (None, row.currency):
        return dispute_stands(row.status, row.cents, row.withdrawn_cents)
    return dispute_stands(row.status, total_cents, total_cents if row.withdrawn_cents else 0)


def disputes_of(tx: Tx, purchase: Purchase) -> Sequence[Row[Any]]:
    return tx.connection.execute(select(disputes).where(purchase.paid(disputes)).order_by(disputes.c.id)).all()
