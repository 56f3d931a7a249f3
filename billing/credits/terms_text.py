"""The terms of a grant to come, as they stand in a month's row."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from billing.rules.wallet.values import GrantTerms

_INSTANTS = ("expires_at", "period_end", "paid_at")


def written(terms: GrantTerms) -> dict[str, Any]:
    """As JSON; what is not said is left out."""
    values = {name: getattr(terms, name) for name in GrantTerms.__slots__}
    values["features"] = list(terms.features) or None
    for name in _INSTANTS:
        values[name] = None if values[name] is None else values[name].isoformat()
    return {name: value for name, value in values.items() if value is not None}


def read(document: Mapping[str, Any]) -> GrantTerms:
    """What `written` wrote."""
    values = dict(document)
    values["features"] = tuple(values.get("features", ()))
    for name in _INSTANTS:
        if name in values:
            values[name] = datetime.fromisoformat(values[name])
    return GrantTerms(**values)
