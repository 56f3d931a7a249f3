"""Payments: which of them paid which invoice or Checkout session. One may have paid several invoices in parts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Row, or_, select

from billing.base import sets
from billing.base.db import Tx
from billing.sales.tables import payments, sales
from billing.stripe import payments as paid
from billing.stripe.questions import InvoiceOfPayment, InvoicesOfPayment, Known, ObjectById, Question, SessionOfPayment
from billing.stripe.values import Invoice, InvoicePayment, SeenSession


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
        {"id": id, "purchase": str(purchase), "invoice_id": purchase.invoice, "session_id": purchase.session,
         "cents": cents, "seen_at": tx.now}
        for id, cents in paid_by
        if id is not None
    ]  # fmt: skip
    if rows and (purchase.invoice or purchase.session):
        there = sets.insert(tx, payments, rows, unless_there=True) < len(rows)
        for row in rows if there else ():
            if row["cents"] is not None:
                its = (payments.c.id == row["id"]) & (payments.c.purchase == row["purchase"])
                unsaid = its & payments.c.cents.is_(None)
                tx.connection.execute(sa.update(payments).where(unsaid).values(cents=row["cents"]))


def all_of(tx: Tx, payment: str | None, charge: str | None) -> list[Purchase]:
    """All that was paid by it, as far as that is known: several invoices, or one purchase. In one order, always."""
    return [_whole(tx, one.purchase) for one in parts_of(_rows(tx, [payment, charge]))]


@dataclass(frozen=True, slots=True)
class Part:
    """What of a payment paid a purchase; `cents` None: not known."""

    purchase: Purchase
    cents: int | None


def parts_of(rows: Iterable[Row[Any]]) -> list[Part]:
    """What one payment, known by these rows, paid. The payment of a Checkout session paid that one alone, and the
    invoice it made.
    """
    found: dict[str, Part] = {}
    listed = sorted(rows, key=lambda row: (row.purchase, row.id))
    session = next((row.session_id for row in listed if row.session_id is not None), None)
    invoice = next((row.invoice_id for row in listed if row.invoice_id is not None), None)
    for row in listed:
        name = session or row.purchase
        purchase = Purchase(invoice if session is not None else row.invoice_id, session)
        known = found.get(name)
        cents = row.cents if known is None or known.cents is None else max(known.cents, row.cents or 0)
        found[name] = Part(purchase, cents)
    return list(found.values())


def _rows(tx: Tx, ids: Iterable[str | None]) -> list[Row[Any]]:
    """All rows of the payment that is known by these ids: by its intent, by its charges."""
    names = {id for id in ids if id is not None}
    its = select(payments).where(or_(payments.c.id.in_(names), payments.c.intent.in_(names)))
    rows = list(tx.connection.execute(its))
    further = {row.intent for row in rows if row.intent is not None} - names
    return _rows(tx, names | further) if further else rows


def purchase_of(
    tx: Tx, payment: str | None, charge: str | None, known: Known
) -> Purchase | tuple[Question, ...] | None:
    """What was paid by it (of several the first, `all_of` says the others); or what has to be asked to know; or None:
    nobody knows.
    """
    if payment is None and charge is None:
        return None
    ids = {id for id in (payment, charge) if id is not None}
    rows = _rows(tx, ids)
    if rows:
        found = parts_of(rows)[0].purchase
        if ids - {row.id for row in rows} or any(row.id == charge and row.intent is None for row in rows):
            _name_both(tx, found, payment, charge)
        return _whole(tx, found)
    of_invoice, its_parts = InvoiceOfPayment(payment, charge), InvoicesOfPayment(payment, charge)
    if of_invoice not in known:
        return of_invoice, its_parts
    invoice: Invoice | None = known[of_invoice]
    if invoice is not None:
        parts: Sequence[InvoicePayment] = known.get(its_parts) or ()
        for part in parts:
            if part.status == "paid":
                note(tx, Purchase(invoice=part.invoice), [(payment or charge, part.amount_paid_cents)])
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
