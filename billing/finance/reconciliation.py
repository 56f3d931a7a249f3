"""The three-way reconciliation: what Stripe says was paid ↔ what we granted for it ↔ what stands in the books.

It lists what differs, with its cause and the next step, and repairs nothing. Stripe's side is what its events told us,
and, where Stripe was asked, what it says itself.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, Row, and_, case, cast, func, select

from billing.base.db import Tx
from billing.catalog.terms import Catalog
from billing.credits.tables import entries, is_taking
from billing.finance import allocations_review, next_steps, paid_sessions, returns_review
from billing.finance.at_stripe import Back, Paid
from billing.finance.paid_sessions import ToldSession
from billing.finance.reconciliation_values import Difference, Kind, Reconciliation, Tie
from billing.finance.review_values import Reviewed
from billing.inbox.tables import stripe_events as inbox
from billing.sales import before, stripe_customers
from billing.sales.asking import settling
from billing.sales.tables import claims, disputes, refunds, sales

__all__ = ["Difference", "Reconciliation", "Tie", "reconcile"]

_NEAR = timedelta(days=1)
"""A page and an event may date one payment seconds apart, and so on both sides of a month's end."""

_AT_ONCE = 500
_UNPRICED = (
    "it was granted, and the catalog that is asked does not know its price: what was paid for credits can't be said"
)


def reconcile(
    tx: Tx, catalog: Catalog, since: datetime, until: datetime, *, at_stripe: Sequence[Paid] | None = None,
    back: Sequence[Back] = (), start: datetime | None = None,
) -> Reconciliation:  # fmt: skip
    """For what was paid in `[since, until)`. `at_stripe`, `back`: what Stripe says was paid and went back, if it was
    asked. `start`: STRIPE_START.
    """
    lines = allocations_review.reviewed(tx, catalog, since, until)
    invoices = {one.invoice for one in lines}
    # One that made an invoice, too, is judged by that.
    sessions = [one for one in paid_sessions.told(tx, since, until) if one.session.invoice not in invoices]
    told = invoices | {one.session.id for one in sessions}
    early = before.known(tx, sorted(told))
    sold = [row for row in _sold(tx, since, until) if _counts(row, told, since, until)]
    alone = [row for row in sold if row.invoice_id not in told and row.session_id not in told]
    elsewhere = _arrived(tx, {name for row in alone for name in (row.invoice_id, row.session_id) if name is not None})
    sold = [row for row in sold if row not in alone or not {row.invoice_id, row.session_id} & elsewhere]
    of_session: dict[str, list[Row[Any]]] = defaultdict(list)
    for row in sold:
        of_session[row.session_id].append(row)

    paid: dict[str, int] = defaultdict(int)
    found: list[Difference] = []
    for line in lines:
        paid[line.currency] += 0 if line.invoice in early else line.cents or 0
        found += _of_line(line)
    for one in (one for one in sessions if one.session.id not in early):
        paid[one.session.currency or ""] += _paid_for_credits(one, of_session[one.session.id])
        found += _of_session(one, of_session[one.session.id])
    found += [difference for row in sold for difference in _of_sale(row)]
    if at_stripe is None:
        found += [_never_told(row) for row in alone if row in sold]
    else:
        found += _against_stripe(tx, at_stripe, told, sold, start)
    found += returns_review.open_ones(tx, since, until)
    found += returns_review.against_stripe(tx, back, start)
    ordered = sorted(found, key=lambda one: (one.since, one.where))
    return Reconciliation(tuple(ordered), _ties(tx, paid, sold, since, until), at_stripe is not None)


def _of_line(line: Reviewed) -> Iterator[Difference]:
    """What a paid invoice's line shows."""
    kinds: dict[str, Kind] = {"held": "waiting", "unmapped": "waiting", "missing": "failed", "mismatched": "amount"}
    if not line.is_open:
        if line.cents is None and line.granted_cents:
            yield Difference("unpriced", line.paid_at, f"{line.invoice} ({line.name})", line.customer or line.payer,
                             line.currency, None, line.granted_cents, line.granted_cents, _UNPRICED,
                             next_steps.CATALOG)  # fmt: skip
        return
    cause, kind = line.reason or "", kinds[line.status]
    step = next_steps.LOOK if kind == "amount" else next_steps.of_reason(line.reason)
    if line.status == "missing" and "nothing of this line was claimed" in cause:
        kind, step = "not_granted", next_steps.REPLAY
    granted = line.granted_cents if line.granted else None
    paid = line.paid_cents if line.status == "unmapped" else line.cents
    yield Difference(kind, line.paid_at, f"{line.invoice} ({line.name})", line.customer or line.payer, line.currency,
                     paid, granted, granted, cause, step)  # fmt: skip


