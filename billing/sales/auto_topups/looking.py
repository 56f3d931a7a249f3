"""Looking: asks after payments that were on their way and of which nothing was heard."""

from __future__ import annotations

import logging
from datetime import timedelta

from sqlalchemy import select

from billing.base.db import Database, Tx
from billing.base.round import Round
from billing.catalog.terms import Catalog
from billing.rules.refusals import Busy, Refusal, StripeNotConfigured, Unavailable
from billing.sales import sessions
from billing.sales.auto_topups import settling
from billing.sales.conversations import Tell
from billing.sales.packs import topup_rows
from billing.sales.tables import topups as topup_table
from billing.stripe.gateway import Gateway
from billing.stripe.values import PaymentIntent

_LOG = logging.getLogger("billing.auto_topups")
_STILL_ON_ITS_WAY = "Stripe has not said for weeks what became of it: nothing else is bought until it does."
_WEEK = timedelta(weeks=1)


def look_at_pending(db: Database, gateway: Gateway, catalog: Catalog, tell: Tell, limit: int) -> Round:
    """The step: asks after payments that were on their way and of which nothing was heard. Is there more?"""
    with db.write() as tx:
        only = topup_table.c.automatic.is_not(None)
        due = sessions.due(tx, topup_table, limit, only, then_every=_WEEK)
    looked = 0
    for id in due:
        try:
            intent = gateway.charging.now(id)
            with db.write() as tx:
                _looked_at(tx, catalog, id, intent)
            tell(tx.told)
            looked += 1
        except Busy as busy:
            _LOG.warning("payment %s is looked at later: %s", id, busy)
        except (Unavailable, StripeNotConfigured) as error:
            _LOG.warning("payment %s is looked at later: %s", id, error)
            return Round(False, looked)
        except Refusal as refusal:
            _LOG.warning("payment %s: %s", id, refusal)
    return Round(len(due) >= limit, looked)


def _looked_at(tx: Tx, catalog: Catalog, id: str, intent: PaymentIntent | None) -> None:
    """Nothing else is bought for the wallet as long as its fate is not known: what takes too long somebody looks at."""
    row = tx.connection.execute(select(topup_table).where(topup_table.c.session_id == id)).one()
    over = intent is not None and intent.status != "processing"
    waits = settling.apply(tx, catalog, row, intent, tx.now).waits if over and intent is not None else None
    if waits is not None or (not over and row.looks >= sessions.MOST_LOOKS):
        topup_rows.note_review(tx, id, waits or _STILL_ON_ITS_WAY)
