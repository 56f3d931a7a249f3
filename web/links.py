"""Addresses of our own pages, as others are given them."""

from __future__ import annotations

from billing.access.tokens import PORTAL_LIFETIME, PortalLink, portal_address, sign_portal_link
from web.state import clock_now, secrets, state


def portal_url(link: PortalLink) -> str:
    """The signed link under PUBLIC_URL, open to whoever holds it."""
    return portal_address(state().settings.public_url, secrets(), link)


def topup_page(token: str) -> str:
    """Where the buyer of a top-up comes back to; `{topup}` in it stands for its id."""
    return f"{state().settings.public_url}/portal/{token}/topups/{{topup}}"


def checkout_page(token: str) -> str:
    """Where the buyer of a plan comes back to; `{checkout}` in it stands for the checkout's id."""
    return f"{state().settings.public_url}/portal/{token}/plans/{{checkout}}"


def plans_page(token: str) -> str:
    """Where who looked after a subscription at Stripe comes back to."""
    return f"{state().settings.public_url}/portal/{token}/plans"


def automatic_page(token: str) -> str:
    """Where who saved a card at Stripe comes back to."""
    return f"{state().settings.public_url}/portal/{token}/auto-topup"


def signed(link: PortalLink) -> str:
    """The link's token."""
    return sign_portal_link(secrets(), link)


def fresh_link(customer: str, page: str) -> PortalLink:
    """A link that opens now and for as long as links do."""
    return PortalLink(customer, page, clock_now().replace(microsecond=0) + PORTAL_LIFETIME)
