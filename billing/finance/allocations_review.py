"""The month's review: each paid invoice line, what it should bring and what it brought.

Only questions. Expected figures are reckoned apart from the rules that grant (`expected`), so that a mistake there
shows here.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Row, and_, func, select

from billing.base import ids, sets
from billing.base.db import Tx
from billing.catalog.prices import owner_then
from billing.catalog.terms import Amounts, Catalog, Pack, Plan
from billing.credits.tables import buckets, customers, wallets
from billing.finance import expected, paid_invoices, scheduled_review
from billing.finance.paid_invoices import Told
from billing.finance.review_values import Reviewed, Status, Total, Wanted, totals
from billing.rules.sale.lines import Line
from billing.sales import before
from billing.sales.plans import priced
from billing.sales.plans.priced import UNMAPPED
from billing.sales.stripe_customers import REFERENCE
from billing.sales.tables import change_takings, claims, sales, stripe_customers, stripe_prices

__all__ = ["Reviewed", "Total", "Wanted", "month", "reviewed", "totals"]

_AT_ONCE = 500


@dataclass(slots=True)
class _Known:
    """What the books know of these invoices: claims by line, links and prices."""

    claimed: dict[str, Row[Any]] = field(default_factory=dict)
    by_invoice: dict[str, list[Row[Any]]] = field(default_factory=lambda: defaultdict(list))
    customers: dict[str, str] = field(default_factory=dict)
    ours: set[str] = field(default_factory=set)
    keys: dict[str, str] = field(default_factory=dict)
    since: dict[str, datetime] = field(default_factory=dict)
    """Of prorated lines: by the catalog of which instant."""
    before: set[str] = field(default_factory=set)
    """Invoices that were paid before our time."""
    buckets: dict[tuple[int, str], Any] = field(default_factory=dict)
    """By sale: its first bucket, and what disputes and pending refunds hold in all of them."""
    taken: dict[tuple[int, str], int] = field(default_factory=dict)
    """By change of plan: the credits it took of what its period had brought before."""

    def customer(self, payer: str | None, named: str | None) -> str | None:
        """Ours, by the link of Stripe's, else by the name that the invoice carries."""
        return self.customers.get(payer or "", named if named in self.ours else None)


def reviewed(tx: Tx, catalog: Catalog, since: datetime, until: datetime) -> list[Reviewed]:
    """All lines of what was paid in `[since, until)`, the latest first."""
    told = paid_invoices.told(tx, since, until)
    known = _look_up(tx, told)
    return [one for invoice in told for one in _of_invoice(catalog, known, invoice)]


def month(tx: Tx, catalog: Catalog, since: datetime, until: datetime) -> list[Reviewed]:
    """The same, and the months that were sold before and begin then."""
    everything = reviewed(tx, catalog, since, until) + scheduled_review.scheduled(tx, catalog, since, until)
    return sorted(everything, key=lambda one: (one.paid_at, one.invoice), reverse=True)


def _of_invoice(catalog: Catalog, known: _Known, told: Told) -> list[Reviewed]:
    if told.invoice is None:
        return _by_sales(catalog, known, told) or [_unreadable(told)]
    claimed = {line.id: _claim_of(catalog, known, told.invoice_id, line) for line in told.invoice.lines}
    groups: dict[tuple[Any, ...], list[Line]] = defaultdict(list)
    for line in told.invoice.lines:
        claim = claimed[line.id]
        if claim is not None:
            groups["sale", claim.wallet_id, claim.origin].append(line)
        elif line.price is not None:  # one without a price was typed in by hand, and brings nothing
            groups["line", line.item or line.id, line.price, line.start, line.end].append(line)
    shown = [_of_lines(catalog, known, told, lines, claimed[lines[0].id]) for lines in groups.values()]
    seen = {(claim.wallet_id, claim.origin) for claim in claimed.values() if claim is not None}
    beyond = {
        (claim.wallet_id, claim.origin): claim
        for claim in known.by_invoice.get(told.invoice_id, ())
        if (claim.wallet_id, claim.origin) not in seen
    }  # of lines that the event did not carry
    return shown + [_of_lines(catalog, known, told, [], claim) for claim in beyond.values()]


def _by_sales(catalog: Catalog, known: _Known, told: Told) -> list[Reviewed]:
    """An invoice that is not here itself: what was sold by it."""
    sold = {(claim.wallet_id, claim.origin): claim for claim in known.by_invoice.get(told.invoice_id, ())}
    return [_of_lines(catalog, known, told, [], claim) for claim in sold.values()]


