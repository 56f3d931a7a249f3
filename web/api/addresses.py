"""Addresses that a buyer comes back to: only where the installation says that its buyers come from."""

from __future__ import annotations

from typing import Any

import marshmallow as ma

from billing.base.settings import origin_of
from billing.rules import asking
from web.api.fields import PRINTABLE
from web.state import state


class ReturnAddress(ma.fields.String):
    """A whole address whose origin is PUBLIC_URL's or one of ALLOWED_ORIGINS."""

    def __init__(self, about: str) -> None:
        said = {"description": about, "maxLength": 2000, "pattern": PRINTABLE}
        super().__init__(validate=_allowed, allow_none=True, metadata=said)


def _allowed(address: Any) -> None:
    problem = asking.address(address)
    if problem is not None:
        raise ma.ValidationError(problem)
    try:
        origin = origin_of(address)
    except ValueError as error:
        raise ma.ValidationError(str(error)) from None
    if origin not in state().settings.allowed_origins:
        raise ma.ValidationError(f"Buyers can't be sent to {origin}: add it to ALLOWED_ORIGINS.")
