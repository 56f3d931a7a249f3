"""Taken back: which invoices' money had gone back wholly by an instant, by refunds, credit notes and lost disputes.

The instants are Stripe's, whenever we were told: an invoice that is judged late is judged by what stood when it was
paid. What our rows don't say is asked for.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Row, func, or_, select

from billing.base.db import Tx
from billing.rules.sale.returns import (
    DisputeNews,
    Turns,
    dispute_is_newer,
    dispute_stands,
    lost_by,
    refund_is_newer,
    refund_stands,
    refunded_by,
)
from billing.sales import ordering
from billing.sales.back.payments import Part, Purchase
from billing.sales.back.shares import Back, names_of, of_payments, sharing
from billing.sales.tables import disputes as dispute_rows
from billing.sales.tables import refunds as refund_rows
from billing.sales.tables import sales
from billing.stripe.questions import CreditNotesOfInvoice, Known, PaymentsOfInvoice, StoodAt
from billing.stripe.values import CreditNote, Dispute, Refund


@dataclass(frozen=True, slots=True)
class _Fact:
    """Something by which money went back, or may have: of a payment, or (a credit note) of an invoice."""

    kind: str
    id: str
    of: str
    turns: Turns
    currency: str
    told_at: datetime | None = None
    meant_for: str | None = None

    def gone(self, at: datetime) -> int | None:
        return lost_by(self.turns, at) if self.kind == "dispute" else refunded_by(self.turns, at)

    def question(self, at: datetime) -> StoodAt | None:
        """What has to be asked to know what of it had gone by then."""
        if self.kind == "credit_note" or self.gone(at) is not None:
            return None
        return StoodAt(self.kind, self.id, self.turns.created_at, at)

    @property
    def back(self) -> Back:
        turns = self.turns
        if self.kind == "dispute":
            counts = dispute_stands(turns.status, turns.cents, turns.withdrawn_cents)[1] != "stays"
        else:
            counts = refund_stands(turns.status) != "stays"
        return Back(self.id, turns.created_at, turns.cents, counts, self.meant_for)


@dataclass(frozen=True, slots=True)
class _Found:
    """All that may have gone back of some invoices, and by payment what it paid."""

    facts: Sequence[_Fact]
    parts: Mapping[str, Sequence[Part]]


def wholly(tx: Tx, invoices: Collection[str | None], at: datetime, known: Known | None) -> set[str]:
    """Those of them of which all that was paid had gone back by that instant: refunds that succeeded and disputes that
    were lost. An invoice that cost nothing never is.
    """
    found = _find(tx, invoices, known or {})
    wanted = [invoice for invoice in dict.fromkeys(invoices) if invoice is not None]
    totals = select(sales.c.invoice_id, func.max(sales.c.total_cents), func.max(sales.c.currency)).where(
        sales.c.invoice_id.in_(wanted if found.facts else [])
    )
    return {
        invoice
        for invoice, total, currency in tx.connection.execute(totals.group_by(sales.c.invoice_id))
        if total is not None and 0 < total <= _back_of(invoice, total, currency, found, at, known or {})
    }


def questions(tx: Tx, invoices: Collection[str], times: Collection[datetime], known: Known | None) -> list[StoodAt]:
    """What has to be asked, beside what became of their payments, to know that."""
    asked = [one.question(at) for one in _find(tx, invoices, known or {}).facts for at in times]
    return [question for question in asked if question is not None]


def _back_of(invoice: str, total: int, currency: str | None, found: _Found, at: datetime, known: Known) -> int:
    """What of the invoice had gone back by then: first what was paid beyond its total, which is none of it."""
    purchase = Purchase(invoice=invoice)
    noted = sum(_gone(one, at, known) for one in found.facts if one.kind == "credit_note" and one.of == invoice)
    money = 0
    paid: list[int | None] = []
    for payment, parts in found.parts.items():
        own = [part.cents for part in parts if part.purchase.invoice == invoice]
        if not own:
            continue
        paid.extend(own)
        its = [one for one in found.facts if one.kind != "credit_note" and one.of == payment]
        shared = sharing(parts, [one.back for one in its])
        for one in its:
            gone = _gone(one, at, known)
            if currency in (None, one.currency):
                money += shared.of(purchase, one.id, gone)
            elif one.kind == "dispute" and gone:  # of another currency it is about all of it
                money += total
    sums = [cents for cents in paid if cents is not None]
    beyond = max(0, sum(sums) - total) if len(sums) == len(paid) else 0
    return noted + max(0, money - beyond)


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


def _find(tx: Tx, invoices: Collection[str | None], known: Known) -> _Found:
    wanted = sorted({invoice for invoice in invoices if invoice is not None})
    if not wanted:
        return _Found((), {})
    parts: dict[str, list[Part]] = dict(of_payments(tx, wanted))
    key_of = names_of(tx, parts.keys())
    found = {one.id: one for one in _rows(tx, wanted, key_of)}
    for invoice in wanted:
        for payment in known.get(PaymentsOfInvoice(invoice)) or ():
            name = payment.payment_intent or payment.charge
            if name is None or payment.status not in ("paid", "open"):
                continue
            key = key_of.get(name, name)
            its = parts.setdefault(key, [])
            if not any(part.purchase.invoice == invoice and part.cents is not None for part in its):
                others = [part for part in its if part.purchase.invoice != invoice]
                its[:] = [*others, Part(Purchase(invoice=invoice), payment.amount_paid_cents)]
                its.sort(key=lambda part: str(part.purchase))
            refunded, disputed = ordering.of_payment(payment)
            for refund in known.get(refunded) or ():
                found[refund.id] = _refund(key, refund, found.get(refund.id))
            for dispute in known.get(disputed) or ():
                found[dispute.id] = _dispute(key, dispute, found.get(dispute.id))
        for note in known.get(CreditNotesOfInvoice(invoice)) or ():
            found[note.id] = _note(note, found)
    return _Found([*found.values()], parts)


def _rows(tx: Tx, wanted: Collection[str], key_of: Mapping[str, str]) -> Iterator[_Fact]:
    """What we were told."""

    def its(table: Any) -> Iterator[Row[Any]]:
        of = or_(table.c.invoice_id.in_(list(wanted)), table.c.payment.in_(list(key_of)))
        yield from tx.connection.execute(select(table).where(of))

    for row in its(refund_rows):
        turns = Turns(row.status, row.cents, row.created_at, row.succeeded_at, row.failed_at)
        if row.payment is None:
            yield _Fact("credit_note", row.id, row.invoice_id, turns, row.currency)
        else:
            of = key_of.get(row.payment, row.payment)
            yield _Fact("refund", row.id, of, turns, row.currency, meant_for=row.meant_for)
    for row in its(dispute_rows):
        back_at = row.back_at or (row.closed_at if row.status == "won" else None)
        turns = Turns(row.status, row.cents, row.created_at, row.lost_at, back_at, row.withdrawn_cents)
        yield _Fact("dispute", row.id, key_of.get(row.payment, row.payment), turns, row.currency, row.told_at)


def _refund(payment: str, refund: Refund, row: _Fact | None) -> _Fact:
    """As Stripe shows it now, which may be more than its events have told so far."""
    if row is None:
        turns = Turns(refund.status, refund.amount_cents, refund.created)
        return _Fact("refund", refund.id, payment, turns, refund.currency)
    if not refund_is_newer(refund.status, row.turns.status):
        return row
    return replace(row, turns=replace(row.turns, status=refund.status))


def _dispute(payment: str, dispute: Dispute, row: _Fact | None) -> _Fact:
    if row is None or row.told_at is None:
        return _Fact("dispute", dispute.id, payment, _turns(dispute, None, None), dispute.currency)
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
    return _Fact("credit_note", note.id, note.invoice, turns, note.currency)
