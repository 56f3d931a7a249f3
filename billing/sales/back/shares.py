"""Shares: what of the money that went back counts for which purchase, where one payment paid several.

Refunds and disputes name the payment alone. What is not said to be of one of its invoices is shared over them in
proportion to the parts that it paid of each, in whole cents; one after the other as Stripe made them, so that it does
not matter which of them is heard of first.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Row, or_, select

from billing.base.db import Tx
from billing.rules.sale.returns import Stands, dispute_stands, refund_stands, split
from billing.sales.back.payments import Part, Purchase, parts_of
from billing.sales.tables import disputes, payments, refunds


@dataclass(frozen=True, slots=True)
class Went:
    """A refund, a credit note (`payment` None) or a dispute, and what of it is a purchase's."""

    id: str
    payment: str | None
    cents: int
    currency: str
    status: str
    created_at: datetime
    withdrawn_cents: int = 0
    closed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Back:
    """Money that went back of a payment, as it is shared: what is `meant_for` an invoice is that one's."""

    id: str
    created_at: datetime
    cents: int
    counts: bool = True
    meant_for: str | None = None


@dataclass(frozen=True, slots=True)
class Sharing:
    """How one payment is shared: the parts of it, and by refund or dispute what stands before it."""

    parts: Sequence[Part]
    weights: Sequence[int]
    before: Mapping[str, int]
    meant_for: Mapping[str, str | None]

    def of(self, purchase: Purchase, id: str, cents: int) -> int:
        """What of the first so many cents of that refund or dispute is the purchase's."""
        place = next((at for at, part in enumerate(self.parts) if _same(part.purchase, purchase)), None)
        if len(self.parts) == 1 or place is None:
            return cents
        meant_for = self.meant_for.get(id)
        if meant_for is not None:
            return cents if meant_for == purchase.invoice else 0
        before = self.before.get(id, 0)
        return split(before + cents, self.weights, place) - split(before, self.weights, place)


def sharing(parts: Sequence[Part], back: Iterable[Back]) -> Sharing:
    """Those that were meant for one invoice take of its part first. What stays where it is does not count."""
    invoices = {part.purchase.invoice for part in parts}
    listed = sorted(back, key=lambda one: (one.created_at, one.id))
    meant_for = {one.id: one.meant_for if one.meant_for in invoices else None for one in listed}
    weights = [
        max(0, (part.cents or 0) - sum(one.cents for one in listed if one.counts and _meant(meant_for, one, part)))
        for part in parts
    ]
    before, so_far = {}, 0
    for one in listed:
        if meant_for[one.id] is None:
            before[one.id] = so_far
            so_far += one.cents if one.counts else 0
    return Sharing(parts, weights if any(weights) else [part.cents or 1 for part in parts], before, meant_for)


def of_payments(tx: Tx, purchases: Collection[str]) -> dict[str, list[Part]]:
    """By payment: all that the payments of these invoices or sessions paid."""
    p, names = payments.c, list(purchases)
    of = select(p.id, p.intent).where(or_(p.invoice_id.in_(names), p.session_id.in_(names)))
    keys = {row.intent or row.id for row in tx.connection.execute(of)}
    rows: dict[str, list[Row[Any]]] = {}
    its = select(payments).where(or_(p.id.in_(keys), p.intent.in_(keys)))
    for row in tx.connection.execute(its) if keys else ():
        rows.setdefault(row.intent or row.id, []).append(row)
    return {name: parts_of(its) for name, its in rows.items()}


def names_of(tx: Tx, keys: Collection[str]) -> dict[str, str]:
    """What these payments may be called, by their charges, too: by each name the payment."""
    p = payments.c
    charges = select(p.id, p.intent).where(p.intent.in_(list(keys)))
    return {**{key: key for key in keys}, **{row.id: row.intent for row in tx.connection.execute(charges)}}


def refunds_of(tx: Tx, purchase: Purchase) -> list[Went]:
    """What was refunded of the purchase, or noted as credit, or is to be."""
    return _went(tx, purchase, refunds)


def disputes_of(tx: Tx, purchase: Purchase) -> list[Went]:
    return _went(tx, purchase, disputes)


def paid_beyond(tx: Tx, purchase: Purchase, total_cents: int) -> int:
    """What its payments paid beyond what was to be paid; 0 where that is not known of all of them."""
    names = [name for name in (purchase.invoice, purchase.session) if name is not None]
    paid = [part.cents for parts in of_payments(tx, names).values() for part in parts if _same(part.purchase, purchase)]
    known = [cents for cents in paid if cents is not None]
    return max(0, sum(known) - total_cents) if len(known) == len(paid) else 0


def disputed(row: Went, total_cents: int, currency: str | None) -> tuple[int, Stands]:
    """How a dispute of a purchase stands, in the money that was paid. A bank that speaks of another currency questions
    all of it.
    """
    if currency in (None, row.currency):
        return dispute_stands(row.status, row.cents, row.withdrawn_cents)
    return dispute_stands(row.status, total_cents, total_cents if row.withdrawn_cents else 0)


def _went(tx: Tx, purchase: Purchase, table: sa.Table) -> list[Went]:
    names = [name for name in (purchase.invoice, purchase.session) if name is not None]
    paid = of_payments(tx, names)
    key_of = names_of(tx, paid.keys()) if paid else {}
    its = or_(purchase.paid(table), table.c.payment.in_(list(key_of)))
    rows = tx.connection.execute(select(table).where(its).order_by(table.c.id)).all()
    several = {key: parts for key, parts in paid.items() if len(parts) > 1}
    shared = _shared(tx, several, key_of) if rows and several else {}
    found = []
    for row in rows:
        one = shared.get(key_of.get(row.payment, ""))
        dispute = row._mapping if table is disputes else {}
        figures = row.cents, dispute.get("withdrawn_cents", 0)
        cents, withdrawn = (cents if one is None else one.of(purchase, row.id, cents) for cents in figures)
        found.append(Went(row.id, row.payment, cents, row.currency, row.status, row.created_at, withdrawn,
                          dispute.get("closed_at")))  # fmt: skip
    return found


def _shared(tx: Tx, several: Mapping[str, Sequence[Part]], key_of: Mapping[str, str]) -> dict[str, Sharing]:
    """The payments that paid several purchases. Refunds and disputes of one are shared together."""
    names = [name for name, key in key_of.items() if key in several]
    back: dict[str, list[Back]] = {key: [] for key in several}
    for row in tx.connection.execute(select(refunds).where(refunds.c.payment.in_(names))):
        counts = refund_stands(row.status) != "stays"
        back[key_of[row.payment]].append(Back(row.id, row.created_at, row.cents, counts, row.meant_for))
    for row in tx.connection.execute(select(disputes).where(disputes.c.payment.in_(names))):
        counts = dispute_stands(row.status, row.cents, row.withdrawn_cents)[1] != "stays"
        back[key_of[row.payment]].append(Back(row.id, row.created_at, row.cents, counts))
    return {key: sharing(parts, back[key]) for key, parts in several.items()}


def _meant(meant_for: Mapping[str, str | None], one: Back, part: Part) -> bool:
    return meant_for[one.id] is not None and meant_for[one.id] == part.purchase.invoice


def _same(one: Purchase, other: Purchase) -> bool:
    """A session and the invoice that it made are one."""
    return (one.invoice is not None and one.invoice == other.invoice) or (
        one.session is not None and one.session == other.session
    )
