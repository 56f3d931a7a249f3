"""Allocations: apply one paid invoice. Its plans' lines become a period's credits, its packs' lines top-ups."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from babel.dates import format_date

from billing.base.db import Tx
from billing.base.wording import date_text
from billing.catalog.prices import owner_then
from billing.catalog.terms import Catalog, Pack, Plan
from billing.credits import customers, grants, series
from billing.credits.opening import OpenWallet, terms_of
from billing.credits.writing import write
from billing.rules.money import credit_part
from billing.rules.periods import Span, add
from billing.rules.sale.allocation import decide
from billing.rules.sale.lines import Line
from billing.rules.sale.values import Allocation, Outcome, Owner, PackSale, Waiting
from billing.rules.wallet import rollover
from billing.rules.wallet.values import LARGEST_CREDITS
from billing.sales import claims, returned, stripe_customers, stripe_prices, ties, topups
from billing.sales.claims import Sold, Source
from billing.sales.payments import Purchase
from billing.sales.stripe_customers import Nobody
from billing.sales.values import Applied, open_units, pack_terms, plan_terms
from billing.stripe.values import Invoice

_Owned = tuple[Line, Plan | Pack | None]


def apply(tx: Tx, catalog: Catalog, invoice: Invoice, paid_at: datetime) -> Applied:
    """Grants what the paid invoice brings, once, whoever calls it how often. What can't be granted yet waits."""
    if invoice.status != "paid":
        return Applied(waits=f"the invoice's status is {invoice.status!r}, not 'paid'")
    if not invoice.has_more and all(line.price is None for line in invoice.lines):
        return Applied(note="no line of it has a price")
    own = ties.of_invoice(tx, invoice)
    if own is not None:
        return own
    payer = stripe_customers.payer(tx, invoice.customer, invoice.metadata.get(stripe_customers.REFERENCE))
    if isinstance(payer, Nobody):
        return Applied(waits=payer.reason)
    keys = stripe_prices.keys(tx, {line.price for line in invoice.lines if line.lookup_key is None})
    lines: list[_Owned] = [
        (line, owner_then(catalog, line.price, line.lookup_key or keys.get(line.price or ""), line.start))
        for line in invoice.lines
    ]
    if invoice.subscription is None:  # a session may have made it, and bring the same in another unit
        customers.lock(tx, payer.customer)
    wallets = open_units(tx, catalog, payer.customer, {owner.unit for _, owner in lines if owner is not None})
    done = _done(tx, invoice, lines)
    decided = decide(
        [(line, _terms(owner)) for line, owner in lines],
        paid_at,
        claimed=done,
        allocated=claims.periods(tx, payer.customer, {line.item for line in invoice.lines if line.item is not None}),
        has_more=invoice.has_more,
    )
    outcomes = _unless_there(tx, wallets, decided)
    for one in outcomes:
        if isinstance(one, Allocation):
            series.read(tx, wallets[one.unit].id, wallets[one.unit].position, {f"plan:{one.item}": one.effective_at})
    sold = _sell(catalog, wallets, invoice, dict(_by_id(lines)), outcomes)
    if sold:
        write(tx, wallets.values())
        claims.record(tx, Source(paid_at, invoice=invoice.id, total_cents=invoice.total_cents), sold)
        topups.tell_paid(tx, sold)
        returned.catch_up(tx, catalog, Purchase(invoice=invoice.id))
    granted = tuple(one.sale.origin for one in sold)
    waits = "; ".join(dict.fromkeys(one.reason for one in outcomes if isinstance(one, Waiting)))
    note = None if granted or waits else "applied before" if done else "no line of it brings credits"
    return Applied(granted, waits or None, note, payer.linked)


def _terms(owner: Plan | Pack | None) -> Owner | None:
    if owner is None:
        return None
    return plan_terms(owner) if isinstance(owner, Plan) else pack_terms(owner)


def _by_id(lines: Sequence[_Owned]) -> list[tuple[str, _Owned]]:
    return [(line.id, (line, owner)) for line, owner in lines]


def _done(tx: Tx, invoice: Invoice, lines: Sequence[_Owned]) -> set[str]:
    """Lines that have brought something. Where a Checkout session that was settled made the invoice, that is all
    that isn't a plan's.
    """
    done = claims.claimed(tx, [line.id for line, _ in lines])
    if claims.settled_by_session(tx, invoice.id):
        done |= {line.id for line, owner in lines if not isinstance(owner, Plan)}
    return done


