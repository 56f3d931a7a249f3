"""Conversations with Stripe: intend → ask → record, and the step that finishes what was cut off.

First a row of ours, committed; its id makes Stripe's idempotency key, and it keeps the very request. Then Stripe is
asked, with no transaction open. Then the answer is recorded. Whenever a process ends between two of these, the row is
open and due, and asking again with the same key and request gives the first answer again. Stripe forgets a key after a
day: what is older is looked up, and where nothing is found it is given up and stays to be seen, never asked blindly.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Row, select

from billing.base import ids, outbox, sets
from billing.base.db import Database, Tx
from billing.base.round import Round
from billing.credits import customers
from billing.rules.refusals import Busy, Refusal, StripeNotConfigured, StripeRefused, StripeUnavailable, Unavailable
from billing.sales.tables import conversations
from billing.stripe.calling import Params
from billing.stripe.gateway import Gateway

Tell = Callable[[Iterable[tuple[str, dict[str, Any]]]], None]
"""Tells facts once they are committed."""

KEY_LIVES = timedelta(hours=23)
"""How long an idempotency key is relied on: Stripe keeps it for a day at least."""

MOST_ATTEMPTS = 24
"""By the step, over some twenty hours; then it is looked up once more and given up."""

_FIRST_DELAY, _LONGEST_DELAY = timedelta(seconds=15), timedelta(hours=1)
_LAST_LOOKS = 8
_LONGEST_REASON = 500
_LOG = logging.getLogger("billing.conversations")


@dataclass(frozen=True, slots=True)
class Kind:
    """How one kind of conversation goes.

    `prepare`: what is to be sent; or the id of a conversation that must come first; or None when there is nothing to
    ask any more. `ask` and `look_up` talk to Stripe. `record` writes what Stripe made and says its id, however often it
    is called; `end` writes that nothing will come of it, and why. `missing`: Stripe does not know what this
    parameter names. `withdrawn`: why what was asked for, and may have been done, is not wanted any more: then it is
    looked up, and not asked for again.
    """

    prepare: Callable[[Tx, Row[Any]], Params | str | None]
    ask: Callable[[Gateway, Params, str], Any]
    look_up: Callable[[Gateway, Row[Any]], Any | None]
    record: Callable[[Tx, Row[Any], Any], str]
    end: Callable[[Tx, Row[Any], str], None]
    missing: Callable[[Tx, Row[Any], str], None] = lambda tx, row, param: None  # noqa: ARG005 - most name nothing
    withdrawn: Callable[[Tx, Row[Any]], str | None] = lambda tx, row: None  # noqa: ARG005 - most are wanted for good


Kinds = Mapping[str, Kind]


@dataclass(frozen=True, slots=True)
class Conversation:
    """One of them, as it is shown. `status`: open, done, refused (by Stripe, for good) or given_up."""

    id: str
    kind: str
    subject: str
    customer: str
    status: str
    reason: str | None
    attempts: int
    created_at: datetime
    next_attempt_at: datetime | None


@dataclass(frozen=True, slots=True)
class _Begun:
    row: Row[Any]
    params: Params
    look_up: bool
    withdrawn: str | None = None


def intend(tx: Tx, kind: str, subject: str, customer: str, params: Callable[[str], Params]) -> str:
    """Writes down what is to be asked, unless that is open already; says its id. Under the customer's lock."""
    its = (conversations.c.kind == kind) & (conversations.c.subject == subject) & (conversations.c.status == "open")
    known = tx.connection.execute(select(conversations.c.id).where(its)).scalar_one_or_none()
    if known is not None:
        return str(known)
    id = ids.new("conv")
    row = {
        "id": id,
        "kind": kind,
        "subject": subject,
        "customer_id": customer,
        "params": dict(params(id)),
        "status": "open",
        "attempts": 0,
        "next_attempt_at": tx.now + _FIRST_DELAY,
        "created_at": tx.now,
    }
    sets.insert(tx, conversations, [row])
    return id


def open_one(tx: Tx, kind: str, subject: str) -> str | None:
    """The id of the conversation about it that is open, if one is."""
    its = (conversations.c.kind == kind) & (conversations.c.subject == subject) & (conversations.c.status == "open")
    return tx.connection.execute(select(conversations.c.id).where(its)).scalar_one_or_none()


