"""Taken back: which invoices' money went back wholly, by refunds and lost disputes."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime

from sqlalchemy import func, or_, select

from billing.base.db import Tx
from billing.sales import ordering
from billing.sales.tables import disputes, payments, refunds, sales
from billing.stripe.questions import Known, PaymentsOfInvoice


def wholly(tx: Tx, invoices: Collection[str | None], at: datetime, known: Known | None) -> set[str]:
    """Those of them of which all that was paid had gone back by that instant: refunds that succeeded and disputes that
    were lost. An invoice that cost nothing never is.
    """
    wanted = {invoice for invoice in invoices if invoice is not None}
    if not wanted:
        return set()
    paid_by = {
        row.id: row.invoice_id
        for row in tx.connection.execute(select(payments).where(payments.c.invoice_id.in_(list(wanted))))
    }
    found: dict[str, tuple[str, int]] = {}
    for table, over, when in ((refunds, "succeeded", refunds.c.created_at), (disputes, "lost", disputes.c.closed_at)):
        its = or_(table.c.invoice_id.in_(list(wanted)), table.c.payment.in_(list(paid_by)))
        for row in tx.connection.execute(select(table).where(its, table.c.status == over, when <= at)):
            cents = min(row.cents, row.withdrawn_cents) if table is disputes else row.cents  # less what was reinstated
            found[row.id] = (row.invoice_id or paid_by[row.payment], cents)
    for invoice in wanted:
        found.update({id: (invoice, cents) for id, cents in _told(invoice, at, known or {})})
    back: dict[str, int] = {}
    for invoice, cents in found.values():
        back[invoice] = back.get(invoice, 0) + cents
    totals = select(sales.c.invoice_id, func.max(sales.c.total_cents)).where(sales.c.invoice_id.in_(list(back)))
    return {
        invoice
        for invoice, total in tx.connection.execute(totals.group_by(sales.c.invoice_id))
        if total is not None and 0 < total <= back[invoice]
    }


def _told(invoice: str, at: datetime, known: Known) -> Iterator[tuple[str, int]]:
    """What Stripe answered, which may be more than its events have told so far."""
    for payment in known.get(PaymentsOfInvoice(invoice)) or ():
        refunded, disputed = ordering.of_payment(payment)
        for refund in known.get(refunded) or ():
            if refund.status == "succeeded" and refund.created <= at:
                yield refund.id, refund.amount_cents
        for dispute in known.get(disputed) or ():
            if dispute.status == "lost":
                yield dispute.id, min(dispute.amount_cents, dispute.withdrawn_cents)