def _unless_there(tx: Tx, wallets: Mapping[str, OpenWallet], outcomes: Sequence[Outcome]) -> list[Outcome]:
    """An allocation whose origin (item, price and period start) is there already waits: it would be the second."""
    wanted = {one.origin for one in outcomes if isinstance(one, Allocation)}
    there = claims.origins(tx, wallets.values(), wanted)
    return [
        Waiting(one.lines, "granted_before", f"{one.origin} was granted before, by another invoice")
        if isinstance(one, Allocation) and (wallets[one.unit].id, one.origin) in there
        else one
        for one in outcomes
    ]


def _sell(
    catalog: Catalog,
    wallets: Mapping[str, OpenWallet],
    invoice: Invoice,
    lines: Mapping[str, _Owned],
    outcomes: Sequence[Outcome],
) -> list[Sold]:
    """Decides the buckets in the open wallets; the caller writes."""
    sold: list[Sold] = []
    for sale in outcomes:
        if isinstance(sale, Allocation):
            wallet, plan = wallets[sale.unit], lines[sale.lines[0]][1]
            assert isinstance(plan, Plan)
            _begin_period(catalog, wallet, sale, plan)
            parts = {id: credit_part(lines[id][0].net_cents, plan.credit_share) for id in sale.lines}
            _allocate(wallet, plan, sale, invoice.id)
            sold.append(Sold(wallet, sale, parts))
        elif isinstance(sale, PackSale):
            wallet, pack = wallets[sale.unit], lines[sale.lines[0]][1]
            assert isinstance(pack, Pack)
            # What was netted against the line bought stands on the negative lines, the rest of the sale on that line.
            parts = {id: lines[id][0].net_cents for id in sale.lines}
            bought = next(id for id in sale.lines if not lines[id][0].is_negative)
            parts[bought] += sale.cents - sum(parts.values())
            topups.deliver(wallet, pack.name, sale, invoice.id)
            sold.append(Sold(wallet, sale, parts))
    return sold


def _allocate(wallet: OpenWallet, plan: Plan, sale: Allocation, invoice: str) -> None:
    lot = grants.Lot(
        credits=sale.credits,
        description=_words(plan.name, sale),
        origin=sale.origin,
        effective_at=sale.effective_at,
        expires_at=sale.expires_at,
        paid_cents=sale.cents,
        currency=sale.currency,
        metadata={"plan": plan.id, "paid_by": invoice},
        series=f"plan:{sale.item}",
        period_end=sale.period_end,
        at_end=rollover.at_end(plan.at_period_end),
        paid_at=sale.paid_at,
    )
    grants.sell(wallet, sale.origin, [lot])


def _begin_period(catalog: Catalog, wallet: OpenWallet, sale: Allocation, plan: Plan) -> None:
    """The plan's terms hold for the wallet until its credits end, unless a later period is there already."""
    row = {**wallet.row, **wallet.changed}
    until = sale.expires_at or add(sale.period_end, plan.grace)
    present = (row["period_end"], row["plan_until"], *_generous(catalog, row["plan"]))
    # Of two that end together the more generous holds, whichever of their invoices comes first.
    if row["period_end"] is not None and present >= (sale.period_end, until, *_generous(catalog, plan.id)):
        return
    wallet.changed.update(plan=plan.id, plan_from=sale.effective_at, plan_until=until, period_end=sale.period_end)
    wallet.position.period_end = sale.period_end
    wallet.position.reconsider(*terms_of(catalog, {**row, **wallet.changed}, wallet.at))


def _generous(catalog: Catalog, plan: str) -> tuple[int, str]:
    """How far below zero a plan lets a wallet go, and its name, to tell two apart that let it go as far."""
    known = catalog.plans.get(plan)
    if known is None or known.overdraft is None:
        return -1, plan
    return LARGEST_CREDITS if known.overdraft.limit is None else known.overdraft.limit, plan


def _words(name: str, sale: Allocation) -> str:
    """`Pro plan, November 2026`, `2 × Pro plan, 20 Apr 2026 – 20 May 2026`."""
    what = name if "plan" in name.lower() else f"{name} plan"
    if sale.quantity != 1:
        what = f"{sale.quantity} × {what}"
    start, end = sale.period_start, sale.period_end
    if start.day == 1 and end == add(start, Span(months=1)):
        return f"{what}, {format_date(start.date(), 'LLLL y', locale='en_US')}"
    return f"{what}, {date_text(start)} – {date_text(end)}"
