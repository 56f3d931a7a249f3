"""Money that went back, for the reconciliation: what Stripe told of it and is still to be handled, and what Stripe says
itself, where it was asked, and its events did not.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, or_, select

from billing.base.db import Tx
from billing.finance import next_steps
from billing.finance.at_stripe import Back
from billing.finance.reconciliation_values import Difference, Kind
from billing.inbox.tables import stripe_events as inbox
from billing.inbox.waking import OPEN, is_open
from billing.sales import before
from billing.sales.tables import disputes, payments, refunds, sales

_RETURNS = ("refund.", "charge.refund", "charge.dispute", "credit_note.")
_AT_ONCE = 500


def open_ones(tx: Tx, since: datetime, until: datetime) -> Iterator[Difference]:
    """Refunds, disputes and credit notes that Stripe told of, and that are still to be handled."""
    its = or_(*(inbox.c.type.startswith(kind) for kind in _RETURNS))
    then = (inbox.c.created_at >= since) & (inbox.c.created_at < until)
    columns = (inbox.c.object_id, inbox.c.id, inbox.c.status, inbox.c.reason, inbox.c.created_at)
    query = select(*columns).where(is_open(), its, then)
    for row in tx.connection.execute(query):
        kind: Kind = "failed" if row.status == "failed" else "waiting"
        reason = row.reason or "not handled yet"
        yield Difference(kind, row.created_at, row.object_id or row.id, None, "", None, None, None, reason,
                         next_steps.of_reason(reason))  # fmt: skip


def against_stripe(tx: Tx, back: Sequence[Back], start: datetime | None) -> Iterator[Difference]:
    """What stands otherwise at Stripe than here, of payments that are known here. What waits in the inbox is above."""
    ids = [one.id for one in back]
    columns = [(table, select(table.c.id, table.c.status)) for table in (refunds, disputes)]
    here = {row.id: row.status for table, query in columns for row in _in(tx, query, table.c.id, ids)}
    told, early = _told(tx, ids), before.known(tx, ids)
    bought = _bought(tx, {name for one in back for name in one.payments})
    for one in back:
        of, customer = next((bought[name] for name in one.payments if name in bought), (None, None))
        if of is None or one.id in early or (start is not None and one.at < start):
            continue
        stands = here.get(one.id)
        if stands == one.status or told.get(one.id) == "open" or (stands is None and one.id in told):
            continue
        knows = "No event has told of it." if stands is None else f"Here it stands as: {_words(stands)}."
        yield Difference("never_arrived", one.at, f"{one.id} ({one.kind} of {of})", customer, one.currency, -one.cents,
                         None, None, f"Stripe says of this {one.kind}: {_words(one.status)}. {knows}",
                         next_steps.SYNC)  # fmt: skip


def _words(status: str) -> str:
    return status.replace("_", " ")


def _in(tx: Tx, query: Select[Any], column: ColumnElement[Any], names: Collection[str]) -> Iterator[Row[Any]]:
    listed = sorted(names)
    for at in range(0, len(listed), _AT_ONCE):
        yield from tx.connection.execute(query.where(column.in_(listed[at : at + _AT_ONCE])))


def _told(tx: Tx, ids: Collection[str]) -> Mapping[str, str]:
    """Of which of them there is an event, and whether one is still to be handled."""
    found: dict[str, str] = {}
    for row in _in(tx, select(inbox.c.object_id, inbox.c.status), inbox.c.object_id, ids):
        found[row.object_id] = "open" if row.status in OPEN else found.get(row.object_id, "handled")
    return found


def _bought(tx: Tx, names: Collection[str]) -> Mapping[str, tuple[str, str | None]]:
    """By payment: what it paid, and whose that was."""
    s, p = sales.c, payments.c
    its = or_(s.invoice_id == p.invoice_id, s.session_id == p.session_id)
    query = select(p.id, p.invoice_id, p.session_id, s.customer_id).outerjoin(sales, its)
    return {row.id: (row.invoice_id or row.session_id, row.customer_id) for row in _in(tx, query, p.id, names)}
