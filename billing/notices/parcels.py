"""Parcels: what exactly is sent for a notice, or why it is not sent any more. Reads, and sends nothing."""

from __future__ import annotations

from dataclasses import dataclass
from email.message import EmailMessage

from sqlalchemy import select

from billing.base.addresses import is_address
from billing.base.db import Tx
from billing.base.outbox import outbox
from billing.catalog.terms import Catalog
from billing.credits import customers
from billing.credits.tables import wallets
from billing.notices import endpoints, preferences
from billing.notices.channels.mail import Envelope, message
from billing.notices.kinds import KINDS, SUPERSEDED_BY, Kind, superseded, too_late
from billing.notices.letters.writing import Desk, write
from billing.notices.spread import staff_target
from billing.notices.values import MAIL, WEBHOOK, Endpoint, Event, Leased, Outcome, Sending

_LATER = 50
"""Later events of a customer that are looked through for one that overtakes a letter."""


@dataclass(frozen=True, slots=True)
class StaffAddress:
    """One of STAFF_NOTIFY_URLS."""

    url: str


Parcel = EmailMessage | Endpoint | StaffAddress


def prepare(tx: Tx, sending: Sending, catalog: Catalog, leased: Leased) -> Parcel | Outcome:
    """What is sent now; an `Outcome` where nothing is."""
    if leased.channel == MAIL:
        return _letter(tx, sending, catalog, leased)
    if leased.channel == WEBHOOK:
        found = endpoints.to_send(tx, leased.target)
        return Outcome("dropped", found) if isinstance(found, str) else found
    url = next((url for url in sending.staff_urls if staff_target(url) == leased.target), None)
    return Outcome("dropped", "STAFF_NOTIFY_URLS does not name it any more") if url is None else StaffAddress(url)


def _letter(tx: Tx, sending: Sending, catalog: Catalog, leased: Leased) -> EmailMessage | Outcome:
    if sending.no_mail is not None or sending.mail_from is None:
        return Outcome("failed", sending.no_mail, lane=True)
    kind, event = KINDS[leased.kind or ""], leased.event
    customer = customers.some(tx, [leased.target]).get(leased.target)
    if customer is None or customer.email is None:
        return Outcome("dropped", "there is no address any more")
    if not is_address(customer.email):
        return Outcome("dropped", "the address is none that mail can be sent to")
    if preferences.unwanted(tx, [customer.id]) & {(customer.id, kind.name)}:
        return Outcome("dropped", "the customer does not want it any more")
    late = too_late(kind, event, tx.now) or _overtaken(tx, kind, event) or _refilled(tx, kind, event)
    if late is not None:
        return Outcome("dropped", late)
    letter, stop = write(Desk(sending, catalog, tx.now), kind, event, customer)
    envelope = Envelope(event.id, customer.email, customer.name, tx.now, stop)
    return message(letter, envelope, sending.mail_from)


def _overtaken(tx: Tx, kind: Kind, event: Event) -> str | None:
    """What was told since, or with it, that makes the letter wrong."""
    types = SUPERSEDED_BY.get(kind.name)
    if types is None:
        return None
    its = (outbox.c.customer_id == event.customer) & outbox.c.type.in_(types)
    since = select(outbox).where(its, outbox.c.recorded_at >= event.recorded_at, outbox.c.id != event.id)
    rows = tx.connection.execute(since.order_by(outbox.c.recorded_at, outbox.c.id).limit(_LATER))
    for row in rows:
        if superseded(kind, event, Event(row.id, row.type, row.customer_id, row.facts, row.recorded_at)):
            return f"overtaken by {row.type}"
    return None


def _refilled(tx: Tx, kind: Kind, event: Event) -> str | None:
    """Few were left, and it has been armed again since: by credits that were granted earlier and begin now, too."""
    if kind.name not in ("low", "exhausted"):
        return None
    crossed = max((one["credits"] for one in event.facts.get("thresholds") or ()), default=0)
    its = (wallets.c.customer_id == event.customer) & (wallets.c.unit == event.facts.get("unit"))
    row = tx.connection.execute(select(wallets.c.available, wallets.c.low_told).where(its)).one_or_none()
    armed = row is not None and row.available > crossed and (row.low_told is None or row.low_told > crossed)
    return "overtaken by new credits" if armed else None
