"""The door to finance's pages: who is signed in, what they may do, and that a form was sent from a page of ours.

Sessions go by real time, whatever clock the engine goes by.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from functools import wraps
from typing import Any

from flask import Blueprint, g, redirect, request, url_for
from itsdangerous import BadData, URLSafeSerializer
from werkzeug.wrappers import Response

from billing.access import signing_in
from billing.access.staff import Staff, digest
from billing.base import ids
from billing.base.clock import SystemClock
from web.pages import message
from web.state import engine, secrets, state

finance = Blueprint("finance", __name__, url_prefix="/finance")

SESSION, VISIT = "billing_staff", "billing_visit"
"""Cookies: of who is signed in, and of who is not yet but has a form in front of them."""

FORM = "form"
"""The hidden field that every form carries."""

PAGES = (
    ("finance.allocations", "Allocations"),
    ("finance.inbox", "Inbox"),
    ("finance.customers", "Customers"),
    ("finance.reconciliation", "Reconciliation"),
    ("finance.jobs", "Jobs"),
)

_SALT = "billing finance form"

View = Callable[..., Any]


def staff_only(role: str = "viewer") -> Callable[[View], View]:
    """Lets in staff of that role or more; sends everybody else to sign in. A form must come from a page of ours."""

    def guard(view: View) -> View:
        @wraps(view)
        def guarded(**path: str) -> Any:
            staff = signed_in()
            if staff is None:
                # What was to be done is not done: it has to be asked for again.
                back = request.full_path.rstrip("?") if request.method == "GET" else None
                return redirect(url_for("finance.sign_in", next=back), 303)
            if not staff.may(role):
                return message("Not with your role", (f"This needs the role {role}; yours is {staff.role}.",), 403)
            if request.method == "POST" and not is_ours():
                return stale()
            return view(staff, **path)

        return guarded

    return guard


def signed_in() -> Staff | None:
    """Who is signed in, asked once for a request."""
    if "staff" not in g:
        cookie = request.cookies.get(SESSION, "")
        g.staff = signing_in.who(engine().database, secrets(), cookie, SystemClock().now()) if cookie else None
    found: Staff | None = g.staff
    return found


def stale() -> Response:
    """The answer to a form that does not come from a page of ours, or from one that is too old."""
    return message("That form is too old", ("Nothing was done. Go back, load the page again and repeat it.",), 400)


def is_ours() -> bool:
    """Was the form made for the one who sends it?"""
    try:
        said = _serializer().loads(request.form.get(FORM, ""))
    except BadData:
        return False
    bound = _bound_to()
    return bound is not None and isinstance(said, str) and hmac.compare_digest(said, digest(bound))


@finance.context_processor
def shared() -> dict[str, object]:
    """What the pages' layout shows, and the field for forms."""
    return {"staff": g.get("staff"), "form_token": form_token, "form_field": FORM, "pages_of_finance": PAGES}


def form_token() -> str:
    """What the hidden field holds: good for this visitor alone."""
    bound = _bound_to()
    if bound is None:
        bound = g.new_visit = ids.token()
    return str(_serializer().dumps(digest(bound)))


@finance.after_request
def keep_visit(response: Response) -> Response:
    """Who has got a form gets the cookie that it is bound to."""
    if "new_visit" in g:
        set_cookie(response, VISIT, g.new_visit)
    return response


def set_cookie(response: Response, name: str, value: str) -> None:
    """For finance's pages alone, out of reach of scripts and of other sites."""
    response.set_cookie(name, value, path="/finance", httponly=True, samesite="Lax", secure=_secure())


def drop_cookie(response: Response, name: str) -> None:
    response.delete_cookie(name, path="/finance", httponly=True, samesite="Lax", secure=_secure())


def _secure() -> bool:
    return request.is_secure or state().settings.public_url.startswith("https:")


def _bound_to() -> str | None:
    if g.get("staff") is not None:
        return request.cookies[SESSION]
    return g.get("new_visit") or request.cookies.get(VISIT) or None


def _serializer() -> URLSafeSerializer:
    return URLSafeSerializer(list(reversed(secrets())), salt=_SALT)
