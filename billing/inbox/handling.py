"""Handling one stored event: attempt, and where its handler has to know more, roll back, ask Stripe, attempt again.

The effect and the mark "done" are committed together, under the lock of the event's row; so whenever a process ends,
the event is either handled or still to be handled. Nothing is locked while Stripe is asked.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import Row

from billing.base.db import Tx
from billing.inbox import storing
from billing.inbox.earlier import from_before
from billing.inbox.handlers import Handler, handler_of
from billing.inbox.values import Desk
from billing.inbox.waking import OPEN, may_bring_more, of_customer, soon
from billing.rules.refusals import Refusal, StripeNotConfigured, StripeUnavailable, Unavailable
from billing.sales.needs import MOST_ROUNDS, MoreNeeded, ask, unanswered
from billing.sales.values import Applied
from billing.stripe import payloads, thin
from billing.stripe.gateway import Gateway
from billing.stripe.questions import NobodyToAsk, ObjectById, Question
from billing.stripe.values import Event, PayloadInvalid

AT_ONCE = 20
"""Events that one event has tried again while Stripe, and a buyer's page, wait for the answer."""

_NO_KEY = "Stripe has to be asked about it: set STRIPE_SECRET_KEY"
_LOG = logging.getLogger("billing.inbox")


@dataclass
class Asking:
    """Whom to ask during some attempts. `patient`: an event that Stripe gave no answer for has been tried; else it is
    left as it was, for the step. Once Stripe can't be reached, it is asked no more.
    """

    gateway: Gateway | None
    patient: bool = True
    down: str | None = None


@dataclass
class _Attempt:
    id: str
    closed_too: bool = False
    skip_locked: bool = False
    known: dict[Question, Any] = field(default_factory=dict)


def handle_all(desk: Desk, asking: Asking, id: str, *, closed_too: bool = False, skip_locked: bool = False) -> bool:
    """Handles one event, and what waited for the customer that it brought to light or for what it granted: the oldest
    at once, the rest is left to the step. Was there anything to handle?

    Raises nothing but `Unavailable`.
    """
    answer = _handle(desk, asking, _Attempt(id, closed_too, skip_locked))
    if answer is not None and answer.linked is not None:
        with desk.db.read() as tx:
            others = of_customer(tx, answer.linked, desk.live, id)
        if len(others) > AT_ONCE:
            # A minute, so that what many grants in a row wake is tried once for all of them.
            with desk.db.write() as tx:
                soon(tx, answer.linked, desk.live, {id, *others[:AT_ONCE]}, tx.now + storing.FIRST_DELAY)
        for other in others[:AT_ONCE]:
            _handle(desk, asking, _Attempt(other, skip_locked=skip_locked))
    return answer is not None


def _handle(desk: Desk, asking: Asking, attempt: _Attempt) -> Applied | None:
    """One event, in as many rounds as its handler has questions; None if there was nothing to handle."""
    if asking.gateway is None:
        attempt.known = NobodyToAsk()
    try:
        for _ in range(MOST_ROUNDS):
            try:
                return _once(desk, attempt, may_ask=asking.gateway is not None)
            except MoreNeeded as more:
                refused = _ask(desk, asking, more.needs, attempt.known)
            if refused is not None:
                return _left_open(desk, asking, attempt.id, refused)
    except Unavailable:
        raise
    except Exception as error:  # noqa: BLE001 - whatever it is, the event is kept and says why
        unreadable = isinstance(error, PayloadInvalid)  # says all there is to say of it
        _LOG.warning("Stripe event %s could not be handled", attempt.id, exc_info=None if unreadable else error)
        _note(desk, attempt.id, "failed", _sentence(error))
        return Applied()
    _note(desk, attempt.id, "failed", "it had to know more again and again: the log says of what")
    _LOG.error("Stripe event %s asked %s rounds long: %s", attempt.id, MOST_ROUNDS, list(attempt.known))
    return Applied()


def _once(desk: Desk, attempt: _Attempt, *, may_ask: bool) -> Applied | None:
    with desk.db.write() as tx:
        row = storing.lock(tx, attempt.id, skip_locked=attempt.skip_locked)
        if row is None or row.payload == storing.LET_GO:
            return None
        if not (row.status in OPEN or (attempt.closed_too and may_bring_more(row))):
            return None
        answer = _attempt(tx, desk, row, attempt.known, may_ask)
    desk.tell(tx.told)
    if answer.granted and answer.linked is None:  # a change or a refund may have waited for it, longer than it is tried
        return replace(answer, linked=row.stripe_customer)
    return answer


