"""Looking after a subscription: the way to Stripe's customer portal, where it is switched, cancelled and paid anew."""

from __future__ import annotations

from typing import Any

from flask import redirect

from billing.access.tokens import PortalLink
from billing.rules.refusals import StripeNotConfigured, StripeRefused, StripeUnavailable
from web.links import plans_page
from web.pages import message, within_policy
from web.portal.buying import from_our_own_page, shown, who_has
from web.portal.shop import Outcome
from web.portal.views import by_link, portal
from web.state import engine, state, turn_to_ask

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
        text = "Our payment provider can’t open your subscription here. Ask the people who run your service."
        return shown(Outcome(who_has(link), "bad", _UNCHANGED, text, again=True), token, _PLANS, 503)
    if url is None:
        text = "You have bought nothing from us so far, so there is nothing to look after yet."
        return shown(Outcome(who_has(link), "still", _UNCHANGED, text, again=True), token, _PLANS, 409)
    if within_policy(state().settings, url):
        return redirect(url, 303)
    text = "Change or cancel your plan, pay with another card, see your invoices: all of it at our payment provider."
    leads = Outcome(
        who_has(link), "still", "Your subscription", text, pay_url=url, pay_words="Go on to our payment provider"
    )
    return shown(leads, token, _PLANS)
