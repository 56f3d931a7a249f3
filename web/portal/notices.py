"""Notices: which letters the customer gets, chosen by themselves; and the way out of a letter, without signing in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for

from billing.access.tokens import PortalLink, Unsubscribing, read_unsubscribe_token
from billing.notices.kinds import KINDS
from billing.notices.preferences import ALL
from billing.rules.refusals import UnknownCustomer
from web.pages import message
from web.portal.buying import from_our_own_page, who_has
from web.portal.managing import portal
from web.portal.views import by_link
from web.state import engine, secrets

__all__ = ["leaving", "portal"]

leaving = Blueprint("leaving", __name__, url_prefix="/unsubscribe")

_SAVED = {"1": "Saved."}


@dataclass(frozen=True, slots=True)
class Letter:
    """One kind of letter, as the page shows it."""

    name: str
    about: str
    wanted: bool


@dataclass(frozen=True, slots=True)
class NoticesPage:
    """`optional` can be switched, `always` comes anyway."""

    who: str
    email: str | None
    optional: tuple[Letter, ...]
    always: tuple[Letter, ...]
    done: str | None


@portal.get("/<token>/notices")
@by_link
def notices(link: PortalLink, token: str) -> Any:
    """What is sent, where to, and what of it can be done without."""
    has = engine().notice_preferences(link.customer)
    letters = [(kind, Letter(name, kind.about, has.notices[name])) for name, kind in KINDS.items()]
    page = NoticesPage(
        who_has(link),
        has.email,
        tuple(letter for kind, letter in letters if kind.optional),
        tuple(letter for kind, letter in letters if not kind.optional),
        _SAVED.get(request.args.get("saved", "")),
    )
    return render_template("portal/notices.html", page=page, token=token, unit_asked=None)


@portal.post("/<token>/notices")
@by_link
def choose_notices(link: PortalLink, token: str) -> Any:
    """What is ticked is wanted, what is not is not."""
    if not from_our_own_page():
        return message("Nothing was changed", ("This came from another site. Open the page from your link.",), 403)
    wanted = {name: name in request.form for name, kind in KINDS.items() if kind.optional}
    engine().set_notice_preferences(link.customer, wanted)
    return redirect(url_for("portal.notices", token=token, saved=1), 303)


@leaving.get("/<token>")
def ask(token: str) -> Any:
    """What would end. Nothing ends by looking: programs that scan mail follow every link."""
    wish = _wish(token)
    if wish is None:
        return _wrong()
    about = KINDS[wish.kind].about if wish.kind in KINDS else None
    return render_template("unsubscribe.html", about=about, token=token, every=ALL)


@leaving.post("/<token>")
def leave(token: str) -> Any:
    """One click, from the page or from a mail program (RFC 8058), which sends no more than that it was clicked."""
    wish = _wish(token)
    if wish is None:
        return _wrong()
    every = request.form.get("kind") == ALL
    try:
        engine().unsubscribe(wish.customer, ALL if every else wish.kind)
    except UnknownCustomer:
        return _wrong()
    what = "none of these letters" if every or wish.kind not in KINDS else f"no “{KINDS[wish.kind].about}”"
    text = f"You will get {what} any more. What is about your payments we still have to send you."
    return message("Done", (text,), 200)


def _wish(token: str) -> Unsubscribing | None:
    return read_unsubscribe_token(secrets(), token)


def _wrong() -> Any:
    text = "It may have been cut off on its way: copy the whole link from the letter."
    return message("This link does not work", (text,), 404)