def _of_session(told: ToldSession, sold: Sequence[Row[Any]]) -> Iterator[Difference]:
    """What a paid Checkout session shows."""
    session, kind = told.session, told.status
    customer, currency = session.client_reference_id or session.customer, session.currency or ""
    net = session.net_cents
    if not sold:
        kinds: dict[str, Kind] = {"waiting": "waiting", "received": "waiting", "failed": "failed"}
        if kind in kinds or settling.says_itself(session):
            reason = told.reason or ("not handled yet" if kind == "received" else "nothing was granted for it")
            yield Difference(kinds.get(kind, "not_granted"), told.paid_at, session.id, customer, currency, net, None,
                             None, reason, next_steps.of_reason(reason))  # fmt: skip
        return
    granted = sum(row.cents for row in sold)
    if net is not None and (granted > net or (granted < net and settling.says_itself(session))):
        said = f"sold for {granted:,} cents where {net:,} were paid before tax and shipping"
        yield Difference("amount", told.paid_at, session.id, sold[0].customer_id, currency, net, granted,
                         sum(row.booked for row in sold), said, next_steps.LOOK)  # fmt: skip


def _of_sale(row: Row[Any]) -> Iterator[Difference]:
    """What a sale shows that the books don't."""
    if row.booked != row.cents:
        said = f"sold for {row.cents:,} cents, in the books are {row.booked:,}"
        yield Difference("not_booked", row.paid_at, _source(row), row.customer_id, row.currency or "", None, row.cents,
                         row.booked, said, next_steps.AUDIT)  # fmt: skip


def _never_told(row: Row[Any]) -> Difference:
    return Difference("never_arrived", row.paid_at, _source(row), row.customer_id, row.currency or "", None, row.cents,
                      row.booked, "granted when the buyer came back; no event of Stripe's has told of it",
                      next_steps.SYNC)  # fmt: skip


def _against_stripe(
    tx: Tx, at_stripe: Sequence[Paid], told: Collection[str], sold: Sequence[Row[Any]], start: datetime | None
) -> Iterator[Difference]:
    """What Stripe says that its events did not, and what was granted that Stripe knows nothing of."""
    granted = {name for row in sold for name in (row.invoice_id, row.session_id)}
    missing = [one for one in at_stripe if one.priced and one.id not in told and one.id not in granted]
    missing = [one for one in missing if one.invoice not in {other.id for other in missing}]  # judged by that
    arrived = _arrived(tx, {one.id for one in missing}) | before.known(tx, [one.id for one in missing])
    for one in missing:
        begins = before.begins(tx, start, one.payer)
        if one.id not in arrived and (begins is None or one.paid_at >= begins):
            whose = (stripe_customers.customer_of(tx, one.payer) if one.payer else None) or one.payer
            yield Difference("never_arrived", one.paid_at, one.id, whose, one.currency, one.cents, None, None,
                             "Stripe says that it is paid, and no event has told of it", next_steps.SYNC)  # fmt: skip
    there = {one.id for one in at_stripe}
    for row in sold:
        if not {row.invoice_id, row.session_id} & (there | set(told)):
            said = "Stripe does not say that it is paid"
            yield Difference("not_at_stripe", row.paid_at, _source(row), row.customer_id, row.currency or "", None,
                             row.cents, row.booked, said, next_steps.ELSEWHERE)  # fmt: skip


def _paid_for_credits(told: ToldSession, sold: Sequence[Row[Any]]) -> int:
    """Of a session that was opened elsewhere only its packs are known to be for credits."""
    if settling.says_itself(told.session) or not sold:
        return told.session.net_cents or 0
    return sum(row.cents for row in sold)


