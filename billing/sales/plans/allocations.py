"""Allocations: apply one paid invoice. Its plans' lines become credits of a period, or change one; its packs' lines
become top-ups.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from billing.base.db import Tx
from billing.catalog.terms import Catalog, Pack, Plan
from billing.credits import customers, ends
from billing.credits.opening import OpenWallet
from billing.credits.writing import write
from billing.rules.money import credit_part
from billing.rules.sale.allocation import decide
from billing.rules.sale.planchange import PeriodHistory
from billing.rules.sale.values import Allocation, Outcome, Owner, PackSale, PlanChange, Waiting
from billing.sales import claims, ordering, stripe_customers
from billing.sales.back import returned, taken_back
from billing.sales.claims import Sold, Source
from billing.sales.packs import ties, topups
from billing.sales.plans import changing, histories, planned, priced, reopening
from billing.sales.plans import subscriptions as mirrored
from billing.sales.plans.priced import Owned
from billing.sales.stripe_customers import Nobody, Payer
from billing.sales.values import Applied, open_units, pack_terms, plan_terms
from billing.stripe.questions import Known, PaidInvoices, Question, SubscriptionById
from billing.stripe.values import Invoice

_Period = tuple[str, str, datetime, datetime]
"""Item, unit, start, end."""


def apply(tx: Tx, catalog: Catalog, invoice: Invoice, paid_at: datetime, known: Known | None = None) -> Applied:
    """Grants what the paid invoice brings, once, whoever calls it how often. What can't be granted yet waits.

    Earlier invoices of its subscription that have brought nothing yet are applied first, where it depends on them.
    `known`: what was asked for it; None: nothing can be asked.
    """
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
    lines = priced.lines_of(tx, catalog, invoice, known)
    needs = ordering.unknown(known, _questions(tx, catalog, invoice, paid_at, lines, known))
    if needs:
        return Applied(needs=needs)
    before = [
        _apply(
            tx, catalog, other, other.paid_at or other.created, payer, priced.lines_of(tx, catalog, other, known), known
        )
        for other in ordering.earlier(tx, invoice, paid_at, known)
    ]
    if before:  # what they brought says what is bought more of
        lines = priced.lines_of(tx, catalog, invoice, known)
    answer = _apply(tx, catalog, invoice, paid_at, payer, lines, known)
    granted = (*(origin for one in before for origin in one.granted), *answer.granted)
    return Applied(granted, answer.waits, answer.note, payer.linked)


def _questions(
    tx: Tx, catalog: Catalog, invoice: Invoice, paid_at: datetime, lines: Sequence[Owned], known: Known | None
) -> list[Question]:
    """What has to be known before it can be applied in its turn. Nothing, once all of it was."""
    plans = [line for line, owner in lines if isinstance(owner, Plan) and line.item is not None]
    done = claims.claimed(tx, [line.id for line in plans])
    new = [line for line in plans if line.id not in done]
    free = dict.fromkeys(line.subscription for line in new if line.is_free and line.subscription)
    found: list[Question] = [*priced.unheard(tx, lines)]
    found += [SubscriptionById(id) for id in free if not ordering.trial_of(tx, id, known)[0]]
    if invoice.subscription is not None and (ordering.compares(new) or ordering.skips(tx, new)):
        found.append(PaidInvoices(invoice.subscription))
        items, ends_at = {line.item or "" for line in new}, {line.end for line in new}
        others = ordering.earlier(tx, invoice, paid_at, known)
        for other in others:
            found.extend(priced.unheard(tx, priced.lines_of(tx, catalog, other, known)))
        before = [one for one in others if ordering.compares(one.lines)]
        compared = ordering.compared(tx, items, ends_at, invoice.id)
        wanted = list(dict.fromkeys([*compared, *(one.id for one in before)]))
        found.extend(ordering.of_money(wanted, known))
        times = [paid_at, *(one.paid_at or one.created for one in before)]
        found.extend(taken_back.questions(tx, wanted, times, known))
    return found


def _apply(
    tx: Tx,
    catalog: Catalog,
    invoice: Invoice,
    paid_at: datetime,
    payer: Payer,
    lines: Sequence[Owned],
    known: Known | None,
) -> Applied:
    if invoice.subscription is None:  # a session may have made it, and bring the same in another unit
        customers.lock(tx, payer.customer)
    wallets = open_units(tx, catalog, payer.customer, {owner.unit for _, owner in lines if owner is not None})
    items = {line.item for line, _ in lines if line.item is not None}
    periods = histories.of_items(tx, catalog, list(wallets.values()), items, paid_at, known)
    done = _done(tx, invoice, lines)
    decided = decide(
        [(line, _terms(owner)) for line, owner in lines],
        paid_at,
        invoice=invoice.id,
        claimed=done,
        histories=periods,
        trials=_trials(tx, lines, known),
        has_more=invoice.has_more,
    )
    outcomes = _unless_there(tx, wallets, decided)
    again = reopening.reopen(tx, wallets, outcomes, paid_at)
    selling = _Selling(
        tx, catalog, wallets, invoice, paid_at, {line.id: (line, owner) for line, owner in lines}, periods
    )
    selling.sell_all(outcomes)
    if selling.sold or selling.cuts:
        claims.record(tx, Source(paid_at, invoice=invoice.id, total_cents=invoice.total_cents), selling.sold)
        others = reopening.close(tx, wallets, invoice.id, selling.sold, again)
        write(tx, wallets.values())
        for wallet, cuts in selling.cuts:
            ends.record(tx, wallet, cuts)
        topups.tell_paid(tx, selling.sold)
        for purchase in others:
            returned.settle(tx, catalog, purchase)
    granted = tuple(one.sale.origin for one in selling.sold)
    note = priced.unmapped(tx, lines, outcomes)
    waits = "" if note else "; ".join(dict.fromkeys(one.reason for one in outcomes if isinstance(one, Waiting)))
    if not (granted or waits or note):
        note = "applied before" if done else "no line of it brings credits"
    return Applied(granted, waits or None, note, payer.linked)


def _trials(tx: Tx, lines: Sequence[Owned], known: Known | None) -> dict[str, datetime | None]:
    found = {}
    for subscription in {line.subscription for line, _ in lines if line.is_free and line.subscription}:
        told, until = ordering.trial_of(tx, subscription, known)
        if told:
            found[subscription] = until
    return found


def _terms(owner: Plan | Pack | None) -> Owner | None:
    if owner is None:
        return None
    return plan_terms(owner) if isinstance(owner, Plan) else pack_terms(owner)


def _done(tx: Tx, invoice: Invoice, lines: Sequence[Owned]) -> set[str]:
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


class _Selling:
    """Decides the invoice's outcomes in the open wallets, one after the other; the caller writes."""

    def __init__(
        self,
        tx: Tx,
        catalog: Catalog,
        wallets: Mapping[str, OpenWallet],
        invoice: Invoice,
        paid_at: datetime,
        lines: Mapping[str, Owned],
        periods: Sequence[PeriodHistory],
    ) -> None:
        self.tx, self.catalog, self.wallets, self.lines = tx, catalog, wallets, lines
        self.invoice, self.paid_at = invoice, paid_at
        self.sold: list[Sold] = []
        self.cuts: list[tuple[OpenWallet, list[ends.Cut]]] = []
        self.origins = {
            (one.item, one.unit, one.start, one.end): [sale.origin for sale in one.sales] for one in periods
        }
        self.latest = {
            (one.item, one.unit, one.start, one.end): max(
                (sale.at for sale in one.sales if sale.level is not None), default=one.start
            )
            for one in periods
        }
        self.changed_at: dict[tuple[str, str, datetime], datetime] = {}
        for (item, unit, _, end), at in self.latest.items():
            self.changed_at[item, unit, end] = max(at, self.changed_at.get((item, unit, end), at))
        self.instead: set[str] = set()
        self.cut_at: dict[_Period, datetime] = {}

    def sell_all(self, outcomes: Sequence[Outcome]) -> None:
        ending = [one for one in outcomes if isinstance(one, PlanChange) and one.ends]
        self.cut_at = {(one.item, one.unit, one.period_start, one.period_end): one.at for one in ending}
        for one in outcomes:
            self._sell(one)

    def _sell(self, sale: Outcome) -> None:
        if isinstance(sale, Allocation):
            self._allocate(sale)
        elif isinstance(sale, PlanChange):
            self._change(sale)
        elif isinstance(sale, PackSale):
            wallet, pack = self.wallets[sale.unit], self.lines[sale.lines[0]][1]
            assert isinstance(pack, Pack)
            # What was netted against the line bought stands on the negative lines, the rest of the sale on that line.
            parts = {id: self.lines[id][0].net_cents for id in sale.lines}
            bought = next(id for id in sale.lines if not self.lines[id][0].is_negative)
            parts[bought] += sale.cents - sum(parts.values())
            topups.deliver(wallet, pack.name, sale, self.invoice.id)
            self.sold.append(Sold(wallet, sale, parts))

    def _allocate(self, sale: Allocation) -> None:
        wallet, plan = self.wallets[sale.unit], self._plan(sale.plan, sale.lines)
        key = (sale.item, sale.unit, sale.period_start, sale.period_end)
        instead, cut_at = sale.item in self.instead, self.cut_at.get(key)
        if not self._changed_since(sale):
            planned.begin_period(self.catalog, wallet, sale, plan, instead=instead, cut_at=cut_at)
        ended_at = mirrored.ended_at(self.tx, sale.subscription) if len(sale.months) > 1 else None
        planned.allocate(wallet, plan, sale, self.invoice.id, self.paid_at, ended_at)
        self.origins.setdefault(key, []).append(sale.origin)
        self.sold.append(Sold(wallet, sale, self._parts(sale.lines)))

    def _change(self, change: PlanChange) -> None:
        wallet = self.wallets[change.unit]
        key = (change.item, change.unit, change.period_start, change.period_end)
        if change.lines:
            newest = change.at >= self.latest.get(key, change.at)  # a later change may have been paid before
            if newest and (change.months or change.level is not None):
                planned.change_plan(self.catalog, wallet, change, alone=key not in self.origins)
            plan = self._plan(change.plan, change.lines)
            ended_at = mirrored.ended_at(self.tx, change.subscription) if len(change.months) > 1 else None
            changing.grant(wallet, change, planned.lots(plan, change, self.invoice.id, self.paid_at), ended_at)
            taken = changing.take(self.tx, wallet, change)
            self.origins.setdefault(key, []).append(change.origin)
            self.sold.append(Sold(wallet, change, self._parts(change.lines), taken))
        if change.ends:
            self.instead.add(change.item)
            self.cuts.append((wallet, changing.end(self.tx, wallet, change, self.origins.get(key, []))))

    def _changed_since(self, sale: Allocation) -> bool:
        """Was the period changed before it was paid? Then the terms of that change hold already."""
        return self.changed_at.get((sale.item, sale.unit, sale.period_end), sale.period_start) > sale.period_start

    def _plan(self, id: str, lines: Sequence[str]) -> Plan:
        """The plan as it was when these lines of it began."""
        owners = [self.lines[line][1] for line in lines]
        return next((one for one in owners if isinstance(one, Plan) and one.id == id), None) or self.catalog.plans[id]

    def _parts(self, ids: Sequence[str]) -> dict[str, int]:
        """The credit part of each line, by the share of the plan that its price belongs to."""
        found = {}
        for id in ids:
            line, owner = self.lines[id]
            assert isinstance(owner, Plan), id
            found[id] = credit_part(line.net_cents, owner.credit_share)
        return found
