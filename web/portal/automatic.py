"""Automatic top-up in the portal: on and off, within limits, after a look at what it would have charged. All of it
works without JavaScript.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from flask import redirect, render_template, request, url_for

from billing.access.tokens import PortalLink
from billing.rules.refusals import Invalid, StripeNotConfigured, StripeRefused, StripeUnavailable
from web.links import automatic_page
from web.pages import message, within_policy
from web.portal import automaticpage, purchases
from web.portal.buying import PATIENCE, from_our_own_page, shown, who_has
from web.portal.managing import portal
from web.portal.shop import Outcome
from web.portal.views import by_link, unit_asked
from web.state import engine, state, turn_to_ask

__all__ = ["portal"]

_PAGE = "portal.automatic"
_DONE = {
    "on": "Automatic top-up is on.",
    "off": "Automatic top-up is off. Nothing is bought by itself any more.",
    "resumed": "Automatic top-up goes on.",
    "waits": "The card that was declined is left alone until its time. Save another one to go on at once.",
}
SHOWN = 12


@portal.get("/<token>/auto-topup")
@by_link
def automatic(link: PortalLink, token: str) -> Any:
    """How it stands, and the form; opened with the form's fields it says what those would have charged."""
    return _page(link, token, request.args.get("threshold") is not None)


@portal.post("/<token>/auto-topup")
@by_link
def set_automatic(link: PortalLink, token: str) -> Any:
    """Switches it on as the form says, once the customer has agreed, or off."""
    if not from_our_own_page():
        return _elsewhere()
    unit = unit_asked()
    if request.form.get("act") == "off":
        engine().set_wallet(link.customer, unit, auto_topup=None)
        return redirect(url_for(_PAGE, token=token, unit=unit, done="off"), 303)
    setting, again = automaticpage.read(request.form, _shelf(link, unit).currency, _scale(unit))
    if request.form.get("agree") != "yes":
        return _refused(
            link, token, replace(again, wrong=("Tick the box below: nothing is charged unless you agree.",))
        )
    try:
        engine().set_wallet(link.customer, unit, auto_topup=setting, agreed=True)
    except Invalid as invalid:
        return _refused(link, token, replace(again, wrong=automaticpage.wrong(invalid.errors)))
    return redirect(url_for(_PAGE, token=token, unit=unit, done="on"), 303)


@portal.post("/<token>/auto-topup/resume")
@by_link
def resume_automatic(link: PortalLink, token: str) -> Any:
    """Goes on after a pause."""
    unit = unit_asked()

    def resumed() -> Any:
        with turn_to_ask():
            found = engine().resume_auto_topup(link.customer, unit)
        done = "waits" if found.status == "held_back" else "resumed"
        return redirect(url_for(_PAGE, token=token, unit=unit, done=done), 303)

    return _said(link, token, resumed)


@portal.post("/<token>/auto-topup/card")
@by_link
def save_card(link: PortalLink, token: str) -> Any:
    """To Stripe's own pages, where a card is saved, or another chosen."""

    def opened() -> Any:
        with turn_to_ask():
            url = engine().card_page(link.customer, return_url=automatic_page(token))
        if within_policy(state().settings, url):
            return redirect(url, 303)
        text = "Your cards are looked after at our payment provider."
        on = Outcome(who_has(link), "still", "Your cards", text, pay_url=url, pay_words="Go on to our payment provider")
        return shown(on, token, _PAGE)

    return _said(link, token, opened)


def _page(link: PortalLink, token: str, asked: bool, form: automaticpage.Filled | None = None) -> Any:
    billing, unit = engine(), unit_asked()
    found, on_shelf = billing.auto_topup(link.customer, unit), _shelf(link, unit)
    form, preview = form or automaticpage.filled(found.setting, on_shelf, _scale(unit)), None
    if asked:
        setting, form = automaticpage.read(request.values, on_shelf.currency, _scale(unit))
        try:
            preview = billing.preview_auto_topup(link.customer, setting, unit)
        except Invalid as invalid:
            form = replace(form, wrong=automaticpage.wrong(invalid.errors))
    card, known = _card(link)
    bought = [one for one in billing.topups(link.customer, limit=100) if one.automatic and one.unit == unit][:SHOWN]
    page = automaticpage.page(
        who_has(link), found, billing.catalog, on_shelf, form, card, preview=preview, card_known=known,
        history=[purchases.bought(one, billing.catalog) for one in bought],
        done=_DONE.get(request.args.get("done", ""), ""),
    )  # fmt: skip
    return render_template("portal/automatic.html", page=page, token=token, unit_asked=request.args.get("unit"))


def _refused(link: PortalLink, token: str, form: automaticpage.Filled) -> Any:
    return _page(link, token, asked=False, form=form), 422


def _shelf(link: PortalLink, unit: str) -> automaticpage.Shelf:
    billing = engine()
    setting, usual = billing.auto_topup(link.customer, unit).setting, billing.usual_currency(link.customer)
    return automaticpage.shelf(billing.catalog, unit, setting, usual)


def _scale(unit: str) -> int:
    return engine().catalog.units[unit].scale


def _card(link: PortalLink) -> tuple[Any, bool]:
    """The saved card, and whether Stripe could be asked for it."""
    try:
        with turn_to_ask(PATIENCE):
            return engine().saved_card(link.customer), True
    except (StripeUnavailable, StripeNotConfigured, StripeRefused):
        return None, False


def _elsewhere() -> Any:
    text = "This came from another site. Open the page from your link and try again there."
    return message("Nothing was changed", (text,), 403)


def _said(link: PortalLink, token: str, acting: Callable[[], Any]) -> Any:
    """The answer, or in the customer's words why there is none."""
    if not from_our_own_page():
        return _elsewhere()
    try:
        return acting()
    except Invalid as invalid:
        text, status = " ".join(words for messages in invalid.errors.values() for words in messages), 422
        title = "A card is needed" if "card" in invalid.errors else "Nothing was changed"
    except StripeUnavailable:
        title, status = "One moment, please", 503
        text = "Our payment provider does not answer just now. Nothing was changed; try again in a moment."
    except (StripeNotConfigured, StripeRefused):
        title, status = "Nothing was changed", 503
        text = "Our payment provider can’t be asked for it here. Ask the people who run your service."
    return shown(Outcome(who_has(link), "wait", title, text, again=True), token, _PAGE, status)