def _sold(tx: Tx, since: datetime, until: datetime) -> list[Any]:
    """Sales of about that time: what Stripe's objects brought them (a change gives money back, too), and what the books
    have of each.
    """
    s, e, c = sales.c, entries.c, claims.c
    then = (s.paid_at >= since - _NEAR) & (s.paid_at < until + _NEAR)
    came = e.source.in_(("issued", "sold", "billed"))
    moved = case((came, e.cents), (e.kind == "credit_back", -e.cents), else_=0)
    in_books = (
        select(s.wallet_id, s.origin, func.sum(moved).label("cents"), func.max(e.currency).label("currency"))
        .join(entries, and_(e.wallet_id == s.wallet_id, e.cause == s.origin, e.key.is_(None)))
        .where(then)
        .group_by(s.wallet_id, s.origin)
        .subquery()
    )
    claimed = (
        select(s.wallet_id, s.origin, func.sum(c.cents).label("cents"))
        .join(claims, and_(c.wallet_id == s.wallet_id, c.origin == s.origin))
        .where(then)
        .group_by(s.wallet_id, s.origin)
        .subquery()
    )
    query = (
        select(s.wallet_id, s.origin, s.customer_id, s.invoice_id, s.session_id, s.paid_at,
               func.coalesce(s.currency, in_books.c.currency).label("currency"),
               cast(func.coalesce(claimed.c.cents, s.cents), BigInteger).label("cents"),
               cast(func.coalesce(in_books.c.cents, 0), BigInteger).label("booked"))
        .outerjoin(in_books, and_(in_books.c.wallet_id == s.wallet_id, in_books.c.origin == s.origin))
        .outerjoin(claimed, and_(claimed.c.wallet_id == s.wallet_id, claimed.c.origin == s.origin))
        .where(then)
    )  # fmt: skip
    return [*tx.connection.execute(query)]


def _counts(row: Row[Any], told: Collection[str], since: datetime, until: datetime) -> bool:
    return row.invoice_id in told or row.session_id in told or since <= row.paid_at < until


def _arrived(tx: Tx, names: Collection[str]) -> set[str]:
    """Those of Stripe's objects that some event was about."""
    found: set[str] = set()
    listed = sorted(names)
    for at in range(0, len(listed), _AT_ONCE):
        its = select(inbox.c.object_id).where(inbox.c.object_id.in_(listed[at : at + _AT_ONCE]))
        found |= set(tx.connection.execute(its).scalars())
    return found


def _outside(tx: Tx, since: datetime, until: datetime) -> dict[str, int]:
    """What was paid for grants outside Stripe: they have a key of their own."""
    e = entries.c
    theirs = and_(e.kind == "grant", e.source == "issued", e.key.is_not(None), e.cents > 0)
    then = and_(e.recorded_at >= since, e.recorded_at < until)
    query = select(e.currency, func.sum(e.cents)).where(theirs, then).group_by(e.currency)
    return {str(currency): int(cents) for currency, cents in tx.connection.execute(query)}


def _ties(
    tx: Tx, paid: dict[str, int], sold: Sequence[Row[Any]], since: datetime, until: datetime
) -> tuple[Tie, ...]:  # fmt: skip
    granted: dict[str, int] = defaultdict(int)
    booked: dict[str, int] = defaultdict(int)
    for row in sold:
        granted[row.currency or ""] += row.cents
        booked[row.currency or ""] += row.booked
    sides = (paid, granted, booked, _outside(tx, since, until), *_returned(tx, since, until))
    currencies = sorted({name for side in sides for name, cents in side.items() if name and cents})
    return tuple(Tie(name, *(side.get(name, 0) for side in sides)) for name in currencies)


def _returned(tx: Tx, since: datetime, until: datetime) -> tuple[dict[str, int], dict[str, int]]:
    """What went back at Stripe, and what was taken back in the books, by currency."""
    r, d, e = refunds.c, disputes.c, entries.c
    went = (
        select(r.currency, func.sum(r.cents))
        .where(r.status == "succeeded", r.created_at >= since, r.created_at < until)
        .group_by(r.currency)
    )
    lost = (
        select(d.currency, func.sum(d.withdrawn_cents))
        .where(d.status == "lost", d.closed_at >= since, d.closed_at < until)
        .group_by(d.currency)
    )
    took = case((e.kind == "restore", -e.cents), else_=e.cents)
    taken = (
        select(e.currency, func.sum(took))
        .where(is_taking(), e.kind != "credit_back", e.cents > 0, e.posted_at >= since, e.posted_at < until)
        .group_by(e.currency)
    )
    back: dict[str, int] = defaultdict(int)
    for query in (went, lost):
        for currency, cents in tx.connection.execute(query):
            back[str(currency)] += int(cents)
    return back, {str(currency): int(cents) for currency, cents in tx.connection.execute(taken)}


def _source(row: Row[Any]) -> str:
    return str(row.invoice_id or row.session_id or row.origin)