def _claim_of(catalog: Catalog, known: _Known, invoice: str, line: Line) -> Row[Any] | None:
    """What the line brought: itself, or the Checkout session that made its invoice. A top-up of ours is the only thing
    on its own, at a price that was made for it and that no catalog knows.
    """
    claim = known.claimed.get(line.id)
    if claim is not None or line.price is None:
        return claim
    owner = _owner(catalog, known, line)
    by_session = (sold for sold in known.by_invoice.get(invoice, ()) if sold.session_id is not None)
    return next((sold for sold in by_session if (sold.product == owner.id if owner else _is_own(sold))), None)


def _is_own(claim: Row[Any] | None) -> bool:
    return claim is not None and claim.origin.startswith("topup:top_")


def _of_lines(catalog: Catalog, known: _Known, told: Told, lines: Sequence[Line], claim: Row[Any] | None) -> Reviewed:
    """One row of the review: lines that belong together, or a sale whose lines the event did not carry."""
    bought = next((line for line in lines if not line.is_negative), lines[0] if lines else None)
    owner = _owner(catalog, known, bought)
    cents = expected.cents(owner, lines, own=_is_own(claim)) if lines else claim.sale_cents if claim else None
    wanted = expected.credits(owner, lines) if lines else None
    status: Status
    reason: str | None
    if told.invoice_id in known.before and claim is None:
        wanted, status, reason = 0, "granted", "paid before our time: nothing is to be granted"
    else:
        status, reason = _stands(known, told, claim, wanted, cents, lines)
    payer = told.invoice.customer if told.invoice is not None else None
    named = told.invoice.metadata.get(REFERENCE) if told.invoice is not None else None
    return Reviewed(
        paid_at=told.paid_at,
        invoice=told.invoice_id,
        event=told.event,
        customer=claim.customer_id if claim else known.customer(payer, named),
        payer=payer,
        product=claim.product if claim else owner.id if owner else None,
        name=_name(catalog, owner, claim, bought),
        unit=claim.unit if claim else owner.unit if owner else "credits",
        quantity=claim.quantity if claim else sum(line.count for line in lines),
        starts=bought.start if bought else claim.period_start if claim else None,
        ends=bought.end if bought else claim.period_end if claim else None,
        paid_cents=sum(line.net_cents for line in lines) if lines else None,
        cents=cents,
        currency=told.invoice.currency if told.invoice is not None else (claim and claim.currency) or "",
        expected=wanted,
        granted=claim.credits - known.taken.get((claim.wallet_id, claim.origin), 0) if claim else 0,
        granted_cents=_claimed_cents(known, claim, lines) if claim else 0,
        status=status,
        reason=reason,
        bucket=_bucket(known, claim),
        lines=tuple(line.id for line in lines),
    )  # fmt: skip


def _stands(
    known: _Known, told: Told, claim: Row[Any] | None, wanted: int | None, cents: int | None, lines: Sequence[Line]
) -> tuple[Status, str | None]:
    if claim is not None:
        booked = _claimed_cents(known, claim, lines)
        bucket = known.buckets.get((claim.wallet_id, claim.origin))
        if wanted is not None and claim.credits != wanted:
            return "mismatched", f"granted {claim.credits:,} credits where {wanted:,} were expected"
        if cents is not None and booked != cents:
            return "mismatched", f"booked {booked:,} cents where {cents:,} were paid for credits"
        if bucket is not None and bucket.disputed:
            return "held", f"{int(bucket.disputed):,} credits are held: a dispute, or a refund that is pending"
        taken = known.taken.get((claim.wallet_id, claim.origin))
        return "granted", f"a change of plan, which took {taken:,} credits of its period" if taken else None
    if told.status == "waiting":
        return "unmapped" if cents is None and "unknown price" in (told.reason or "") else "held", told.reason
    if told.status == "received":
        return "held", "not handled yet"
    if told.status == "failed":
        return "missing", told.reason
    if (told.reason or "").startswith(UNMAPPED) and cents is None:
        return "unmapped", told.reason
    if lines and not wanted and not cents:
        return "granted", "brings no credits"
    return "missing", "the event was handled, and nothing of this line was claimed"


def _bucket(known: _Known, claim: Row[Any] | None) -> str | None:
    found = known.buckets.get((claim.wallet_id, claim.origin)) if claim is not None else None
    return None if found is None else ids.of("bkt", found.wallet_id, found.number)


def _claimed_cents(known: _Known, claim: Row[Any], lines: Sequence[Line]) -> int:
    """What these lines brought in money: each says so itself, unless a session did for them."""
    own = [known.claimed.get(line.id) for line in lines]
    cents = [one.claim_cents for one in own if one is not None]
    return sum(cents) if cents and len(cents) == len(lines) else int(claim.sale_cents)


def _unreadable(told: Told) -> Reviewed:
    """An invoice of which nothing is here, and nothing was sold by it."""
    statuses: dict[str, Status] = {"failed": "missing", "done": "granted"}
    return Reviewed(
        told.paid_at, told.invoice_id, told.event, None, None, None, "lines not at hand", "credits", 0, None, None,
        None, None, "", None, 0, 0, statuses.get(told.status, "held"), told.reason or "not handled yet", None, (),
    )  # fmt: skip


