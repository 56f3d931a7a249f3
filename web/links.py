"""Addresses of our own pages, as others are given them."""

from __future__ import annotations

from billing.access.tokens import PortalLink, sign_portal_link
from web.state import secrets, state

_PATHS = {"wallet": "", "activity": "/activity"}


def portal_url(link: PortalLink) -> str:
    """The signed link under PUBLIC_URL, open to whoever holds it."""
    token = sign_portal_link(secrets(), link)
    return f"{state().settings.public_url}/portal/{token}{_PATHS[link.page]}"
