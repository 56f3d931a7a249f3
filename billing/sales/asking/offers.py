"""What a purchase costs: by the catalog, else by Stripe's own prices; and in which currency."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from billing.base.db import Database
from billing.base.wording import credits_text, money_text
from billing.catalog.terms import Amounts, Catalog, Plan
from billing.rules import money
from billing.rules.refusals import Invalid, StripeNotConfigured, UnknownPack, UnknownUnit
from billing.rules.sale.amounts import bonus_credits, cost_cents
from billing.sales.packs import topup_rows, topups
from billing.sales.packs.topup_rows import Offer
from billing.stripe.gateway import Gateway
from billing.stripe.values import Price

NOT_CONFIGURED = "Nothing can be sold yet: set STRIPE_SECRET_KEY to a secret key of your Stripe account."


@dataclass(frozen=True, slots=True)
class Wanted:
    """So many credits of a unit, no pack."""

    credits: int
    unit: str


@dataclass(frozen=True, slots=True)
class Quote:
    """What so many credits cost in a currency, and what comes on top of them."""

    credits: int
    bonus: int
    cents: int
    currency: str


def topup(
    db: Database, gateway: Gateway | None, catalog: Catalog, wanted: str | Wanted, customer: str, currency: str | None
) -> Offer:
    """What a pack costs, or so many credits. Raises UnknownPack, UnknownUnit, Invalid, and as the gateway does."""
    with db.read() as tx:
        usual = topup_rows.usual_currency(tx, customer)
    if isinstance(wanted, Wanted):
        return _measured(catalog, wanted, currency, usual)
    pack = catalog.packs_on_sale.get(wanted)
    if pack is None:
        raise UnknownPack(wanted)
    title = f"{topups.words(pack.name)}: {credits_text(pack.credits, catalog.units[pack.unit].scale)} {pack.unit}"
    if pack.prices:
        currency = _one_of(pack.prices, currency, usual, pack.id)
        return _chargeable(Offer(pack, title, pack.prices[currency], currency, None, terms=catalog.checkout))
    priced = [
        one for one in asked(gateway).prices(pack.stripe_prices).values() if one.cents is not None and one.every is None
    ]
    price = chosen(priced, currency, usual)
    if price is None or price.cents is None:
        raise Invalid.field("pack", f"{pack.id} has no price{_in(currency)}: give it prices in the catalog.")
    return Offer(pack, title, price.cents, price.currency, price.id, terms=catalog.checkout)


def quote(amounts: Amounts, credits: int, scale: int, currency: str | None, usual: str | None) -> Quote:
    """What so many credits cost. Raises Invalid where that many are not sold, or not in this currency."""
    text = credits_text
    if not amounts.min <= credits <= amounts.max:
        bounds = f"from {text(amounts.min, scale)} to {text(amounts.max, scale)} {amounts.id}"
        raise Invalid.field("credits", f"Buy {bounds} at once.")
    if credits % amounts.step:
        raise Invalid.field("credits", f"Buy {amounts.id} in steps of {text(amounts.step, scale)}.")
    currency = _one_of(amounts.price, currency, usual, f"any number of {amounts.id}")
    cents = cost_cents(credits, amounts.price[currency], amounts.per, currency)
    return Quote(credits, bonus_credits(credits, amounts.bonus), cents, currency)


def own_currency(prices: Collection[str], usual: str | None) -> str:
    """In which of these currencies is sold to whoever usually pays in `usual`: that one, else the first."""
    return usual if usual is not None and usual in prices else next(iter(prices))


def plan_price(
    db: Database, gateway: Gateway | None, plan: Plan, customer: str, currency: str | None, price: str | None
) -> Price:
    """The Stripe price that the plan is sold at: the one asked for, else the first in the customer's currency."""
    if not plan.prices:
        raise Invalid.field("plan", f"{plan.id} has no price: it can't be subscribed to through Stripe.")
    if price is not None and price not in plan.prices:
        raise Invalid.field("price", f"{plan.id} is sold at {', '.join(plan.prices)}.")
    with db.read() as tx:
        usual = topup_rows.usual_currency(tx, customer)
    names = plan.prices if price is None else (price,)
    found = [one for one in asked(gateway).prices(names).values() if one.every is not None]
    one = chosen(found, currency, usual)
    if one is None:
        where = f"Stripe has no active recurring price{_in(currency)} among {', '.join(names)}"
        raise Invalid.field("plan", f"{where}: see the plan's prices in the catalog.")
    return one


def chosen(prices: Sequence[Price], currency: str | None, usual: str | None) -> Price | None:
    """The price in the currency asked for, else in the usual one, else the first."""
    wanted = [one for one in prices if currency in (None, one.currency)]
    return next((one for one in wanted if one.currency == usual), wanted[0] if wanted else None)


def asked(gateway: Gateway | None) -> Gateway:
    """The gateway, if there is one. Raises StripeNotConfigured."""
    if gateway is None:
        raise StripeNotConfigured(NOT_CONFIGURED)
    return gateway


def _measured(catalog: Catalog, wanted: Wanted, currency: str | None, usual: str | None) -> Offer:
    if wanted.unit not in catalog.units:
        raise UnknownUnit(wanted.unit)
    amounts = catalog.topups.get(wanted.unit)
    if amounts is None:
        raise Invalid.field("credits", f"{wanted.unit} are sold in packs only.")
    scale = catalog.units[wanted.unit].scale
    found = quote(amounts, wanted.credits, scale, currency, usual)
    title = f"{credits_text(found.credits, scale)} {wanted.unit}"
    if found.bonus:
        title += f" and {credits_text(found.bonus, scale)} on top"
    pack = topup_rows.made_to_measure(amounts, found.credits)
    return _chargeable(Offer(pack, title, found.cents, found.currency, None, found.bonus, catalog.checkout))


def _chargeable(offer: Offer) -> Offer:
    """Stripe would refuse it, in its own words and later."""
    if 0 < offer.cents < money.least(offer.currency):
        cost, least = (money_text(cents, offer.currency) for cents in (offer.cents, money.least(offer.currency)))
        raise Invalid.field("currency", f"It costs {cost}: Stripe charges no less than {least}.")
    return offer


def _one_of(prices: Collection[str], currency: str | None, usual: str | None, what: str) -> str:
    found = currency or own_currency(prices, usual)
    if found not in prices:
        raise Invalid.field("currency", f"{what} is sold in {', '.join(prices)}.")
    return found


def _in(currency: str | None) -> str:
    return f" in {currency}" if currency else ""
