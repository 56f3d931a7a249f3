"""Links to the customer's own pages."""

from __future__ import annotations

from typing import Any

import marshmallow as ma

from billing.access.tokens import PAGES
from web.api.fields import Time
from web.api.resource import Resource
from web.links import fresh_link, portal_url
from web.state import engine

portal_links = Resource(
    "portal links", "/v1/customers/<name:customer>/portal-links", "Links to the customer's own pages."
)


class PortalLinkBody(ma.Schema):
    """Where the link opens."""

    page = ma.fields.String(load_default="wallet", validate=ma.validate.OneOf(PAGES))


class PortalLinkAnswer(ma.Schema):
    """A signed link: whoever holds it sees the customer's pages until it expires."""

    url = ma.fields.String(required=True)
    expires_at = Time(required=True)


@portal_links.operation(
    "POST", "", scope="read", body=PortalLinkBody, answer=PortalLinkAnswer, status=201, refusals=("unknown_customer",)
)  # fmt: skip
def make_portal_link(customer: str, body: dict[str, Any]) -> Any:
    """Make a link to the customer's wallet, top-ups or plans, to send them to right away."""
    known = engine().find_customer(customer)
    link = fresh_link(known.id, body["page"])
    return {"url": portal_url(link), "expires_at": link.expires_at}