def carry_on(db: Database, gateway: Gateway, kinds: Kinds, tell: Tell, id: str, *, by_step: bool = False) -> None:
    """Asks what is open and records the answer, from wherever it was left; nothing where it is over.

    Raises StripeRefused when that is final; StripeUnavailable or StripeNotConfigured when the step will go on with it.
    """
    begun = _begin(db, kinds, id, by_step)
    while isinstance(begun, str):
        try:
            carry_on(db, gateway, kinds, tell, begun, by_step=by_step)
        except StripeRefused as refused:
            _end(db, kinds, tell, id, "refused", str(refused.args[0]), declined=refused.declined)
            raise
        begun = _begin(db, kinds, id, by_step)
    if begun is None:
        return
    kind = kinds[begun.row.kind]
    try:
        answer = _answer(gateway, kind, begun)
    except StripeRefused as refused:
        _end(db, kinds, tell, id, "refused", str(refused.args[0]), refused.missing, declined=refused.declined)
        raise
    except (StripeUnavailable, StripeNotConfigured) as error:
        if _left_open(db, kinds, tell, begun, str(error)):
            raise
        return
    if answer is None:
        reason = begun.withdrawn or "Stripe did not answer for a day, and made nothing of it."
        _end(db, kinds, tell, id, "given_up", reason, to_look_at=begun.withdrawn is None)
        return
    with db.write() as tx:
        row = _lock(tx, id)
        if row.status != "done":
            made = kind.record(tx, row, answer)
            _change(tx, id, status="done", reason=None, answer=made, next_attempt_at=None, ended_at=tx.now)
    tell(tx.told)


def finish_due(db: Database, gateway: Gateway, kinds: Kinds, tell: Tell, limit: int) -> Round:
    """The step: goes on with up to `limit` conversations whose time has come. Says whether there is more.

    Where Stripe can't be reached it stops: the others stay due.
    """
    with db.read() as tx:
        its_time = (conversations.c.status == "open") & (conversations.c.next_attempt_at <= tx.now)
        in_order = select(conversations.c.id).where(its_time).order_by(conversations.c.next_attempt_at)
        due = list(tx.connection.execute(in_order.limit(limit)).scalars())
    for at, id in enumerate(due):
        try:
            carry_on(db, gateway, kinds, tell, id, by_step=True)
        except StripeRefused as refused:
            _LOG.warning("conversation %s: %s", id, refused)
        except Busy as busy:  # one customer who is locked for long must not keep the others waiting
            _LOG.warning("conversation %s stays to be finished: %s", id, busy)
            _later(db, id)
        except Unavailable as unavailable:
            _LOG.warning("conversation %s stays to be finished: %s", id, unavailable)
            return Round(False, at)
        except StripeNotConfigured as error:
            _LOG.error("conversation %s stays to be finished: %s", id, error)
            return Round(False, at)
        except Exception:  # noqa: BLE001 - whatever it is, the others must not wait for it
            _LOG.exception("conversation %s could not be finished", id)
    return Round(len(due) == limit, len(due))


def _later(db: Database, id: str) -> None:
    """Its customer was locked: it makes way for the others, without having been tried."""
    with suppress(Unavailable), db.write() as tx:
        its = (conversations.c.id == id) & (conversations.c.status == "open")
        again = {"next_attempt_at": tx.now + _FIRST_DELAY}
        tx.connection.execute(sa.update(conversations).where(its).values(**again))


def page(tx: Tx, status: str | None, limit: int) -> list[Conversation]:
    """The newest first."""
    query = select(conversations).order_by(conversations.c.created_at.desc(), conversations.c.id).limit(limit)
    if status is not None:
        query = query.where(conversations.c.status == status)
    return [
        Conversation(row.id, row.kind, row.subject, row.customer_id, row.status, row.reason, row.attempts,
                     row.created_at, row.next_attempt_at)
        for row in tx.connection.execute(query)
    ]  # fmt: skip


