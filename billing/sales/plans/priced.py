"""Priced: whose prices an invoice's lines have, and which of them the catalog does not know.

A line names its price by id alone, a catalog may name a lookup key. So before a price counts as one that nothing is
sold for, Stripe is asked for its key, once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import func, select

from billing.base import outbox
from billing.base.db import Tx
from billing.catalog.prices import owner_then
from billing.catalog.terms import Catalog, Pack, Plan
from billing.rules.sale.lines import Line
from billing.rules.sale.values import Outcome, Waiting
from billing.sales import stripe_prices
from billing.sales.tables import sales
from billing.stripe.questions import Known, ObjectById
from billing.stripe.values import Invoice

Owned = tuple[Line, Plan | Pack | None]


def lines_of(tx: Tx, catalog: Catalog, invoice: Invoice, known: Known | None) -> list[Owned]:
    """Each line with the plan or pack that its price sells: by the catalog as it was when the line began. What is more
    or less of a plan in the middle of its period is of what there is already: by the catalog of that purchase.
    """
    keys = stripe_prices.keys(tx, {line.price for line in invoice.lines if line.lookup_key is None})
    told = _told(tx, invoice, keys, known)
    keys = {**told, **keys}
    since = bought(tx, invoice.lines)
    found = [
        (
            line,
            owner_then(
                catalog, line.price, line.lookup_key or keys.get(line.price or ""), since.get(line.id, line.start)
            ),
        )
        for line in invoice.lines
    ]
    for price in dict.fromkeys(line.price for line, owner in found if owner is None and line.price in told):
        reason = f"{UNMAPPED} {price}, on invoice {invoice.id}: brings no credits"
        outbox.tell(tx, ("review.needed", {"type": "invoice.paid", "object": price, "reason": reason}))
    return found


def bought(tx: Tx, lines: Iterable[Line]) -> dict[str, datetime]:
    """By prorated line: when its item came to have its price in this very period, where it had that before."""
    lines = [line for line in lines if line.proration and line.item is not None]
    if not lines:
        return {}
    s = sales.c
    its = s.item_id.in_(sorted({line.item for line in lines if line.item is not None})) & s.price.is_not(None)
    query = select(s.item_id, s.price, s.period_end, func.min(s.period_start)).where(its)
    rows = tx.connection.execute(query.group_by(s.item_id, s.price, s.period_end))
    since: dict[tuple[str | None, str | None, datetime], datetime] = {
        (item, price, end): start for item, price, end, start in rows
    }
    found = {line.id: since.get((line.item, line.price, line.end), line.start) for line in lines}
    return {line.id: min(found[line.id], line.start) for line in lines}


def unheard(tx: Tx, lines: Sequence[Owned]) -> list[ObjectById]:
    """What has to be asked of prices whose lookup key was never heard of, and that the catalog does not name by id."""
    wanted = {line.price for line, owner in lines if owner is None and line.lookup_key is None}
    heard = stripe_prices.keys(tx, wanted)
    return [ObjectById("price", id) for id in sorted(id for id in wanted if id is not None and id not in heard)]


def unmapped(tx: Tx, lines: Sequence[Owned], outcomes: Sequence[Outcome]) -> str | None:
    """Why there is nothing to wait for, where all that brings nothing are lines with prices that the catalog does not
    know, beside others that it does: an add-on for something else. None: there is, or everything brings something.
    """
    waiting = [one for one in outcomes if isinstance(one, Waiting)]
    strange = {line.id: line for line, owner in lines if owner is None}
    mapped = any(owner is not None for _, owner in lines)
    if not waiting or not mapped or unheard(tx, lines) or any(set(one.lines) - set(strange) for one in waiting):
        return None
    prices = dict.fromkeys(str(strange[id].price) for one in waiting for id in one.lines)
    return f"{UNMAPPED} {', '.join(prices)}: brings no credits"


UNMAPPED = "unmapped price"
"""How the reason of such an invoice begins."""


def _told(tx: Tx, invoice: Invoice, heard: Mapping[str, str], known: Known | None) -> dict[str, str]:
    """Lookup keys that Stripe was asked for. They are kept, an empty one for none: so each price is asked for once."""
    found = {}
    for price in dict.fromkeys(line.price for line in invoice.lines if line.lookup_key is None):
        question = ObjectById("price", price or "")
        if price is None or price in heard or question not in (known or {}):
            continue
        document: Any = (known or {})[question]
        key = document.get("lookup_key") if isinstance(document, dict) else None
        found[price] = key if isinstance(key, str) else ""
    stripe_prices.note(tx, found.items())
    return found
