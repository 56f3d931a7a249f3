"""Leads: what the catalog says of warnings for a wallet and its buckets, by the version of the plan it holds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from billing.catalog.terms import Catalog, Plan
from billing.rules.periods import Span

_TOPUP = "topup:"


@dataclass(frozen=True, slots=True)
class Holder:
    """What of a wallet's row says which plan it holds, and at which version."""

    plan: str | None
    plan_from: datetime | None
    plan_until: datetime | None

    def terms(self, catalog: Catalog, plan: str | None, at: datetime) -> Plan | None:
        """The plan, at the version the wallet holds it in; one that it does not hold (now), as it is now."""
        holds = self.plan == plan and self.plan_until is not None and self.plan_until > at
        version = catalog.at(self.plan_from or at) if holds else catalog
        return version.plans.get(plan or "")


def all_leads(catalog: Catalog) -> tuple[tuple[Span, bool, frozenset[str]], ...]:
    """Every lead there is, in any version, the shortest first: may it be for credits that are no plan's, and for which
    plans'?
    """
    free: set[Span] = set()
    of_plan: dict[Span, set[str]] = {}
    for version in [catalog, *(one for _, one in catalog.history)]:
        free.update(version.policy.expiring)
        for pack in version.packs.values():
            free.update(pack.expiring or ())
        for plan in version.plans.values():
            for lead in of_the_plan(version, plan):
                of_plan.setdefault(lead, set()).add(plan.id)
    return tuple((lead, lead in free, frozenset(of_plan.get(lead, ()))) for lead in shortest_first({*free, *of_plan}))


def of_the_plan(catalog: Catalog, plan: Plan) -> tuple[Span, ...]:
    """The plan's own, else the catalog's where its credits are for a year: others come anew before long."""
    if plan.expiring is not None:
        return plan.expiring
    return catalog.policy.expiring if plan.every == "year" else ()


def of_bucket(
    catalog: Catalog, holder: Holder, series: str | None, origin: str, metadata: Mapping[str, Any] | None, at: datetime
) -> tuple[Span, ...]:
    """The leads for one bucket, the shortest first: its plan's, its pack's, or the catalog's."""
    said = metadata or {}
    leads: tuple[Span, ...] = catalog.policy.expiring
    if series is not None:
        plan = holder.terms(catalog, said.get("plan"), at)
        leads = () if plan is None else of_the_plan(catalog, plan)
    elif origin.startswith(_TOPUP):
        pack = catalog.packs.get(said.get("pack") or "")
        leads = leads if pack is None or pack.expiring is None else pack.expiring
    return tuple(shortest_first(leads))


def runway_of(catalog: Catalog, holder: Holder, at: datetime) -> Span:
    """How long the wallet's credits should last; no span at all: nobody is warned."""
    holds = holder.plan_until is not None and holder.plan_until > at
    plan = holder.terms(catalog, holder.plan, at) if holds else None
    return catalog.policy.runway if plan is None or plan.runway is None else plan.runway


def text(lead: Span) -> str:
    """In the largest unit that fits: "7 days", "1 day", "36 hours"."""
    days, rest = divmod(lead.seconds, 86_400)
    count, noun = (days, "day") if not rest else (lead.seconds // 3_600, "hour")
    if lead.seconds % 3_600:
        count, noun = lead.seconds // 60, "minute"
    return f"{count} {noun}{'' if count == 1 else 's'}"


def shortest_first(leads: Iterable[Span]) -> list[Span]:
    return sorted(leads, key=lambda lead: lead.seconds)
