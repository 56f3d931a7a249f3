"""The service: one Flask application over one engine."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

from flask import Flask

from web import api, errors
from web.docs import docs
from web.finance import finance
from web.metrics import metrics
from web.operation import observe, operation
from web.pages import pages, secure
from web.portal.automatic import portal
from web.portal.notices import leaving
from web.state import EXTENSION, Demo, State
from web.webhooks import webhooks

if TYPE_CHECKING:
    from billing import Billing
    from billing.base.settings import Settings

LARGEST_BODY = 2 * 1024 * 1024
"""Bytes: a thousand spends with some metadata each, or the largest event Stripe sends, several times over."""


def create_app(
    billing: Billing,
    settings: Settings,
    *,
    checks: Mapping[str, Callable[[], str | None]] | None = None,
    demo: Demo | None = None,
) -> Flask:
    """The application. `checks` are looked at by /readyz beside its own; each says what is wrong, or None."""
    app = Flask(__name__)
    app.extensions[EXTENSION] = State(billing, settings, checks or {}, demo)
    app.config.update(MAX_CONTENT_LENGTH=LARGEST_BODY, TRAP_HTTP_EXCEPTIONS=False)
    app.url_map.strict_slashes = False
    observe(app)
    secure(app)
    errors.register(app)
    for blueprint in (operation, metrics, pages, portal, leaving, finance, docs, webhooks):
        app.register_blueprint(blueprint)
    api.register(app, _version())
    return app


def _version() -> str:
    try:
        return version("billing")
    except PackageNotFoundError:
        return "0"
