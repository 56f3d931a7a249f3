"""Delivery: sends what waits, each receiver's in a lane of its own, so that a slow one holds up nobody else.

Nothing is open in the database while somebody is talked to: lease, prepare, send, record. At least once: who dies after
sending and before recording is followed by somebody who sends again, under the same id.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from time import monotonic
from typing import Any

from billing.base.db import Database
from billing.base.round import Round
from billing.catalog.terms import Catalog
from billing.notices import leasing
from billing.notices.channels import staff, webhooks
from billing.notices.channels.mail import Post
from billing.notices.parcels import Parcel, StaffAddress, prepare
from billing.notices.values import Endpoint, Leased, Outcome, Sending
from billing.rules.refusals import Unavailable

LANES_AT_ONCE = 8
LANE_SECONDS = 20.0
"""After that a lane's turn is over; what it has not come to is given back."""

Tell = Callable[[Iterable[tuple[str, dict[str, Any]]]], None]
_LOG = logging.getLogger("billing.notices")


@dataclass(frozen=True, slots=True)
class Courier:
    """Who delivers: the database, how we send, what is sold, and who hears of what is told."""

    db: Database
    sending: Sending
    catalog: Catalog
    tell: Tell


def deliver(courier: Courier, limit: int) -> Round:
    """Sends up to `limit` notices whose time has come. Says whether there may be more that can be sent at once, and how
    many got through.
    """
    with courier.db.write() as tx:
        leasing.give_up_old(tx)
        leased = leasing.lease(tx, limit)
    courier.tell(tx.told)
    lanes: dict[str, list[Leased]] = {}
    for one in leased:
        lanes.setdefault(one.lane, []).append(one)
    if not lanes:
        return Round(False, 0)
    with ThreadPoolExecutor(min(LANES_AT_ONCE, len(lanes)), thread_name_prefix="billing notices") as pool:
        done = list(pool.map(lambda lane: _turn(courier, lane), lanes.values()))
    full = len(leased) == limit or any(len(lane) >= leasing.PER_LANE[lane[0].channel] for lane in lanes.values())
    return Round(full and any(done), sum(done))


def deliver_one(courier: Courier, id: str) -> Outcome | None:
    """This notice, now. None: somebody else is sending it, or it waits no more."""
    with courier.db.write() as tx:
        leased = leasing.lease_one(tx, id)
    if leased is None:
        return None
    lane = _Lane(courier.sending)
    try:
        outcome = _attempt(courier, leased, lane)
    finally:
        lane.close()
    _record(courier, leased, outcome)
    return outcome


def test(courier: Courier, endpoint: Endpoint, id: str, now: datetime) -> Outcome:
    """One signed event that says nothing, sent once; nothing is kept of it."""
    return webhooks.send(endpoint, webhooks.test_event(id, now), courier.sending.private)


class _Lane:
    """What a turn keeps open: the mail server's connection."""

    def __init__(self, sending: Sending) -> None:
        self._post = None if sending.smtp is None else Post(sending.smtp)
        self._sending = sending

    def send(self, leased: Leased, parcel: Parcel) -> Outcome:
        if isinstance(parcel, EmailMessage):
            assert self._post is not None, "a letter is written where there is a mail server only"
            return self._post.send(parcel)
        if isinstance(parcel, StaffAddress):
            return staff.send(parcel.url, leased.event, self._sending.public_url)
        return webhooks.send(parcel, leased.event, self._sending.private)

    def close(self) -> None:
        if self._post is not None:
            self._post.close()


def _turn(courier: Courier, leased: Sequence[Leased]) -> int:
    """A lane's notices, one by one, until its time is over or its receiver is in trouble. How many got through?"""
    lane, until, sent = _Lane(courier.sending), monotonic() + LANE_SECONDS, 0
    left = list(leased)
    try:
        while left and monotonic() < until:
            one = left.pop(0)
            outcome = _attempt(courier, one, lane)
            sent += outcome.status != "failed"
            if _record(courier, one, outcome):
                break
    except Unavailable as unavailable:  # the database is gone: what is not recorded is sent again after its lease
        _LOG.warning("notices of %s are left to the next turn: %s", leased[0].lane, unavailable)
    finally:
        lane.close()
        if left:
            with suppress(Unavailable), courier.db.write() as tx:
                leasing.give_back(tx, left)
    return sent


def _attempt(courier: Courier, leased: Leased, lane: _Lane) -> Outcome:
    try:
        with courier.db.read() as tx:
            parcel = prepare(tx, courier.sending, courier.catalog, leased)
        return parcel if isinstance(parcel, Outcome) else lane.send(leased, parcel)
    except Unavailable:
        raise
    except Exception as error:  # noqa: BLE001 - whatever it is, the others of its lane must not wait for it
        _LOG.exception("notice %s of %s could not be made", leased.id, leased.event.id)
        return Outcome("failed", f"{type(error).__name__}: see the log")


def _record(courier: Courier, leased: Leased, outcome: Outcome) -> bool:
    with courier.db.write() as tx:
        rests = leasing.record(tx, leased, outcome)
    courier.tell(tx.told)
    if outcome.status == "failed":
        _LOG.warning("notice %s (%s to %s): %s", leased.id, leased.event.type, leased.lane, outcome.reason)
    return rests
