"""Taken back: which invoices' money had gone back wholly by an instant, by refunds, credit notes and lost disputes.

The instants are Stripe's, whenever we were told: an invoice that is judged late is judged by what stood when it was
paid. What our rows don't say is asked for.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Row, func, or_, select

from billing.base.db import Tx
from billing.rules.sale.returns import DisputeNews, Turns, dispute_is_newer, lost_by, refund_is_newer, refunded_by
from billing.sales import ordering
from billing.sales.tables import disputes as dispute_rows
from billing.sales.tables import payments, sales
from billing.sales.tables import refunds as refund_rows
from billing.stripe.questions import CreditNotesOfInvoice, Known, PaymentsOfInvoice, StoodAt
from billing.stripe.values import CreditNote, Dispute, Refund


@dataclass(frozen=True, slots=True)
class _Fact:
    """Something by which money of an invoice went back, or may have."""

    kind: str
    id: str
    invoice: str
    turns: Turns
    told_at: datetime | None = None

    def gone(self, at: datetime) -> int | None:
        return lost_by(self.turns, at) if self.kind == "dispute" else refunded_by(self.turns, at)

    def question(self, at: datetime) -> StoodAt | None:
        """What has to be asked to know what of it had gone by then."""
        if self.kind == "credit_note" or self.gone(at) is not None:
            return None
        return StoodAt(self.kind, self.id, self.turns.created_at, at)


def wholly(tx: Tx, invoices: Collection[str | None], at: datetime, known: Known | None) -> set[str]:
    """Those of them of which all that was paid had gone back by that instant: refunds that succeeded and disputes that
    were lost. An invoice that cost nothing never is.
    """
    back: dict[str, int] = {}
    for one in _facts(tx, invoices, known or {}):
        back[one.invoice] = back.get(one.invoice, 0) + _gone(one, at, known or {})
    totals = select(sales.c.invoice_id, func.max(sales.c.total_cents)).where(sales.c.invoice_id.in_(list(back)))
    return {
        invoice
        for invoice, total in tx.connection.execute(totals.group_by(sales.c.invoice_id))
        if total is not None and 0 < total <= back[invoice]
    }


def questions(tx: Tx, invoices: Collection[str], times: Collection[datetime], known: Known | None) -> list[StoodAt]:
    """What has to be asked, beside what became of their payments, to know that."""
    asked = [one.question(at) for one in _facts(tx, invoices, known or {}) for at in times]
    return [question for question in asked if question is not None]


def _gone(one: _Fact, at: datetime, known: Known) -> int:
    cents = one.gone(at)
    if cents is not None:
        return cents
    question = one.question(at)
    stood = known.get(question) if question is not None else None
    if isinstance(stood, Refund):
        return stood.amount_cents if stood.status == "succeeded" else 0
    if isinstance(stood, Dispute):
        return lost_by(_turns(stood, at, None), at) or 0
    # Nothing has happened to it for longer than Stripe keeps its events, or nobody can be asked: it stands as it stood.
    still = replace(one.turns, gone_at=one.turns.gone_at or one.turns.created_at)
    found = lost_by(still, at) if one.kind == "dispute" else refunded_by(still, at)
    return found or 0


def _facts(tx: Tx, invoices: Collection[str | None], known: Known) -> Iterator[_Fact]:
    wanted = {invoice for invoice in invoices if invoice is not None}
    if not wanted:
        return
    found = {one.id: one for one in _rows(tx, wanted)}
    for invoice in wanted:
        for payment in known.get(PaymentsOfInvoice(invoice)) or ():
            refunded, disputed = ordering.of_payment(payment)
            for refund in known.get(refunded) or ():
                found[refund.id] = _refund(invoice, refund, found.get(refund.id))
            for dispute in known.get(disputed) or ():
                found[dispute.id] = _dispute(invoice, dispute, found.get(dispute.id))
        for note in known.get(CreditNotesOfInvoice(invoice)) or ():
            found[note.id] = _note(note, found)
    yield from found.values()


def _rows(tx: Tx, wanted: Collection[str]) -> Iterator[_Fact]:
    """What we were told."""
    paid = select(payments.c.id, payments.c.invoice_id).where(payments.c.invoice_id.in_(list(wanted)))
    paid_by = {row.id: row.invoice_id for row in tx.connection.execute(paid)}

    def its(table: Any) -> Iterator[Row[Any]]:
        of = or_(table.c.invoice_id.in_(list(wanted)), table.c.payment.in_(list(paid_by)))
        yield from tx.connection.execute(select(table).where(of))

    for row in its(refund_rows):
        turns = Turns(row.status, row.cents, row.created_at, row.succeeded_at, row.failed_at)
        kind = "refund" if row.payment is not None else "credit_note"
        yield _Fact(kind, row.id, row.invoice_id or paid_by[row.payment], turns)
    for row in its(dispute_rows):
        back_at = row.back_at or (row.closed_at if row.status == "won" else None)
        turns = Turns(row.status, row.cents, row.created_at, row.lost_at, back_at, row.withdrawn_cents)
        yield _Fact("dispute", row.id, row.invoice_id or paid_by[row.payment], turns, row.told_at)


def _refund(invoice: str, refund: Refund, row: _Fact | None) -> _Fact:
    """As Stripe shows it now, which may be more than its events have told so far."""
    if row is None:
        return _Fact("refund", refund.id, invoice, Turns(refund.status, refund.amount_cents, refund.created))
    if not refund_is_newer(refund.status, row.turns.status):
        return row
    return replace(row, turns=replace(row.turns, status=refund.status))


def _dispute(invoice: str, dispute: Dispute, row: _Fact | None) -> _Fact:
    if row is None or row.told_at is None:
        return _Fact("dispute", dispute.id, invoice, _turns(dispute, None, None))
    news = DisputeNews(dispute.status, dispute.withdrawn_cents, row.told_at)
    if not dispute_is_newer(news, DisputeNews(row.turns.status, row.turns.withdrawn_cents, row.told_at)):
        return row
    return replace(row, turns=_turns(dispute, row.turns.gone_at, row.turns.back_at))


def _turns(dispute: Dispute, gone_at: datetime | None, back_at: datetime | None) -> Turns:
    return Turns(
        dispute.status, dispute.amount_cents, dispute.created, gone_at, dispute.back_at or back_at,
        dispute.withdrawn_cents,
    )  # fmt: skip


def _note(note: CreditNote, found: Mapping[str, _Fact]) -> _Fact:
    """A credit note is a refund that has succeeded, until it is voided."""
    cents = note.beside_refunds({id: one.turns.cents for id, one in found.items()})
    status = "succeeded" if note.status == "issued" else "canceled"
    turns = Turns(status, cents, note.created, note.created, note.voided_at)
    return _Fact("credit_note", note.id, note.invoice, turns)
