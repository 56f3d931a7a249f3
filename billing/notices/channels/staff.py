"""Staff: one short message by apprise, which knows Slack, Teams, Matrix, mail and a hundred more by an address each."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from billing.notices.values import SENT, Event, Outcome

_TITLES = {
    "review.needed": "Something needs a look",
    "auto_topup.paused": "Automatic top-up is paused",
    "dispute.opened": "A payment is disputed",
}
_SHOWN = (
    "customer",
    "reason",
    "message",
    "object",
    "type",
    "status",
    "dispute",
    "unit",
    "failures",
    "cents",
    "currency",
)


def text(event: Event, public_url: str) -> tuple[str, str]:
    """The message's title and body: what happened, whom it is about, where to look."""
    facts: Mapping[str, Any] = event.facts
    customer = event.customer
    title = _TITLES.get(event.type, event.type) + (f": {customer}" if customer else "")
    lines = [f"{name}: {_plain(facts[name])}" for name in _SHOWN if facts.get(name) is not None]
    page = f"/finance/customers/{quote(customer, safe='')}" if customer else "/finance/inbox"
    return title, "\n".join([*lines, "", f"{public_url}{page}", f"({event.type}, {event.id})"])


def send(url: str, event: Event, public_url: str) -> Outcome:
    """One attempt, at one of staff's addresses."""
    try:
        from apprise import Apprise
    except ImportError:
        return Outcome("failed", "apprise is not installed: pip install 'billing[notify]'", lane=True)
    logging.getLogger("apprise").setLevel(logging.CRITICAL)  # its lines may show the address, which is a secret
    sender = Apprise()
    if not sender.add(url):
        return Outcome("failed", "apprise does not understand this address of STAFF_NOTIFY_URLS", lane=True)
    title, body = text(event, public_url)
    if sender.notify(title=title, body=body):
        return SENT
    return Outcome("failed", "apprise could not deliver it", lane=True)


def _plain(value: Any) -> str:
    return " ".join(str(value).split())[:300]
