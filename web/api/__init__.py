"""REST, `/v1`: a file per resource, described by the schemas it is checked with."""

from __future__ import annotations

from flask import Flask

from web.api.auto_topups import auto_topups
from web.api.buckets import buckets
from web.api.catalog import catalog
from web.api.customers import customers
from web.api.holds import holds
from web.api.notices import notices
from web.api.portal_links import portal_links
from web.api.refunds import refunds
from web.api.resource import make_api
from web.api.spends import SpendItem, spends
from web.api.subscriptions import subscriptions
from web.api.topups import topups
from web.api.wallets import wallets
from web.api.webhook_endpoints import webhook_endpoints

RESOURCES = (
    customers, wallets, spends, holds, buckets, topups, auto_topups, refunds, subscriptions, catalog, portal_links,
    notices, webhook_endpoints,
)  # fmt: skip


def register(app: Flask, version: str) -> None:
    """Adds the resources and `/openapi.json` to the application."""
    api = make_api(app, version)
    api.spec.components.schema("SpendItem", schema=SpendItem)
    for resource in RESOURCES:
        api.register_blueprint(resource)
