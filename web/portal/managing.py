"""Looking after a subscription: changed, cancelled and kept here, each after a look at what it means; and the way to
Stripe's customer portal, where it is paid with another card, too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from flask import redirect, render_template, request, url_for

from billing.access.tokens import PortalLink
from billing.base import ids
from billing.rules.refusals import Refusal, StripeNotConfigured, StripeRefused, StripeUnavailable
from web.links import plans_page
from web.pages import message, within_policy
from web.portal.buying import form_key, from_our_own_page, shown, who_has
from web.portal.shop import Outcome
from web.portal.switch import cancel_page, change_page, why_not
from web.portal.views import by_link, portal
from web.state import engine, state, turn_to_ask

if TYPE_CHECKING:
    from billing import SubscriptionChange

__all__ = ["portal"]

_PLANS = "portal.plans"
_UNCHANGED = "Nothing was changed"


@portal.post("/<token>/subscription")
@by_link
def manage(link: PortalLink, token: str) -> Any:
    """Sends the customer to Stripe's portal. A form's answer, so that no link is left over that lets anybody in."""
    if not from_our_own_page():
        return message(_UNCHANGED, ("This came from another site. Open the page from your link and try there.",), 403)
    try:
        with turn_to_ask():
            url = engine().customer_portal(link.customer, return_url=plans_page(token))
    except StripeUnavailable:
        text = "Our payment provider does not answer just now. Try again in a moment."
        return shown(Outcome(who_has(link), "wait", "One moment, please", text, again=True), token, _PLANS, 503)
    except (StripeNotConfigured, StripeRefused):
        text = "Our payment provider can’t open its page for you here. Ask the people who run your service."
        return shown(Outcome(who_has(link), "bad", _UNCHANGED, text, again=True), token, _PLANS, 503)
    if url is None:
        text = "You have bought nothing from us so far, so there is nothing to look after yet."
        return shown(Outcome(who_has(link), "still", _UNCHANGED, text, again=True), token, _PLANS, 409)
    if within_policy(state().settings, url):
        return redirect(url, 303)
    has = engine().subscription(link.customer)
    title, text = "Your invoices and cards", "See your invoices and the cards that are saved"
    if has is not None and has.lives:
        title, text = "Your subscription", "Change or cancel your plan, pay with another card, see your invoices"
    text = f"{text}: all of it at our payment provider."
    leads = Outcome(who_has(link), "still", title, text, pay_url=url, pay_words="Go on to our payment provider")
    return shown(leads, token, _PLANS)


@portal.get("/<token>/subscription/change")
@by_link
def confirm_change(link: PortalLink, token: str) -> Any:
    """What another plan, or another number of seats, would mean."""
    asked = _asked(request.args)

    def looked() -> Any:
        with turn_to_ask():
            preview = engine().preview_change(link.customer, **asked)
        fields = tuple((name, str(value)) for name, value in asked.items() if value is not None)
        has = engine().subscription(link.customer)
        page = change_page(who_has(link), engine().catalog, preview, has, (*fields, ("key", ids.token(16))))
        return render_template("portal/confirm.html", page=page, token=token, unit_asked=None)

    return _said(link, token, looked)


@portal.post("/<token>/subscription/change")
@by_link
def change_plan(link: PortalLink, token: str) -> Any:
    """Does it, once per form. What comes with the next period is said to."""
    asked = _asked(request.form)
    return _done(link, token, "changed", lambda: engine().change_plan(link.customer, **asked, key=form_key()))


@portal.get("/<token>/subscription/cancel")
@by_link
def confirm_cancel(link: PortalLink, token: str) -> Any:
    """What it means to cancel."""
    has = engine().subscription(link.customer)
    if has is None or not has.lives or has.cancel_at is not None:
        return redirect(url_for(_PLANS, token=token), 303)
    page = cancel_page(who_has(link), engine().catalog, has, (("key", ids.token(16)),))
    return render_template("portal/confirm.html", page=page, token=token, unit_asked=None)


@portal.post("/<token>/subscription/cancel")
@by_link
def cancel_plan(link: PortalLink, token: str) -> Any:
    """The plan ends with its period."""
    return _done(link, token, "cancelled", lambda: engine().cancel(link.customer, key=form_key()))


@portal.post("/<token>/subscription/resume")
@by_link
def keep_plan(link: PortalLink, token: str) -> Any:
    """What is scheduled is undone."""
    return _done(link, token, "kept", lambda: engine().resume(link.customer, key=form_key()))


def _asked(said: Mapping[str, str]) -> dict[str, Any]:
    """A plan, or how many seats; a number that is none is none that can be had."""
    seats = said.get("quantity", "")
    number = int(seats) if seats.isascii() and seats.isdigit() and len(seats) < 9 else 0
    return {"plan": said.get("plan") or None, "quantity": number if seats else None}


def _done(link: PortalLink, token: str, done: str, act: Callable[[], SubscriptionChange]) -> Any:
    if not from_our_own_page():
        return message(_UNCHANGED, ("This came from another site. Open the page from your link and try there.",), 403)

    def acted() -> Any:
        with turn_to_ask():
            made = act()
        said = "scheduled" if done == "changed" and made.takes_effect_at is not None else done
        return redirect(url_for(_PLANS, token=token, done=said), 303)

    return _said(link, token, acted)


def _said(link: PortalLink, token: str, asking: Callable[[], Any]) -> Any:
    """The answer, or in the customer's words why there is none."""
    try:
        return asking()
    except StripeUnavailable:
        text = (
            "Our payment provider does not answer just now. Look at your plan in a moment: what you have sent goes on."
        )
        return shown(Outcome(who_has(link), "wait", "One moment, please", text, again=True), token, _PLANS, 503)
    except StripeNotConfigured:
        text = "Plans can’t be changed here for the moment. Ask the people who run your service."
        return shown(Outcome(who_has(link), "bad", _UNCHANGED, text, again=True), token, _PLANS, 503)
    except Refusal as refusal:
        why = why_not(refusal)
        if why is None:
            raise
        return shown(Outcome(who_has(link), "bad", _UNCHANGED, why, again=True), token, _PLANS, 409)
