"""Signed links: whoever holds one is let in as the customer it names, until it ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from itsdangerous import BadData, URLSafeSerializer

PORTAL_LIFETIME = timedelta(hours=24)
"""How long a portal link opens the customer's pages."""

LETTER_LIFETIME = timedelta(days=7)
"""The same of a link in a letter, which is read days later, too."""

_PATHS = {"wallet": "", "activity": "/activity", "topup": "/topup", "plans": "/plans", "auto-topup": "/auto-topup",
          "notices": "/notices"}  # fmt: skip
PAGES = tuple(_PATHS)
_SALT = "billing portal link"
_UNSUBSCRIBE = "billing unsubscribe link"


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


def portal_address(public_url: str, secrets: Sequence[str], link: PortalLink) -> str:
    """The signed link, under the address that people reach the service at."""
    return f"{public_url}/portal/{sign_portal_link(secrets, link)}{_PATHS[link.page]}"


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


@dataclass(frozen=True, slots=True)
class Unsubscribing:
    """Who does not want to get letters of this kind any more. It opens nothing else, and so it never ends."""

    customer: str
    kind: str


def unsubscribe_address(public_url: str, secrets: Sequence[str], wish: Unsubscribing) -> str:
    """Where one click ends these letters, for a letter's header and foot."""
    token = _serializer(secrets, _UNSUBSCRIBE).dumps([wish.customer, wish.kind])
    return f"{public_url}/unsubscribe/{token}"


def read_unsubscribe_token(secrets: Sequence[str], token: str) -> Unsubscribing | None:
    """What such a token says, if one of our secrets signed it."""
    try:
        customer, kind = _serializer(secrets, _UNSUBSCRIBE).loads(token)
    except (BadData, TypeError, ValueError):
        return None
    return Unsubscribing(str(customer), str(kind))


def _serializer(secrets: Sequence[str], salt: str = _SALT) -> URLSafeSerializer:
    # Signs with the last of its list, reads with all.
    return URLSafeSerializer(list(reversed(secrets)), salt=salt)
