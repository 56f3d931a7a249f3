"""The paid invoices that Stripe told us of, as they stand in the inbox: each once, whatever events told of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, select

from billing.base.db import Tx
from billing.inbox.tables import stripe_events as inbox
from billing.stripe import payloads, thin
from billing.stripe.values import Invoice, PayloadInvalid

_APART = timedelta(days=3)
"""An event may be made so much later than the payment that it tells of, or, where it was recorded, earlier."""

TYPES = ("invoice.paid", "v1.invoice.paid")

_BEST = ("done", "received", "waiting", "failed", "ignored")
"""Of several events about one invoice the one that came furthest says how it stands."""


@dataclass(frozen=True, slots=True)
class Told:
    """A paid invoice, and the event that told of it. `invoice` None: a thin event told of it, which does not carry it,
    or it can't be read; `reason` says why.
    """

    event: str
    status: str
    reason: str | None
    paid_at: datetime
    received_at: datetime
    invoice_id: str
    invoice: Invoice | None


def told(tx: Tx, since: datetime, until: datetime) -> list[Told]:
    """Those paid in `[since, until)`, the latest first."""
    found: dict[str, Told] = {}
    for row in _rows(tx, since - _APART, until + _APART):
        one = _read(row)
        before = found.get(one.invoice_id)
        if since <= one.paid_at < until and (before is None or _better(one, before)):
            found[one.invoice_id] = one
    return sorted(found.values(), key=lambda one: (one.paid_at, one.invoice_id), reverse=True)


def _rows(tx: Tx, since: datetime, until: datetime) -> Any:
    columns = (inbox.c.id, inbox.c.object_id, inbox.c.status, inbox.c.reason, inbox.c.created_at, inbox.c.received_at)
    made_then = inbox.c.created_at.between(since, until)
    query = select(*columns, inbox.c.payload).where(inbox.c.type.in_(TYPES), made_then)
    return tx.connection.execute(query, execution_options={"yield_per": 500})


def _read(row: Row[Any]) -> Told:
    try:
        event = thin.any_event(payloads.decode(row.payload.encode()))
        if event.related is not None:
            return Told(row.id, row.status, row.reason, row.created_at, row.received_at, event.related[1], None)
        invoice = payloads.invoice(event.object)
    except PayloadInvalid as invalid:
        name = row.object_id or row.id
        return Told(row.id, row.status, row.reason or str(invalid), row.created_at, row.received_at, name, None)
    paid_at = invoice.paid_at or row.created_at
    return Told(row.id, row.status, row.reason, paid_at, row.received_at, invoice.id, invoice)


def _better(one: Told, before: Told) -> bool:
    return (one.invoice is None, _BEST.index(one.status)) < (before.invoice is None, _BEST.index(before.status))
