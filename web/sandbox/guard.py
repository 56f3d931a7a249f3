"""Who may open the pages and move the controls: a browser on this machine that stands on them, or a program."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import Flask, Response, request

_LOOPBACK = ("127.0.0.1", "localhost", "::1")


def guard(app: Flask) -> None:
    """Keeps other sites, and other names for this machine, out of everything but /v1 and /v2, which want a key."""

    @app.before_request
    def check() -> Response | None:
        if request.path.startswith(("/v1/", "/v2/")):
            return None
        host = urlsplit(f"//{request.host}").hostname
        if host not in _LOOPBACK:
            return Response("The sandbox answers on 127.0.0.1 and localhost only.\n", 421, mimetype="text/plain")
        if request.method not in ("GET", "HEAD") and not _from_here():
            return Response("This was sent by another site, so nothing was done.\n", 403, mimetype="text/plain")
        return None

    @app.after_request
    def add_headers(response: Response) -> Response:
        response.headers.setdefault("Content-Security-Policy", policy())
        response.headers.setdefault("X-Content-Type-Options", "nosniff")
        response.headers.setdefault("Referrer-Policy", "same-origin")
        response.headers.setdefault("Cache-Control", "no-store")
        return response


def policy(*leads_to: str | None) -> str:
    """Nothing but the style sheet. `leads_to` are addresses that a form's answer may redirect to."""
    origins = {f"{place.scheme}://{place.netloc}" for place in map(urlsplit, filter(None, leads_to)) if place.netloc}
    forms = " ".join(["'self'", *sorted(origins)])
    return f"default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action {forms}"


def _from_here() -> bool:
    """A program sends neither of these headers; a page of ours sends its own origin."""
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    if site not in (None, "same-origin", "none"):
        return False
    return origin is None or origin == request.host_url.rstrip("/")
