"""The interface, described for people: Swagger UI over /openapi.json, from our own server and without inline code."""

from __future__ import annotations

from pathlib import Path

import flask_swagger_ui
from flask import Blueprint, Response, abort, render_template, send_from_directory

docs = Blueprint("docs", __name__)

_DIST = Path(flask_swagger_ui.__file__).parent / "dist"
_FILES = ("swagger-ui.css", "swagger-ui-bundle.js")


@docs.get("/docs")
def page() -> str:
    """Try the interface out, with a key of your own."""
    return render_template("docs.html")


@docs.get("/docs/<path:file>")
def asset(file: str) -> Response:
    """What Swagger UI is made of."""
    if file not in _FILES:
        abort(404)
    return send_from_directory(_DIST, file, max_age=3600)
