"""Planned: what a plan's allocation is in an open wallet. It is decided by the rules of a sale; the caller writes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from babel.dates import format_date

from billing.base.wording import date_text
from billing.catalog.terms import Catalog, Plan
from billing.credits import grants
from billing.credits.opening import OpenWallet
from billing.credits.positions import terms_of
from billing.rules.periods import Span, add
from billing.rules.sale.months import Month
from billing.rules.sale.values import Allocation, PlanChange
from billing.rules.wallet import billed, endterms
from billing.rules.wallet.values import LARGEST_CREDITS, Cause


def allocate(
    wallet: OpenWallet, plan: Plan, sale: Allocation, invoice: str, paid_at: datetime, ended_at: datetime | None
) -> None:
    """Sells its months. What would begin after the subscription ended does not come."""
    if sale.months:
        grants.sell(wallet, sale.origin, lots(plan, sale, invoice, paid_at), until=ended_at)
    elif sale.cents:
        billed.earn(wallet.position, sale.cents, sale.currency, Cause(sale.origin))


def lots(plan: Plan, sale: Allocation | PlanChange, invoice: str, paid_at: datetime) -> list[grants.Lot]:
    """One for each of its months, in order of time. What a trial leaves goes nowhere."""
    trial = isinstance(sale, Allocation) and sale.trial
    return [
        grants.Lot(
            credits=month.credits,
            description=_words(plan.name, sale, month),
            origin=sale.origin if len(sale.months) == 1 else None,
            effective_at=month.starts_at,
            expires_at=month.expires_at,
            paid_cents=month.cents,
            currency=sale.currency,
            metadata={"plan": plan.id, "paid_by": invoice},
            series=f"plan:{sale.item}",
            period_end=month.ends_at,
            at_end=None if trial else endterms.at_end(plan.at_period_end),
            paid_at=paid_at,
        )
        for month in sale.months
    ]


def begin_period(
    catalog: Catalog,
    wallet: OpenWallet,
    sale: Allocation,
    plan: Plan,
    *,
    instead: bool = False,
    cut_at: datetime | None = None,
) -> None:
    """The plan's terms hold for the wallet until its credits end, unless a later period is there already; where it
    began `instead` of one, from now on. One that was cut short (`cut_at`) is no later than what cut it.
    """
    row = {**wallet.row, **wallet.changed}
    last = max((month.expires_at for month in sale.months if month.expires_at), default=None)
    until = cut_at or last or add(sale.period_end, plan.grace)
    end = cut_at or sale.period_end
    present = (row["period_end"], row["plan_until"], *_generous(catalog, row["plan"]))
    # Of two that end together the more generous holds, whichever of their invoices comes first.
    there = row["period_end"] is not None and not (instead and row["plan_from"] <= sale.period_start)
    if there and present >= (end, until, *_generous(catalog, plan.id)):
        return
    _hold(catalog, wallet, plan, sale.period_start, until, end)


def change_plan(catalog: Catalog, wallet: OpenWallet, change: PlanChange, *, alone: bool = False) -> None:
    """The new plan's terms hold for what is left of the period; where it is `alone` (the period was not granted here),
    unless a later one is there.
    """
    row = {**wallet.row, **wallet.changed}
    plan = catalog.at(change.at).plans.get(change.plan)
    if plan is None or not change.quantity:
        return
    if alone and (row["period_end"] is None or row["period_end"] < change.period_end):
        last = max((month.expires_at for month in change.months if month.expires_at), default=None)
        until = last or add(change.period_end, plan.grace)
        _hold(catalog, wallet, plan, change.at, until, change.period_end)
        return
    if row["period_end"] != change.period_end or row["plan"] == plan.id:
        return
    _hold(catalog, wallet, plan, change.at, row["plan_until"], change.period_end)


def _hold(
    catalog: Catalog, wallet: OpenWallet, plan: Plan, since: datetime, until: datetime, period_end: datetime
) -> None:
    wallet.changed.update(plan=plan.id, plan_from=since, plan_until=until, period_end=period_end)
    wallet.position.period_end = period_end
    row = {**wallet.row, **wallet.changed}
    wallet.position.reconsider(*terms_of(catalog, row, wallet.at))


def end_plan(catalog: Catalog, wallet: OpenWallet, items: Sequence[str]) -> None:
    """The subscription ended: the plan's terms hold as long as credits of it that are there already."""
    row = {**wallet.row, **wallet.changed}
    series = {f"plan:{item}" for item in items}
    its = [bucket for bucket in wallet.position.buckets.values() if bucket.live and bucket.series in series]
    if row["plan_until"] is None or any(bucket.expires_at is None for bucket in its):
        return
    until = max((bucket.expires_at for bucket in its if bucket.expires_at is not None), default=wallet.at)
    if until < row["plan_until"]:
        wallet.changed.update(plan_until=until)
        wallet.position.reconsider(*terms_of(catalog, {**row, **wallet.changed}, wallet.at))


def _generous(catalog: Catalog, plan: str) -> tuple[int, str]:
    """How far below zero a plan lets a wallet go, and its name, to tell two apart that let it go as far."""
    known = catalog.plans.get(plan)
    if known is None or known.overdraft is None:
        return -1, plan
    return LARGEST_CREDITS if known.overdraft.limit is None else known.overdraft.limit, plan


def _words(name: str, sale: Allocation | PlanChange, month: Month) -> str:
    """`Pro plan, November 2026`, `2 × Pro plan, 20 Apr 2026 – 20 May 2026`, `Change to Pro plan, …`."""
    what = name if "plan" in name.lower() else f"{name} plan"
    if isinstance(sale, Allocation) and sale.trial:
        what = f"Trial of {what}"
    if isinstance(sale, PlanChange):
        what = f"Change to {what if sale.quantity == 1 else f'{sale.quantity} × {what}'}"
    elif sale.quantity != 1:
        what = f"{sale.quantity} × {what}"
    start, end = month.starts_at, month.ends_at
    if start.day == 1 and end == add(start, Span(months=1)):
        return f"{what}, {format_date(start.date(), 'LLLL y', locale='en_US')}"
    return f"{what}, {date_text(start)} – {date_text(end)}"
