"""How a refund or a dispute stood at an instant, by what Stripe's events of the last 30 days showed of it.

Neither says since when it stands as it does: a pending refund that succeeds, a dispute that is lost. Their events do.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Any

from billing.stripe import payloads, returns
from billing.stripe.calling import Ask, any_type, plain, read
from billing.stripe.questions import StoodAt
from billing.stripe.values import Dispute, Event, Refund

if TYPE_CHECKING:
    from stripe import StripeClient

_TOLD_BY: dict[str, tuple[list[str], Callable[[object], Any]]] = {
    "refund": (["refund.created", "refund.updated", "refund.failed", "charge.refund.updated"], returns.refund),
    "dispute": ([f"charge.dispute.{what}" for what in
                 ("created", "updated", "closed", "funds_withdrawn", "funds_reinstated")], returns.dispute),
}  # fmt: skip
_PAGE = 100
_MOST = 20 * _PAGE
"""An account may have a great many of them: so many are looked at."""


def stood_at(client: StripeClient, ask: Ask, question: StoodAt) -> Refund | Dispute | None:
    """The answer. The last event until then shows it; else the first one after says what was otherwise before."""
    types, reader = _TOLD_BY[question.kind]

    def its(since: datetime, until: datetime | None) -> list[Event]:
        created = {"gte": int(since.timestamp()), **({"lte": int(until.timestamp())} if until is not None else {})}
        wanted = {"types": types, "created": created, "limit": _PAGE}

        def gather() -> list[Event]:
            listed = client.v1.events.list(any_type(wanted)).auto_paging_iter()
            return [read(payloads.event, plain(one)) for one in islice(listed, _MOST)]

        found: list[Event] = ask(gather)
        return [event for event in found if event.object_id == question.id]

    before = its(question.created, question.at)
    if before:
        shown: Refund | Dispute = read(reader, dict(before[0].object))
        return shown
    after = its(question.at, None)
    if not after:
        return None
    return _as_before(reader, after[-1])


def _as_before(reader: Callable[[object], Any], event: Event) -> Refund | Dispute:
    found: Refund | Dispute = read(reader, {**event.object, **event.previous})
    return found
