"""Buying in the portal: packs, plans, and the pages that buyers come back to. All of it works without JavaScript."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from flask import Response, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from billing.access.tokens import PortalLink
from billing.base import ids
from billing.base.settings import origin_of
from billing.base.wording import credits_text
from billing.rules.refusals import (
    IdempotencyKeyReused,
    Invalid,
    StripeNotConfigured,
    StripeRefused,
    StripeUnavailable,
    SubscriptionExists,
    UnknownCheckout,
    UnknownPack,
    UnknownPlan,
    UnknownSession,
    UnknownTopup,
    UnknownUnit,
)
from web.links import checkout_page, topup_page
from web.pages import message, within_policy
from web.portal import purchases, shop
from web.portal.amounts import amounts_card
from web.portal.shop import Outcome
from web.portal.switch import CHANGED
from web.portal.views import by_link, portal
from web.state import engine, snapshot, state, turn_to_ask

__all__ = ["portal"]

LOOK_AGAIN = 5
"""Seconds after which a page that waits for something looks again, by itself."""

PATIENCE = 0.5
"""Seconds for which a page waits for its turn to ask Stripe."""

SHOWN = 10
LONGEST_KEY = 64

_UNUSABLE = (IdempotencyKeyReused, Invalid, UnknownPack, UnknownPlan, UnknownUnit)


@portal.get("/<token>/topup")
@by_link
def topup(link: PortalLink, token: str) -> Any:
    """What can be bought: what it costs, and what the balance would be. `?credits=` asks what so many cost."""
    billing = engine()
    catalog, usual = billing.catalog, billing.usual_currency(link.customer)
    packs = list(catalog.packs_on_sale.values())
    prices = state().prices.of(billing, [name for pack in packs if not pack.prices for name in pack.stripe_prices])
    with snapshot() as tx:
        customer = tx.find_customer(link.customer)
        units = dict.fromkeys([*(pack.unit for pack in packs), *catalog.topups])
        wallets = {unit: tx.wallet(link.customer, unit) for unit in units}
    cards = [
        shop.pack_card(pack, wallets[pack.unit], shop.money_of(pack, usual, prices)) for pack in packs
    ]  # fmt: skip
    page = shop.TopupPage(
        who=customer.name or customer.id,
        balances=tuple((unit, credits_text(wallet.available, wallet.scale)) for unit, wallet in wallets.items()),
        packs=tuple(cards),
        amounts=tuple(amounts_card(one, wallets[one.id], usual, request.args) for one in catalog.topups.values()),
        bought=tuple(purchases.bought(one, catalog) for one in billing.topups(link.customer, limit=SHOWN)),
        key=ids.token(16),
    )
    return render_template("portal/topup.html", page=page, token=token, unit_asked=None)


@portal.post("/<token>/topup")
@by_link
def buy_pack(link: PortalLink, token: str) -> Any:
    """Opens the top-up and sends the buyer to Stripe. The form's key makes a double click one purchase."""
    back = topup_page(token)

    def opened() -> tuple[str | None, str]:
        currency = _field("currency") or None
        made = engine().topup(
            link.customer, _field("pack"), key=form_key(), currency=currency, success_url=back, cancel_url=back,
            save_card=_field("save_card") == "yes",
        )  # fmt: skip
        return made.checkout_url, made.id

    return _bought(link, token, opened, "portal.topup")


@portal.post("/<token>/credits")
@by_link
def buy_credits(link: PortalLink, token: str) -> Any:
    """The same for so many credits, at the price that the page has shown."""
    back, number = topup_page(token), _field("credits")

    def opened() -> tuple[str | None, str]:
        credits = int(number) if number.isascii() and number.isdigit() and len(number) < 18 else 0
        unit, currency = _field("unit"), _field("currency")
        made = engine().topup(
            link.customer,
            credits=credits,
            unit=unit,
            key=form_key(),
            currency=currency,
            success_url=back,
            cancel_url=back,
            save_card=_field("save_card") == "yes",
        )
        return made.checkout_url, made.id

    return _bought(link, token, opened, "portal.topup")


@portal.get("/<token>/topups/<topup>")
@by_link
def topup_outcome(link: PortalLink, token: str, topup: str) -> Any:
    """What became of a top-up: asked of Stripe, if it is not known yet, and settled on the spot."""
    billing = engine()
    try:
        found = billing.find_topup(link.customer, topup)
        unreachable = found.status in ("open", "pending") and not (found.automatic or _settled(found.session))
        found = billing.find_topup(link.customer, topup)
    except (UnknownTopup, Invalid):
        return _no_such(token, "portal.topup")
    wallet = billing.wallet(link.customer, found.unit)
    outcome = shop.topup_outcome(who_has(link), found, wallet.scale, wallet.available, unreachable=unreachable)
    return shown(outcome, token, "portal.topup")


@portal.get("/<token>/plans")
@by_link
def plans(link: PortalLink, token: str) -> Any:
    """The plans, the customer's own marked, at what Stripe says that they cost."""
    billing = engine()
    catalog, usual = billing.catalog, billing.usual_currency(link.customer)
    sold = [plan for plan in catalog.plans_on_sale.values() if plan.prices]
    prices = state().prices.of(billing, [name for plan in sold for name in plan.prices])
    subscription = billing.subscription(link.customer)
    current = subscription.plan if subscription is not None and subscription.lives else None
    cards = [
        shop.plan_card(
            plan,
            catalog.units[plan.unit].scale,
            shop.in_currency([prices[name] for name in plan.prices if name in prices], usual),
            current=plan.id == current,
            free=current is None or catalog.plans[current].unit != plan.unit,
        )
        for plan in sold
    ]
    managed = (
        billing.gateway is not None
        and billing.find_customer(link.customer).stripe_customer_id is not None
        and (subscription is not None or _has_paid(link))
    )
    page = shop.plan_page(who_has(link), subscription, catalog.plans, cards, ids.token(16), managed=managed)
    page = replace(page, done=CHANGED.get(request.args.get("done", ""), ""))
    return render_template("portal/plans.html", page=page, token=token, unit_asked=None)


