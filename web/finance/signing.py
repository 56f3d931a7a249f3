"""Signing in and out, and setting a password for the first time."""

from __future__ import annotations

from typing import Any

import structlog
from flask import g, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from billing.access import signing_in
from billing.access import staff as members
from billing.access.signing_in import TooMany
from billing.base.clock import SystemClock
from billing.rules.refusals import Invalid
from web.finance.door import SESSION, VISIT, drop_cookie, finance, is_ours, set_cookie, signed_in, staff_only, stale
from web.pages import message
from web.state import engine, secrets

_LOG = structlog.get_logger("billing.web")


@finance.get("/")
def home() -> Response:
    """The page that finance begins with."""
    return redirect(url_for("finance.allocations"))


@finance.get("/sign-in")
def sign_in() -> Any:
    """The form; who is signed in already goes on."""
    if signed_in() is not None:
        return redirect(_next(), 303)
    return render_template("finance/sign_in.html", next=request.args.get("next", ""), wrong=None, email="")


@finance.post("/sign-in")
def try_to_sign_in() -> Any:
    """Lets in who knows the password of an e-mail. Whether the e-mail is anybody's is not told."""
    g.staff = None  # whoever was signed in here before
    if not is_ours():
        return stale()
    email, address = request.form.get("email", "")[:255], _address()
    answer = signing_in.sign_in(
        engine().database, secrets(), email, request.form.get("password", ""), address, SystemClock().now()
    )
    if isinstance(answer, TooMany):
        _LOG.warning("sign_in_held_back", address=address)
        wrong = f"Too many attempts. Try again in {-(-answer.seconds // 60)} minutes."
        return _again(wrong, email, 429, {"Retry-After": str(answer.seconds)})
    if answer is None:
        _LOG.warning("sign_in_failed", address=address)
        return _again("E-mail and password don’t belong together.", email, 401)
    staff, cookie = answer
    _LOG.info("signed_in", staff=staff.id)
    response = redirect(_next(), 303)
    set_cookie(response, SESSION, cookie)
    drop_cookie(response, VISIT)
    return response


@finance.post("/sign-out")
@staff_only()
def sign_out(_: members.Staff) -> Response:
    """Ends the session, and not only the cookie."""
    signing_in.sign_out(engine().database, secrets(), request.cookies[SESSION], SystemClock().now())
    response = redirect(url_for("finance.sign_in"), 303)
    drop_cookie(response, SESSION)
    return response


@finance.get("/welcome/<token>")
def welcome(token: str) -> Any:
    """Where a password is set, through a link that works once."""
    g.staff = None
    with engine().database.read() as tx:
        found = members.of_link(tx, token, SystemClock().now())
    return _no_link() if found is None else render_template("finance/welcome.html", who=found.email, wrong=None)


@finance.post("/welcome/<token>")
def set_password(token: str) -> Any:
    """Sets it, and leads to the sign-in."""
    g.staff = None
    if not is_ours():
        return stale()
    now = SystemClock().now()
    with engine().database.read() as tx:
        found = members.of_link(tx, token, now)
    if found is None:
        return _no_link()
    password = request.form.get("password", "")
    try:
        if password != request.form.get("again", ""):
            raise Invalid.field("password", "The two are not the same.")
        if members.set_password(engine().database, token, password, now) is None:
            return _no_link()
    except Invalid as invalid:
        wrong = " ".join(invalid.errors["password"])
        return make_response(render_template("finance/welcome.html", who=found.email, wrong=wrong), 422)
    return redirect(url_for("finance.sign_in"), 303)


def _address() -> str:
    """Who asks, as a proxy on this machine says; others are not believed, as Gunicorn does not believe them either."""
    near, named = request.remote_addr or "", request.headers.get("X-Forwarded-For", "").rpartition(",")[2].strip()
    return named if named and near in ("127.0.0.1", "::1") else near


def _again(wrong: str, email: str, status: int, headers: dict[str, str] | None = None) -> Response:
    page = render_template("finance/sign_in.html", next=request.form.get("next", ""), wrong=wrong, email=email)
    return make_response(page, status, headers or {})


def _next() -> str:
    """Where they were going: a page of finance's, and nowhere else."""
    there = request.values.get("next", "")
    ours = there.startswith("/finance/") and there.isprintable() and "\\" not in there
    return there if ours else url_for("finance.allocations")


def _no_link() -> Response:
    said = "It works once, and for a day. Ask for a new one: billing staff link EMAIL."
    return message("This link does not work any more", (said,), 404)