def _attempt(tx: Tx, desk: Desk, row: Row[Any], known: Mapping[Question, Any], may_ask: bool) -> Applied:
    """The effect and the mark, in one transaction. Raises MoreNeeded."""
    event = thin.any_event(payloads.decode(row.payload.encode()))
    handler = handler_of(event)
    status: str
    reason: str | None
    if isinstance(handler, str):
        answer, status, reason = Applied(), "ignored", handler
    else:
        wrong = _other_mode(event, desk.live)
        fetched = event if wrong is not None else _with_object(tx, row, event, known)
        answer = wrong or _answer(tx, desk, handler, fetched, known, may_ask)
        event = fetched or event
        asked = unanswered(answer, known)
        if asked and (may_ask or not _says_something(answer)):
            raise MoreNeeded(asked)
        assert not answer.needs or _says_something(answer), f"{event.type} needs what it was told: {answer.needs}"
        status, reason = ("waiting", answer.waits) if answer.waits is not None else ("done", answer.note)
    marked = storing.mark(tx, row, status, reason)
    if status not in OPEN:
        tx.told.append(("stripe.event_handled", {"event": marked, "object": event.object}))
    return answer


def _says_something(answer: Applied) -> bool:
    """Needs beside anything else would help; needs alone must be answered."""
    return answer.waits is not None or answer.note is not None or bool(answer.granted)


def _answer(
    tx: Tx, desk: Desk, handler: Handler, event: Event | None, known: Mapping[Question, Any], may_ask: bool
) -> Applied:
    if event is None:
        return Applied(note="Stripe does not have it any more")
    earlier = from_before(tx, desk.start, event, known)
    if earlier is not None and (may_ask or not earlier.needs):
        return earlier
    return handler(tx, desk.catalog, event, known)


def _with_object(tx: Tx, row: Row[Any], event: Event, known: Mapping[Question, Any]) -> Event | None:
    """A thin event with its object as Stripe has it now, None where it has none."""
    if event.related is None:
        return event
    question = ObjectById(*event.related)
    if question not in known:
        raise MoreNeeded((question,))
    if known[question] is None:
        return None
    found = replace(event, object=known[question])
    storing.show(tx, row.id, found)
    return found


def _other_mode(event: Event, live: bool | None) -> Applied | None:
    """Nothing is bought with the money of the other mode."""
    if live is None or event.livemode == live:
        return None
    its, ours = ("live", "test") if event.livemode else ("test", "live")
    return Applied(waits=f"an event of Stripe's {its} mode, and STRIPE_SECRET_KEY is a key of its {ours} mode")


def _ask(desk: Desk, asking: Asking, needs: Sequence[Question], known: dict[Question, Any]) -> str | None:
    """Adds the answers to what is known; why that can't be, for people."""
    if asking.gateway is None:
        return _NO_KEY
    if asking.down is not None:
        return asking.down
    for question in dict.fromkeys(needs):
        try:
            known[question] = ask(asking.gateway, question, desk.start)
        except StripeUnavailable:
            asking.down = "Stripe has to be asked about it, and can't be reached or is in trouble"
            return asking.down
        except StripeNotConfigured as refusal:  # of this question; a restricted key may do for others
            return f"Stripe has to be asked about it. {refusal}"
    return None


def _left_open(desk: Desk, asking: Asking, id: str, reason: str) -> Applied | None:
    """Stripe gave no answer: it waits for the next attempt; without patience it is left as it was, for the step."""
    if asking.patient or asking.gateway is None:
        _note(desk, id, "waiting", reason)
        return Applied(waits=reason)
    _LOG.warning("Stripe event %s is left to the step: %s", id, reason)
    return None


def _note(desk: Desk, id: str, status: str, reason: str) -> None:
    """The attempt is rolled back; this much is kept. Where not even that is possible, it stays due."""
    with suppress(Unavailable):
        with desk.db.write() as tx:
            row = storing.lock(tx, id)
            if row is None or row.status not in OPEN:
                return
            storing.mark(tx, row, status, reason)
        desk.tell(tx.told)


def _sentence(error: Exception) -> str:
    """What went wrong, for people. Of what isn't ours only the kind is shown: a driver's message repeats the values."""
    if isinstance(error, Refusal | PayloadInvalid):
        return str(error)
    return f"{type(error).__name__}: see the log"
