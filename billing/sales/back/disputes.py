"""Disputes: a bank questions a payment, takes it back, and perhaps gives it back again."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Row, select

from billing.base import outbox, sets
from billing.base.db import Tx
from billing.catalog.terms import Catalog
from billing.rules.sale.returns import DisputeNews, dispute_is_newer, dispute_stands
from billing.sales.back import payments, returned
from billing.sales.tables import disputes
from billing.sales.values import Applied
from billing.stripe.questions import Known
from billing.stripe.values import Dispute

_CLOSED = ("won", "lost", "warning_closed", "prevented")


def apply(
    tx: Tx, catalog: Catalog, dispute: Dispute, at: datetime, known: Known, since: datetime | None = None
) -> Applied:
    """Holds what a chargeback may take, takes it if lost, frees it if won. `at`: when Stripe said so; `since`: when it
    took this status, where that was said, too.
    """
    purchase = payments.purchase_of(tx, dispute.payment_intent, dispute.charge, known)
    if isinstance(purchase, tuple):
        return Applied(needs=purchase)
    if purchase is None:
        return Applied(waits=f"no invoice or session is known that {dispute.payment_intent or dispute.charge} paid")
    row = {
        "id": dispute.id,
        "payment": dispute.payment_intent or dispute.charge,
        "invoice_id": purchase.invoice,
        "session_id": purchase.session,
        "cents": dispute.amount_cents,
        "currency": dispute.currency,
        "status": dispute.status,
        "reason": dispute.reason,
        "withdrawn_cents": dispute.withdrawn_cents,
        "created_at": dispute.created,
        "closed_at": _closed_at(dispute, at, since),
        "told_at": at,
        "seen_at": tx.now,
        "lost_at": since if dispute.status == "lost" else None,
        "back_at": dispute.back_at,
    }
    before = _remember(tx, row)
    moved = returned.settle_all(tx, catalog, payments.all_of(tx, dispute.payment_intent, dispute.charge))
    whose = payments.name(tx, disputes, dispute.id, purchase)
    if whose is not None:
        _tell(tx, dispute, whose, before)
    if moved is None:
        return Applied(waits=f"{purchase} has brought nothing yet that could be held or taken back")
    return Applied(note=None if moved else "nothing moves" if before != "stale" else "known before")


def _closed_at(dispute: Dispute, at: datetime, since: datetime | None) -> datetime | None:
    """When it was closed, at the latest. Of one that was won exactly, or not yet: by it ends move, once."""
    if dispute.status not in _CLOSED:
        return None
    return since if dispute.status == "won" else since or at


def _remember(tx: Tx, row: dict[str, Any]) -> str:
    """Writes it down unless what is known has come further. The status it had, `new`, or `stale`."""
    if sets.insert(tx, disputes, [row], unless_there=True):
        return "new"
    known: Row[Any] = tx.connection.execute(select(disputes).where(disputes.c.id == row["id"]).with_for_update()).one()
    news = DisputeNews(row["status"], row["withdrawn_cents"], row["told_at"])
    newer = dispute_is_newer(news, DisputeNews(known.status, known.withdrawn_cents, known.told_at))
    values = {name: _first(row[name], known._mapping[name]) for name in ("lost_at", "back_at")}
    if newer:
        values |= {name: row[name] for name in ("status", "withdrawn_cents", "cents", "told_at", "seen_at", "reason")}
    if known.status == row["status"]:
        values["closed_at"] = _first(row["closed_at"], known.closed_at)  # it was closed when that was first said
    elif newer:
        values["closed_at"] = row["closed_at"]
    tx.connection.execute(sa.update(disputes).where(disputes.c.id == row["id"]).values(values))
    return str(known.status) if newer else "stale"


def _first(*times: datetime | None) -> datetime | None:
    return min((at for at in times if at is not None), default=None)


def _tell(tx: Tx, dispute: Dispute, customer: str, before: str) -> None:
    fact = {"customer": customer, "dispute": dispute.id, "cents": dispute.amount_cents, "currency": dispute.currency,
            "status": dispute.status, "reason": dispute.reason}  # fmt: skip
    _, stands = dispute_stands(dispute.status, dispute.amount_cents, dispute.withdrawn_cents)
    _, stood = dispute_stands(before, dispute.amount_cents, 0)
    if stands == "may_go" and before != "stale" and stood != "may_go":
        outbox.tell(tx, ("dispute.opened", fact))
    if dispute.status in _CLOSED and before not in ("stale", dispute.status):
        outbox.tell(tx, ("dispute.closed", fact))