@portal.post("/<token>/plans")
@by_link
def buy_plan(link: PortalLink, token: str) -> Any:
    """Opens the plan's checkout and sends the buyer to Stripe."""
    back = checkout_page(token)

    def opened() -> tuple[str | None, str]:
        made = engine().subscribe(link.customer, _field("plan"), key=form_key(), success_url=back, cancel_url=back)
        return made.url, made.id

    return _bought(link, token, opened, "portal.plans")


@portal.get("/<token>/plans/<checkout>")
@by_link
def plan_outcome(link: PortalLink, token: str, checkout: str) -> Any:
    """What became of a plan's checkout, as with a top-up."""
    billing = engine()
    try:
        found = billing.find_checkout(link.customer, checkout)
        unreachable = found.status == "open" and not _settled(found.session)
        found = billing.find_checkout(link.customer, checkout)
    except (UnknownCheckout, Invalid):
        return _no_such(token, "portal.plans")
    plan = billing.catalog.plans.get(found.plan)
    wallet = billing.wallet(link.customer, plan.unit if plan else "credits")
    outcome = shop.plan_outcome(
        who_has(link), found, plan.name if plan else found.plan, billing.subscription(link.customer), wallet,
        unreachable=unreachable,
    )  # fmt: skip
    return shown(outcome, token, "portal.plans")


def _bought(link: PortalLink, token: str, opened: Callable[[], tuple[str | None, str]], again: str) -> AnyResponse:
    """Sends the buyer on: to Stripe, to the purchase's own page, or says why nothing was bought."""
    back = "Nothing was bought"
    if not from_our_own_page():
        return message(back, ("This came from another site. Open the page from your link and try again there.",), 403)
    try:
        with turn_to_ask():
            url, id = opened()
    except StripeUnavailable as unavailable:
        if unavailable.purchase is not None:
            return redirect(_page_of(again, token, unavailable.purchase), 303)
        text = "Our payment provider does not answer just now. You were not charged; try again in a moment."
        return shown(Outcome(who_has(link), "wait", "One moment, please", text, again=True), token, again, 503)
    except StripeNotConfigured:
        text = "Buying is switched off here for the moment. You were not charged. Ask the people who run your service."
        return shown(Outcome(who_has(link), "still", back, text), token, again, 503)
    except StripeRefused:
        text = "Our payment provider did not take it. You were not charged. Ask the people who run your service."
        return shown(Outcome(who_has(link), "bad", back, text, again=True), token, again, 422)
    except SubscriptionExists:
        text = "You have a plan already, so no second one was begun, and you were not charged."
        return shown(Outcome(who_has(link), "still", back, text, again=True), token, again, 409)
    except _UNUSABLE:
        text = "What the page sent can't be used: perhaps it was an old one. Open it anew and choose again."
        return shown(Outcome(who_has(link), "still", back, text, again=True), token, again, 422)
    if url is None or not within_policy(state().settings, url):  # a form may not lead there, but a link on its page may
        url = _page_of(again, token, id)
    return redirect(url, 303)


def _page_of(shop_page: str, token: str, id: str) -> str:
    """A purchase's own page."""
    if shop_page == "portal.topup":
        return url_for("portal.topup_outcome", token=token, topup=id)
    return url_for("portal.plan_outcome", token=token, checkout=id)


def _settled(session: str | None) -> bool:
    """Asks Stripe what became of the session. False if nobody can say: there is none yet, or no answer."""
    if session is None:
        return False
    try:
        with turn_to_ask(PATIENCE):
            engine().settle(session)
    except (StripeUnavailable, StripeNotConfigured):
        return False
    except (UnknownSession, StripeRefused):
        return True
    return True


def from_our_own_page() -> bool:
    """A browser says where a form was sent from; a program that is none has the link, and that is the authority."""
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    if site is not None and site != "same-origin":
        return False
    if origin is None:
        return True
    try:
        return origin_of(origin) in (origin_of(state().settings.public_url), origin_of(request.host_url.rstrip("/")))
    except ValueError:
        return False


def form_key() -> str:
    """The form's own key, made with the page."""
    key = _field("key")
    if len(key) > LONGEST_KEY:
        raise Invalid.field("key", "It is longer than any of ours.")
    return f"portal-{key}" if key else ""


def _field(name: str) -> str:
    return request.form.get(name, "")


def who_has(link: PortalLink) -> str:
    customer = engine().find_customer(link.customer)
    return customer.name or customer.id


def shown(outcome: Outcome, token: str, again: str, status: int = 200) -> Response:
    response = make_response(
        render_template("portal/outcome.html", page=outcome, token=token, unit_asked=None, again=again), status
    )
    if outcome.waits:
        response.headers["Refresh"] = str(LOOK_AGAIN)
    return response


def _has_paid(link: PortalLink) -> bool:
    """Some top-up, of which Stripe may have an invoice, or keep the card."""
    return any(one.paid_at is not None for one in engine().topups(link.customer))


def _no_such(token: str, back: str) -> Response:
    text = "It may be another customer’s, or its address was cut off."
    return message("There is no such purchase", (text,), 404, leads=("See yours", url_for(back, token=token)))
