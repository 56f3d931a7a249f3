"""What ties a session or an invoice to a top-up that was opened here: by which it is meant, and whether it is that."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row, select

from billing.base.db import Tx
from billing.catalog.terms import CheckoutTerms
from billing.sales import claims, stripe_customers
from billing.sales.packs import topup_rows
from billing.sales.tables import topups
from billing.sales.values import Applied
from billing.stripe.values import Invoice, Session


def of_session(tx: Tx, session: Session) -> Row[Any] | str | None:
    """The top-up that a session was opened for; why it can't be believed; or None: it was opened elsewhere."""
    named = session.metadata.get(topup_rows.MARK)
    its = topups.c.session_id == session.id
    row = tx.connection.execute(select(topups).where(its)).one_or_none()
    if row is None and named is not None:
        row = topup_rows.read(tx, named)
        if row is None:
            return f"unknown top-up {named!r}"
        if row.session_id is not None:
            return f"conflict: {session.id} names the top-up {named}, whose session is {row.session_id}"
    if row is not None and named not in (None, row.id):
        return f"conflict: {session.id} is the session of {row.id} and names {named}"
    return row


def mismatch(row: Row[Any], session: Session, customer: str) -> str | None:
    """Why what was paid is not this top-up, or None. What our row says must have been asked, to the cent; less was paid
    with a promotion code, and more with tax, only where it was opened with them.
    """
    if customer != row.customer_id:
        return f"conflict: the session of {customer!r} names {row.id}, a top-up of another customer"
    asked, total = session.amount_subtotal_cents, session.amount_total_cents
    if total is None or (session.currency, asked) != (row.currency, row.cents):
        return _other(row, session)
    terms = CheckoutTerms(**(row.opened_as or {}))
    discount, tax, net = session.discount_cents, session.tax_cents, session.net_cents
    if not 0 <= discount <= row.cents or (discount and not terms.promotion_codes):
        return f"{_other(row, session)}: it was opened without promotion codes"
    if tax < 0 or (tax and not terms.automatic_tax):
        return f"{_other(row, session)}: it was opened without tax"
    within = terms.automatic_tax and total == row.cents - discount  # an inclusive tax is a part of the price
    if net is None or net < 0 or not (within or total == row.cents - discount + tax):
        return _other(row, session)
    return None


def _other(row: Row[Any], session: Session) -> str:
    asked = f"{row.id} costs {row.cents} cents in {row.currency}"
    return f"{asked}, the session was for {session.amount_total_cents} in {session.currency}"


def of_invoice(tx: Tx, invoice: Invoice) -> Applied | None:
    """Of an invoice that the Checkout of a top-up of ours made: nothing. Its session brings it, before or after."""
    row = topup_rows.read(tx, invoice.metadata.get(topup_rows.MARK, ""))
    if row is None:
        return None
    whose = stripe_customers.customer_of(tx, invoice.customer) if invoice.customer is not None else None
    asked = sum(line.amount_cents for line in invoice.lines)
    if whose not in (None, row.customer_id):
        return Applied(waits=f"conflict: the invoice of {whose!r} names {row.id}, a top-up of another customer")
    if (asked, invoice.currency) != (row.cents, row.currency):
        cost = f"{row.id} costs {row.cents} cents in {row.currency}"
        return Applied(waits=f"{cost}, the invoice was for {asked} in {invoice.currency}")
    if row.paid_at is not None and not claims.settled_by_session(tx, invoice.id):
        return Applied(waits=f"conflict: {row.id} was paid by another invoice than {invoice.id}")
    return Applied(note=f"its session brings {row.id}")
