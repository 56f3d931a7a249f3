"""What all pages share: the theme, the messages, the safe headers."""

from __future__ import annotations

from collections.abc import Sequence

from flask import Blueprint, Flask, Response, make_response, redirect, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from billing.base.settings import Settings, origin_of
from billing.base.wording import time_text
from web.state import clock_now, state

pages = Blueprint("pages", __name__)

THEMES = ("light", "dark")
THEME_COOKIE = "billing_theme"
_YEAR = 365 * 24 * 3600

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
"""No inline code, nothing from elsewhere. The images in `data:` are those inside the style sheets."""

STRIPES = ("https://checkout.stripe.com", "https://billing.stripe.com")
"""Where Stripe's Checkout and its customer portal are."""

HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


def secure(app: Flask) -> None:
    """Puts the safe headers on every answer, and keeps everything but static files out of caches."""

    @app.after_request
    def add_headers(response: Response) -> Response:
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        if request.endpoint != "static":
            response.headers.setdefault("Cache-Control", "no-store")
        if request.is_secure:
            response.headers.setdefault("Strict-Transport-Security", "max-age=31536000")
        return response

    @app.context_processor
    def shared() -> dict[str, object]:
        shown = state().demo
        return {"theme": chosen_theme(), "demo": shown, "demo_time": time_text(clock_now()) if shown else None}


def policy(settings: Settings) -> str:
    """`POLICY` for pages with a button that leads to Stripe: browsers hold the way of a form to its very end."""
    return POLICY.replace("form-action 'self'", f"form-action 'self' {' '.join(_at_stripe(settings))}")


def within_policy(settings: Settings, address: str) -> bool:
    """May a form lead there? An account may have its pages at a domain of its own, which nobody knows before."""
    return origin_of(address) in _at_stripe(settings)


def _at_stripe(settings: Settings) -> list[str]:
    base = settings.stripe_api_base
    return list(dict.fromkeys([*STRIPES, *([origin_of(base)] if base else [])]))


def chosen_theme() -> str:
    """`light` or `dark` as chosen, empty for what the reader's system prefers."""
    theme = request.cookies.get(THEME_COOKIE, "")
    return theme if theme in THEMES else ""


def message(title: str, paragraphs: Sequence[str], status: int, *, leads: tuple[str, str] | None = None) -> Response:
    """A page that says one thing: what happened, and what to do. `leads`: words, and where they lead."""
    return make_response(render_template("message.html", title=title, paragraphs=paragraphs, leads=leads), status)


@pages.get("/")
def home() -> AnyResponse:
    """Nothing lives here; the description of the interface is where a developer wants to be, a demo has a beginning."""
    shown = state().demo
    return redirect("/docs" if shown is None else shown.home)


@pages.post("/theme")
def choose_theme() -> AnyResponse:
    """Keeps the theme in a cookie. Not worth protecting against forgery: it changes colours only."""
    back = request.form.get("back", "/")
    # A path of ours only: "//host" and "/\host" would lead elsewhere.
    safe = back.startswith("/") and not back.startswith(("//", "/\\")) and back.isprintable()
    response = redirect(back if safe else "/", 303)
    theme = request.form.get("theme", "")
    if theme in THEMES:
        response.set_cookie(THEME_COOKIE, theme, max_age=_YEAR, samesite="Lax", httponly=True, secure=request.is_secure)
    else:
        response.delete_cookie(THEME_COOKIE)
    return response
