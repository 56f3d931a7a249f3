"""Settling: a Checkout session → what it brings. Webhook, success page and step all end in `apply`."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from billing.base import outbox
from billing.base.db import Database, Tx
from billing.base.round import Round
from billing.catalog.terms import Catalog
from billing.rules.refusals import Busy, Refusal, StripeNotConfigured, Unavailable, UnknownSession
from billing.sales import before, needs, sessions, stripe_customers
from billing.sales.asking import checkouts
from billing.sales.conversations import Kind, Tell
from billing.sales.packs import topup_rows, topups
from billing.sales.plans import allocations, subscriptions
from billing.sales.tables import checkouts as checkout_rows
from billing.sales.tables import topups as topup_table
from billing.sales.values import Applied
from billing.stripe.gateway import Gateway
from billing.stripe.questions import Known
from billing.stripe.values import SeenSession, Session

KINDS: Mapping[str, Kind] = {
    "customer": stripe_customers.MAKING,
    "topup": topup_rows.OPENING,
    "subscription": checkouts.OPENING,
}
"""All conversations there are."""

_SKEW = timedelta(seconds=5)
_NAMED = ("pack", topup_rows.MARK)
_LOG = logging.getLogger("billing.settling")


def apply(tx: Tx, catalog: Catalog, session: Session, at: datetime, *, failed: bool = False) -> Applied:
    """Writes down what became of a session, once: a pack, a link, an end. `failed`: its payment failed for good."""
    if failed:
        return topups.fail(tx, session)
    answer = topups.settle(tx, catalog, session, at)
    if session.mode == "subscription":
        _complete(tx, catalog, session)
    return answer


def settle(
    db: Database, gateway: Gateway, catalog: Catalog, tell: Tell, session: str, start: datetime | None = None
) -> Applied:
    """Asks Stripe what became of a session and writes it down, with the subscription and the paid invoice it made.

    What was paid before `start` brings nothing. Raises UnknownSession, StripeUnavailable, StripeNotConfigured.
    """
    seen = gateway.session(session)

    def verb(tx: Tx, known: Known) -> Applied:
        answer = _before(tx, seen, start) or _apply_all(tx, catalog, seen, known)
        if answer.waits is not None:
            topup_rows.note_review(tx, session, answer.waits)
        return answer

    answer, told = needs.settled(db, gateway, start, verb)
    tell(told)
    return answer


def look_at_due(
    db: Database, gateway: Gateway, catalog: Catalog, tell: Tell, limit: int, start: datetime | None = None
) -> Round:
    """The step: asks after sessions of ours of which nothing was heard, up to `limit`. Says whether there is more."""
    with db.write() as tx:
        opened = topup_table.c.automatic.is_(None)
        due = [*sessions.due(tx, topup_table, limit, opened), *sessions.due(tx, checkout_rows, limit)]
    for at, id in enumerate(due):
        try:
            settle(db, gateway, catalog, tell, id, start)
        except Busy as busy:  # one wallet that is locked for long must not keep the others waiting
            _LOG.warning("session %s is looked at later: %s", id, busy)
        except (Unavailable, StripeNotConfigured) as error:
            _LOG.warning("session %s is looked at later: %s", id, error)
            return Round(False, at)
        except UnknownSession as unknown:  # of another account or mode: once its time is over nobody waits for it
            _LOG.warning("session %s: %s", id, unknown)
            with db.write() as tx:
                topup_rows.lost(tx, id)
                checkouts.lost(tx, id)
            tell(tx.told)
        except Refusal as refusal:
            _LOG.warning("session %s: %s", id, refusal)
        except Exception:  # noqa: BLE001 - whatever it is, the others must not wait for it
            _LOG.exception("session %s could not be settled", id)
    return Round(len(due) >= limit, len(due))


def _apply_all(tx: Tx, catalog: Catalog, seen: SeenSession, known: Known) -> Applied:
    session = seen.session
    if says_itself(session):
        session = replace(session, lines=None, has_more=False)  # as in the event, which says as much as it takes
    answers = [apply(tx, catalog, session, seen.paid_at or tx.now, failed=seen.failed)]
    if seen.subscription is not None:
        answers.append(subscriptions.mirror(tx, catalog, seen.subscription, tx.now - _SKEW))
    if seen.invoice is not None and seen.invoice.status == "paid":
        answers.append(allocations.apply(tx, catalog, seen.invoice, seen.invoice.paid_at or tx.now, known))
    return Applied(
        tuple(origin for answer in answers for origin in answer.granted),
        "; ".join(answer.waits for answer in answers if answer.waits) or None,
        "; ".join(answer.note for answer in answers if answer.note) or None,
        next((answer.linked for answer in answers if answer.linked), None),
        tuple(question for answer in answers for question in answer.needs),
    )


def says_itself(session: Session) -> bool:
    """Does its metadata name what it sells, so that its lines need not be known?"""
    return any(name in session.metadata for name in _NAMED)


def _before(tx: Tx, seen: SeenSession, start: datetime | None) -> Applied | None:
    """A session and its invoice from before our time are claimed as that."""
    session, invoice = seen.session, seen.invoice
    start = before.begins(tx, start, session.customer, session.metadata.get(topup_rows.MARK))
    at = seen.paid_at or (invoice and invoice.paid_at) or session.created
    if at is None or session.payment_status == "unpaid" or not before.claim(tx, "session", session.id, at, start):
        return None
    if invoice is not None:
        before.claim(tx, "invoice", invoice.id, invoice.paid_at or at, start)
    return Applied(note=before.words(f"{session.id} was paid", start))


def _complete(tx: Tx, catalog: Catalog, session: Session) -> None:
    """A checkout of ours is over. Two that were opened in the same moment can both be paid: that is told."""
    row = checkouts.settle(tx, session, _whose(tx, session))
    if row is None or session.subscription is None:
        return
    other = checkouts.beside(tx, row, session.subscription)
    living = subscriptions.living(tx, catalog, row.customer_id, row.unit, beside=session.subscription)
    other = other or (living.id if living is not None else None)
    if other is not None:
        reason = f"It was paid beside {other}: two subscriptions to plans of one unit. Cancel and refund one of both."
        checkouts.note(tx, row.id, reason)
        fact = {"customer": row.customer_id, "object": session.subscription, "beside": other, "reason": reason}
        outbox.tell(tx, ("review.needed", fact))


def _whose(tx: Tx, session: Session) -> str | None:
    return stripe_customers.customer_of(tx, session.customer) if session.customer is not None else None