def _owner(catalog: Catalog, known: _Known, line: Line | None) -> Plan | Pack | None:
    if line is None:
        return None
    key = line.lookup_key or known.keys.get(line.price or "")
    return owner_then(catalog, line.price, key, known.since.get(line.id, line.start))


def _name(catalog: Catalog, owner: Plan | Pack | None, claim: Row[Any] | None, line: Line | None) -> str:
    if owner is not None:
        return owner.name
    if claim is not None:
        amounts = {one.product: one for one in catalog.topups.values()}
        sold: Mapping[str, Plan | Pack | Amounts] = {**catalog.packs, **catalog.plans, **amounts}
        return sold[claim.product].name if claim.product in sold else str(claim.product)
    return f"unknown price {line.price}" if line is not None else "unknown"


def _look_up(tx: Tx, told: Sequence[Told]) -> _Known:
    """A few statements for hundreds of invoices."""
    known = _Known()
    for at in range(0, len(told), _AT_ONCE):
        names = [one.invoice_id for one in told[at : at + _AT_ONCE]]
        some = [one.invoice for one in told[at : at + _AT_ONCE] if one.invoice is not None]
        for row in tx.connection.execute(_claims(names)):
            known.claimed[row.stripe_id] = row
            known.by_invoice[row.invoice_id].append(row)
        sold = {(row.wallet_id, row.origin) for name in names for row in known.by_invoice[name]}
        known.buckets |= _buckets(tx, sold)
        known.taken |= _taken(tx, sold)
        known.before |= before.known(tx, names)
        payers = {one.customer for one in some if one.customer is not None}
        links = select(stripe_customers.c.stripe_id, stripe_customers.c.customer_id)
        its = links.where(stripe_customers.c.stripe_id.in_(payers))
        known.customers |= {row.stripe_id: row.customer_id for row in tx.connection.execute(its)}
        named = {one.metadata[REFERENCE] for one in some if REFERENCE in one.metadata}
        ours = select(customers.c.id).where(customers.c.id.in_(named))
        known.ours |= set(tx.connection.execute(ours).scalars())
        known.since |= priced.bought(tx, [line for one in some for line in one.lines])
        known.keys |= _lookup_keys(tx, {line.price for one in some for line in one.lines if line.price is not None})
    return known


def _claims(invoices: Collection[str]) -> Any:
    its = and_(claims.c.wallet_id == sales.c.wallet_id, claims.c.origin == sales.c.origin)
    of_sale = (
        sales.c.wallet_id, sales.c.origin, sales.c.customer_id, sales.c.product, sales.c.quantity, sales.c.credits,
        sales.c.cents.label("sale_cents"), sales.c.currency, sales.c.period_start, sales.c.period_end,
        sales.c.invoice_id, sales.c.session_id,
    )  # fmt: skip
    columns = (claims.c.stripe_id, claims.c.cents.label("claim_cents"), *of_sale, wallets.c.unit)
    of = claims.join(sales, its).join(wallets, wallets.c.id == sales.c.wallet_id)
    return select(*columns).select_from(of).where(sales.c.invoice_id.in_(list(invoices)))


def _buckets(tx: Tx, wanted: Collection[tuple[int, str]]) -> dict[tuple[int, str], Any]:
    if not wanted:
        return {}
    pairs = sets.pairs(tx, int, sorted(wanted))
    its = and_(buckets.c.wallet_id == pairs.c.one, buckets.c.sale == pairs.c.two)
    figures = (func.min(buckets.c.number).label("number"), func.sum(buckets.c.disputed).label("disputed"))
    query = select(buckets.c.wallet_id, buckets.c.sale, *figures).join(pairs, its)
    rows = tx.connection.execute(query.group_by(buckets.c.wallet_id, buckets.c.sale))
    return {(row.wallet_id, row.sale): row for row in rows}


def _taken(tx: Tx, wanted: Collection[tuple[int, str]]) -> dict[tuple[int, str], int]:
    if not wanted:
        return {}
    t, pairs = change_takings.c, sets.pairs(tx, int, sorted(wanted))
    its = and_(t.wallet_id == pairs.c.one, t.origin == pairs.c.two)
    query = select(t.wallet_id, t.origin, func.sum(t.credits).label("credits")).join(pairs, its)
    rows = tx.connection.execute(query.group_by(t.wallet_id, t.origin))
    return {(row.wallet_id, row.origin): int(row.credits) for row in rows}


def _lookup_keys(tx: Tx, prices: Collection[str]) -> dict[str, str]:
    its = select(stripe_prices.c.id, stripe_prices.c.lookup_key).where(stripe_prices.c.id.in_(list(prices)))
    return {row.id: row.lookup_key for row in tx.connection.execute(its)}