def _begin(db: Database, kinds: Kinds, id: str, by_step: bool) -> _Begun | str | None:
    """What is to be sent, kept for good with the first attempt; and when it is due again if nothing comes of this."""
    with db.write() as tx:
        row = _lock(tx, id)
        if row.status != "open":
            return None
        attempts = row.attempts + int(by_step)
        over = attempts > MOST_ATTEMPTS
        again = tx.now + min(_FIRST_DELAY * 2 ** min(attempts, 20), _LONGEST_DELAY)
        prepared = kinds[row.kind].prepare(tx, row)
        if prepared is not None and row.asked_at is not None:
            prepared = row.params
        if isinstance(prepared, str) and not over:
            _change(tx, id, attempts=attempts, next_attempt_at=again)
            return prepared
        if prepared is None:
            _change(tx, id, status="done", reason=None, next_attempt_at=None, ended_at=tx.now)
            return None
        if isinstance(prepared, str):  # what must come first never came: nothing was asked, and nothing will be
            return _Begun(row, row.params, look_up=True)
        asked_at = row.asked_at or tx.now
        withdrawn = None if row.asked_at is None else kinds[row.kind].withdrawn(tx, row)
        _change(tx, id, params=dict(prepared), attempts=attempts, next_attempt_at=again, asked_at=asked_at)
        look_up = over or asked_at + KEY_LIVES <= tx.now or withdrawn is not None
        return _Begun(row, prepared, look_up, withdrawn)


def _answer(gateway: Gateway, kind: Kind, begun: _Begun) -> Any | None:
    if begun.look_up:
        return kind.look_up(gateway, begun.row)
    return kind.ask(gateway, begun.params, f"billing-{begun.row.id}")


def _left_open(db: Database, kinds: Kinds, tell: Tell, begun: _Begun, reason: str) -> bool:
    """Notes why nothing came of an attempt. False if somebody else has finished it meanwhile."""
    id = begun.row.id
    with suppress(Unavailable), db.write() as tx:
        row = _lock(tx, id)
        if row.status == "done":
            return False
        if row.status == "open":
            _change(tx, id, reason=reason[:_LONGEST_REASON])
    if begun.row.attempts > MOST_ATTEMPTS + _LAST_LOOKS:
        _end(db, kinds, tell, id, "given_up", reason)
    return True


def _end(
    db: Database, kinds: Kinds, tell: Tell, id: str, status: str, reason: str, missing: str | None = None, *,
    declined: bool = False, to_look_at: bool = True,
) -> None:  # fmt: skip
    """Nothing will come of it: staff should look at it, unless it was the customer's card that said no."""
    with db.write() as tx:
        row = _lock(tx, id)
        if row.status != "open":
            return
        kinds[row.kind].end(tx, row, reason)
        if missing is not None:
            kinds[row.kind].missing(tx, row, missing)
        _change(tx, id, status=status, reason=reason[:_LONGEST_REASON], next_attempt_at=None, ended_at=tx.now)
        if to_look_at:
            outbox.tell(tx, _declined(row, reason) if declined else _to_look_at(row, status, reason))
    tell(tx.told)


def _to_look_at(row: Row[Any], status: str, reason: str) -> tuple[str, dict[str, Any]]:
    fact = {"conversation": row.id, "kind": row.kind, "object": row.subject, "customer": row.customer_id}
    return "review.needed", {**fact, "status": status, "reason": reason}


def _declined(row: Row[Any], reason: str) -> tuple[str, dict[str, Any]]:
    """As an invoice's payment that failed is told. Stripe tells of none: what was asked was not done at all."""
    topup = row.subject if row.kind in ("topup", "auto_topup") else None
    fact = {"customer": row.customer_id, "invoice": None, "subscription": row.params.get("subscription"),
            "topup": topup, "reason": reason}  # fmt: skip
    return "payment.failed", fact


def _lock(tx: Tx, id: str) -> Row[Any]:
    """The row, under its customer's lock."""
    its = conversations.c.id == id
    customer = tx.connection.execute(select(conversations.c.customer_id).where(its)).scalar_one()
    locked = customers.lock(tx, customer)
    assert not isinstance(locked, Refusal), locked
    return tx.connection.execute(select(conversations).where(its)).one()


def _change(tx: Tx, id: str, **values: Any) -> None:
    tx.connection.execute(sa.update(conversations).where(conversations.c.id == id).values(**values))
