"""Whose price is this: a Stripe price → the plan or pack it sells."""

from __future__ import annotations

from datetime import datetime

from billing.catalog.terms import Catalog, Pack, Plan


def owner_of(catalog: Catalog, price_id: str | None, lookup_key: str | None = None) -> Plan | Pack | None:
    """The plan or pack that names the price by its id or, failing that, by its lookup key; None if none does.

    The catalog's loading has made sure that a name stands in one place only.
    """
    for name in (price_id, lookup_key):
        if not name:
            continue
        for plan in catalog.plans.values():
            if name in plan.prices:
                return plan
        for pack in catalog.packs.values():
            if name in pack.stripe_prices:
                return pack
    return None


def owner_then(catalog: Catalog, price_id: str | None, lookup_key: str | None, at: datetime) -> Plan | Pack | None:
    """Whose price it is by the version in force at that instant; where that knows none, by today's, or by the newest
    that ever did: a price that was mapped later, or has gone from the file.
    """
    earlier = (known for _, known in reversed(catalog.history))
    for version in (catalog.at(at), catalog, *earlier):
        owner = owner_of(version, price_id, lookup_key)
        if owner is not None:
            return owner
    return None
