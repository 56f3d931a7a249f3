"""What is done by night: the books against themselves, and what may go by its age. Decides nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from billing import signals
from billing.base import outbox
from billing.base.round import Round
from billing.finance.auditing.breach import BooksBroken
from billing.retention import AT_ONCE
from billing.retention import purge as let_go

if TYPE_CHECKING:
    from billing.engine.alone import Billing


def check_books(self: Billing) -> Round:
    """The step: the audit, in one snapshot. It repairs nothing: breaches are told of once a day as `review.needed`.

    Raises BooksBroken, which says how many there are.
    """
    breaches = self.audit()
    if not breaches:
        return Round(more=False)
    broken = BooksBroken(len(breaches), str(breaches[0]))
    with self.database.write() as tx:
        fact = {"customer": None, "object": "audit", "status": "failed", "reason": str(broken)}
        outbox.tell_once(tx, f"audit:{tx.now:%Y-%m-%d}", "review.needed", {**fact, "breaches": len(breaches)})
    signals.send(self, tx.told)
    raise broken


def purge(self: Billing, limit: int = AT_ONCE) -> Round:
    """The step: lets go what is older than it is to be kept (see `billing/retention.py`), up to `limit` rows of each
    rule. Says whether there is more.
    """
    with self.database.write() as tx:
        return let_go(tx, self.keep, limit)
