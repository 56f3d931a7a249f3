"""Signed links: whoever holds one is let in as the customer it names, until it ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from itsdangerous import BadData, URLSafeSerializer

PORTAL_LIFETIME = timedelta(hours=24)
"""How long a portal link opens the customer's pages."""

PAGES = ("wallet", "activity", "topup", "plans", "auto-topup")
_SALT = "billing portal link"


@dataclass(frozen=True, slots=True)
class PortalLink:
    """Who is let in, where the link opens, and until when."""

    customer: str
    page: str
    expires_at: datetime


def sign_portal_link(secrets: Sequence[str], link: PortalLink) -> str:
    """The link as a token for an address, signed with the newest secret."""
    content = {"c": link.customer, "p": link.page, "e": int(link.expires_at.timestamp())}
    return str(_serializer(secrets).dumps(content))


def read_portal_link(secrets: Sequence[str], token: str, now: datetime) -> PortalLink | Literal["expired", "wrong"]:
    """What a token says, if one of our secrets signed it (newest first in `secrets`) and it has not ended."""
    try:
        content: Any = _serializer(secrets).loads(token)
        link = PortalLink(str(content["c"]), str(content["p"]), datetime.fromtimestamp(content["e"], UTC))
    except (BadData, KeyError, TypeError, ValueError, OverflowError):
        return "wrong"
    if link.page not in PAGES:
        return "wrong"
    return link if now < link.expires_at else "expired"


def _serializer(secrets: Sequence[str]) -> URLSafeSerializer:
    # Signs with the last of its list, reads with all.
    return URLSafeSerializer(list(reversed(secrets)), salt=_SALT)
