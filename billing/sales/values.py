"""What the verbs of a sale answer."""

from __future__ import annotations

from dataclasses import dataclass

from billing.base.db import Tx
from billing.catalog.terms import Catalog, Pack, Plan
from billing.credits.opening import OpenWallet, open_wallets
from billing.rules.refusals import Refusal
from billing.rules.sale.values import PackTerms, PlanTerms


@dataclass(frozen=True, slots=True)
class Applied:
    """What a payment brought. `granted`: the origins of the buckets made now. `waits`: why something of it brings
    nothing yet, for people. `note`: why there was nothing to do. `linked`: the Stripe customer linked on the way.
    """

    granted: tuple[str, ...] = ()
    waits: str | None = None
    note: str | None = None
    linked: str | None = None


def plan_terms(plan: Plan) -> PlanTerms:
    """The catalog's plan as the rules of a sale read it."""
    return PlanTerms(
        plan=plan.id,
        credits=plan.credits,
        every=plan.every,
        grace=plan.grace,
        late_grace=plan.late_grace,
        at_period_end=plan.at_period_end,
        credit_share=plan.credit_share,
        unit=plan.unit,
    )


def pack_terms(pack: Pack) -> PackTerms:
    """The catalog's pack as the rules of a sale read it."""
    return PackTerms(pack=pack.id, credits=pack.credits, valid_for=pack.valid_for, unit=pack.unit)


def open_units(tx: Tx, catalog: Catalog, customer: str, units: set[str]) -> dict[str, OpenWallet]:
    """The customer's wallets in these units, locked. Raises the refusal where one can't be opened."""
    opened: dict[str, OpenWallet] = {}
    for (_, unit), wallet in open_wallets(tx, catalog, [(customer, unit) for unit in sorted(units)]).items():
        if isinstance(wallet, Refusal):
            raise wallet
        opened[unit] = wallet
    return opened
