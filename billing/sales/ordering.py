"""Ordering: what an invoice must know of others before it can be applied.

A subscription's invoices are applied in the order they were paid: one that changes a period first has the earlier ones,
and knows what went back of those it compares with. Where nobody can be asked, what is at hand must do.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime

from sqlalchemy import select

from billing.base.db import Tx
from billing.rules.sale.lines import Line
from billing.sales import before, claims
from billing.sales.tables import sales, subscriptions
from billing.stripe.questions import (
    CreditNotesOfInvoice,
    DisputesOfPayment,
    Known,
    NobodyToAsk,
    PaidInvoices,
    PaymentsOfInvoice,
    Question,
    RefundsOfPayment,
    SubscriptionById,
)
from billing.stripe.values import Invoice, InvoicePayment


def unknown(known: Known | None, questions: Iterable[Question]) -> tuple[Question, ...]:
    """Those that nobody has answered yet; none where nobody can be asked."""
    if known is None or isinstance(known, NobodyToAsk):
        return ()
    return tuple(question for question in questions if question not in known)


def compares(lines: Sequence[Line]) -> bool:
    """Do these lines change a period that another invoice began, or may they?"""
    return any(line.item is not None and (line.is_negative or line.proration) for line in lines)


def skips(tx: Tx, lines: Sequence[Line]) -> bool:
    """Does one of these begin in the middle of a period, with none that ends where it begins? Then an invoice that was
    paid before, and cut that period short, has not been heard of.
    """
    s = sales.c
    its = s.item_id.in_(sorted({line.item for line in lines if line.item is not None})) & (s.kind == "allocation")
    known: dict[str, list[tuple[datetime, datetime]]] = {}
    for row in tx.connection.execute(select(s.item_id, s.period_start, s.period_end).where(its)):
        known.setdefault(row.item_id, []).append((row.period_start, row.period_end))
    for line in lines:
        ends = {end for start, end in known.get(line.item or "", ()) if start < line.start}
        if line.start not in ends and any(line.start < end != line.end for end in ends):
            return True
    return False


def earlier(tx: Tx, invoice: Invoice, paid_at: datetime, known: Known | None) -> list[Invoice]:
    """The subscription's invoices that were paid before this one and have brought nothing yet, in that order."""
    answer = (known or {}).get(PaidInvoices(invoice.subscription or "")) or ()
    start, gone = before.begins(tx, None, invoice.customer), before.known(tx, [other.id for other in answer])
    found = []
    for other in answer:
        if other.id in gone or (start is not None and (other.paid_at or other.created) < start):
            continue  # from before our time: it is in the balance that was brought
        if other.id != invoice.id and _order(other, other.paid_at or other.created) < _order(invoice, paid_at):
            ids = [line.id for line in other.lines if line.price is not None]
            if ids and len(claims.claimed(tx, ids)) < len(ids):
                found.append(other)
    return sorted(found, key=lambda other: _order(other, other.paid_at or other.created))


def _order(invoice: Invoice, paid_at: datetime) -> tuple[datetime, datetime, str]:
    return paid_at, invoice.created, invoice.id


def compared(tx: Tx, items: Collection[str], ends: Collection[datetime], but: str) -> list[str]:
    """The invoices of changes in these periods, by which later ones are judged."""
    s = sales.c
    its = (s.kind == "change") & s.item_id.in_(list(items)) & s.period_end.in_(list(ends))
    bought = its & (s.cents > 0) & s.level.is_not(None) & (s.invoice_id != but)
    return sorted(set(tx.connection.execute(select(s.invoice_id).where(bought)).scalars()))


def of_money(invoices: Iterable[str], known: Known | None) -> list[Question]:
    """What has to be asked to know what went back of these invoices: their credit notes and their payments, then what
    became of each.
    """
    found: list[Question] = []
    for invoice in invoices:
        payments = PaymentsOfInvoice(invoice)
        found.extend((payments, CreditNotesOfInvoice(invoice)))
        for payment in (known or {}).get(payments) or ():
            found.extend(of_payment(payment))
    return found


def of_payment(payment: InvoicePayment) -> tuple[RefundsOfPayment, DisputesOfPayment]:
    return (
        RefundsOfPayment(payment.payment_intent, payment.charge),
        DisputesOfPayment(payment.payment_intent, payment.charge),
    )


def trial_of(tx: Tx, subscription: str, known: Known | None) -> tuple[bool, datetime | None]:
    """Is it known until when the subscription's trial lasts or lasted; and until when (None: it has none)?"""
    told = (known or {}).get(SubscriptionById(subscription))
    if told is not None:
        return True, told.trial_end
    s = subscriptions.c
    row = tx.connection.execute(select(s.subscribed_items, s.trial_end).where(s.id == subscription)).first()
    return (True, row.trial_end) if row is not None and row.subscribed_items is not None else (False, None)
