"""The free plan on a wallet's row, with its terms by every version of the catalog."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from billing.catalog.terms import Catalog, Plan
from billing.rules.wallet import endterms, freeterms
from billing.rules.wallet.freeterms import FreePlan, FreeTerms, Versions


def of_row(catalog: Catalog, row: Mapping[str, Any]) -> FreePlan | None:
    """What the wallet's row says of its free plan."""
    document = row["free"]
    return None if document is None else freeterms.read(document, versions_of(catalog, document["plan"]))


def versions_of(catalog: Catalog, plan: str | None) -> Versions:
    """The plan's terms and from when each hold; nothing of a plan that is not there."""
    if plan is None:
        return ()
    history: Sequence[tuple[datetime | None, Catalog]] = catalog.history or [(None, catalog)]
    return tuple((since, _terms(version.plans[plan])) for since, version in history if plan in version.plans)


def _terms(plan: Plan) -> FreeTerms:
    return FreeTerms(
        plan=plan.id,
        name=plan.name if "plan" in plan.name.lower() else f"{plan.name} plan",
        credits=plan.credits,
        every=plan.every,
        grace=plan.grace,
        keep=plan.at_period_end == "keep",
        at_end=endterms.at_end(plan.at_period_end),
    )
