"""What is set for a wallet: judged against the catalog before it is taken, and shown with how it stands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sqlalchemy import select

from billing.base.db import Tx
from billing.base.wording import credits_text, money_text
from billing.catalog.terms import Catalog
from billing.credits import wallets
from billing.credits.opening import open_wallet
from billing.credits.tables import wallets as wallet_rows
from billing.rules import money
from billing.rules.refusals import Invalid, Refusal
from billing.rules.sale import auto_topup as rule
from billing.rules.sale.auto_topup import Setting, Steps
from billing.sales import auto_state
from billing.sales.asking import offers
from billing.sales.auto_topups import rows
from billing.sales.packs import topup_rows
from billing.sales.packs.topup_rows import Offer
from billing.sales.values import AutoTopup

NOT_SOLD = "What was to be bought is not on sale any more: choose again what to buy."
LOOPS = "What is sold now brings no more than the threshold: choose again when to buy, or what."
TAXED = "Taxes are reckoned at Stripe's Checkout only, so nothing can be bought without it."

_TILL_CHANGED = ("cap", "count", "not_sold", "price_changed", "refused")
"""Reasons that another setting takes away."""


def put(tx: Tx, catalog: Catalog, customer: str, unit: str, given: Any, *, agreed: bool = False) -> Refusal | None:
    """Sets what is bought by itself for the wallet, or (None) that nothing is. `agreed`: the customer said so
    themselves. A hold or a pause because of a card stays: setting the same again tries nothing.
    """
    judged = None if given is None else judge(tx, catalog, customer, unit, given)
    if isinstance(judged, Refusal):
        return judged
    opened = open_wallet(tx, catalog, customer, unit)  # by its lock none is begun meanwhile
    if isinstance(opened, Refusal):
        return opened
    mixed = None if judged is None else _mixed_currencies(tx, customer, unit, judged)
    if mixed is not None:
        return mixed
    document = None if judged is None else judged.document()
    changed = wallets.set_auto_topup(tx, catalog, customer, unit, document)
    if isinstance(changed, Refusal):
        return changed
    state = auto_state.lock(tx, customer, unit)
    if changed and state.reason in _TILL_CHANGED:
        auto_state.let_go(tx, customer, unit)
    if changed or agreed:  # what was agreed to before was something else
        auto_state.change(tx, customer, unit, agreed_at=tx.now if agreed and document is not None else None)
    return None


def judge(tx: Tx, catalog: Catalog, customer: str, unit: str, given: Any) -> Setting | Refusal:
    """The setting that is meant, with the currency it is bought in, if it makes sense."""
    wrong = rule.wrong_fields(given)
    if wrong:
        return Invalid(wrong)
    if catalog.checkout.automatic_tax:
        return Invalid.field("auto_topup", TAXED)
    usual = topup_rows.usual_currency(tx, customer)
    terms = _terms(catalog, unit, given, usual)
    if isinstance(terms, Refusal):
        return terms
    currency, brings, steps = terms
    setting = Setting(given["threshold"], given.get("pack"), given.get("target"), given["max_cents_per_month"],
                      given["max_count_per_month"], currency)  # fmt: skip
    loop = rule.loops(setting, brings, steps)
    if loop is not None:
        return Invalid.field(f"auto_topup.{loop[0]}", loop[1])
    offer = offer_of(catalog, unit, setting, 0, 0)  # as much as one purchase may come to
    if isinstance(offer, Refusal):
        return offer
    if offer.cents < max(1, money.least(offer.currency)):
        least = money_text(money.least(offer.currency), offer.currency)
        return Invalid.field("auto_topup.pack", f"It costs less than the {least} that Stripe charges at least.")
    if offer.cents > setting.max_cents:
        one, cap = (money_text(cents, currency) for cents in (offer.cents, setting.max_cents))
        return Invalid.field("auto_topup.max_cents_per_month", f"One purchase costs {one}: {cap} never suffice for it.")
    return replace(setting, credits=offer.pack.credits, cents=offer.cents)


def _mixed_currencies(tx: Tx, customer: str, unit: str, judged: Setting) -> Invalid | None:
    """A month's limit in money is of one currency: one in another would begin at nothing."""
    others = rows.currencies(tx, customer, unit) - {judged.currency}
    if not others:
        return None
    paid_in, next_month = " and ".join(sorted(others)), rule.month_of(tx.now)[1].date()
    said = f"This month's automatic purchases were paid in {paid_in}, as is its limit: keep it until {next_month}."
    return Invalid.field("auto_topup.currency", said)


def agree_to_price(tx: Tx, catalog: Catalog, customer: str, unit: str) -> Refusal | None:
    """The same is set again at today's price. Under the customer's lock."""
    its = (wallet_rows.c.customer_id == customer) & (wallet_rows.c.unit == unit)
    document = tx.connection.execute(select(wallet_rows.c.auto_topup).where(its)).scalar_one_or_none()
    if document is None:
        return None
    judged = judge(tx, catalog, customer, unit, _given(document))
    if isinstance(judged, Refusal):
        return judged
    changed = wallets.set_auto_topup(tx, catalog, customer, unit, judged.document())
    return changed if isinstance(changed, Refusal) else None


def dearer(catalog: Catalog, unit: str, setting: Setting) -> str | None:
    """What is to be said where one purchase costs more by now, or brings less for its price, than when it was set."""
    offer = offer_of(catalog, unit, setting, 0, 0)
    if isinstance(offer, Invalid) or not rule.dearer(setting, offer.pack.credits, offer.cents):
        return None
    then, now = (
        f"{money_text(cents, setting.currency)} for {credits_text(credits, catalog.units[unit].scale)} {unit}"
        for credits, cents in ((setting.credits, setting.cents), (offer.pack.credits, offer.cents))
    )
    return f"The price has changed: {now}. When you set it, it was {then}. Nothing is bought until you go on."


def goes_round(catalog: Catalog, unit: str, setting: Setting) -> bool:
    """Would one purchase call for the next at once, by what the catalog says now? When it was set it would not."""
    terms = _terms(catalog, unit, setting.document(), None)
    return not isinstance(terms, Refusal) and rule.loops(setting, *terms[1:]) is not None


def offer_of(catalog: Catalog, unit: str, setting: Setting, available: int, owed: int) -> Offer | Invalid:
    """What is bought now, and for how much. Invalid where it is not sold, or not so, any more."""
    if setting.pack is not None:
        pack = catalog.packs_on_sale.get(setting.pack)
        cents = None if pack is None or pack.unit != unit else pack.prices.get(setting.currency)
        if pack is None or cents is None:
            return Invalid.field("auto_topup.pack", NOT_SOLD)
        return Offer(pack, pack.name, cents, setting.currency, None)
    amounts = catalog.topups.get(unit)
    if amounts is None or setting.currency not in amounts.price:
        return Invalid.field("auto_topup.target", NOT_SOLD)
    steps = Steps(amounts.min, amounts.max, amounts.step)
    credits = rule.wanted(setting, available, owed, steps)
    try:
        found = offers.quote(amounts, credits, catalog.units[unit].scale, setting.currency, None)
    except Invalid as invalid:
        return invalid
    pack = topup_rows.made_to_measure(amounts, credits)
    return Offer(pack, credits_text(pack.credits, catalog.units[unit].scale), found.cents, found.currency, None,
                 found.bonus)  # fmt: skip


def _terms(
    catalog: Catalog, unit: str, given: Mapping[str, Any], usual: str | None
) -> tuple[str, int, Steps | None] | Refusal:
    """The currency it is bought in, what one purchase brings at most, and in which steps."""
    wanted, name = given.get("currency"), given.get("pack")
    steps = None
    if name is not None:
        pack = catalog.packs_on_sale.get(name)
        if pack is None:
            return Invalid.field("auto_topup.pack", f"There is no pack {name!r} on sale.")
        if pack.unit != unit:
            return Invalid.field("auto_topup.pack", f"{name} brings {pack.unit}, and this wallet holds {unit}.")
        if not pack.prices:
            said = f"{name} is sold at a price of Stripe's: give it `prices` in the catalog, so that caps can be kept."
            return Invalid.field("auto_topup.pack", said)
        prices, brings = pack.prices, pack.credits
    else:
        amounts = catalog.topups.get(unit)
        if amounts is None:
            return Invalid.field("auto_topup.target", f"{unit} are sold in packs only: name a pack.")
        prices, brings = amounts.price, amounts.max
        steps = Steps(amounts.min, amounts.max, amounts.step)
    if wanted is not None and wanted not in prices:
        return Invalid.field("auto_topup.currency", f"It is sold in {', '.join(prices)}.")
    return wanted or offers.own_currency(prices, usual), brings, steps


def of_wallet(tx: Tx, catalog: Catalog, customer: str, unit: str) -> AutoTopup | Refusal:
    """What is set for the wallet, and how it stands."""
    found = wallets.exists(tx, catalog, customer, unit)
    if found is not None:
        return found
    its = (wallet_rows.c.customer_id == customer) & (wallet_rows.c.unit == unit)
    query = select(wallet_rows.c.auto_topup, wallet_rows.c.frozen_at).where(its)
    wallet = tx.connection.execute(query).one_or_none()
    document = None if wallet is None else wallet.auto_topup
    state, pending = auto_state.read(tx, customer, unit), rows.going_on(tx, customer, unit)
    count, cents = rows.month(tx, customer, unit, document["currency"]) if document else (0, 0)
    stands = _status(tx, document, wallet is not None and wallet.frozen_at is not None, state, pending is not None)
    says = state is not None and stands in ("paused", "held_back")
    return AutoTopup(
        customer=customer,
        unit=unit,
        setting=None if document is None else _given(document),
        status=stands,
        reason=state.reason if says and state is not None else None,
        message=state.message if says and state is not None else None,
        failures=state.failures if state is not None else 0,
        next_attempt_at=state.next_attempt_at if says and state is not None else None,
        pending=pending.id if pending is not None else None,
        count_this_month=count,
        cents_this_month=cents,
        agreed_at=state.agreed_at if state is not None else None,
        sold=(document["sold"]["credits"], document["sold"]["cents"]) if document and "sold" in document else None,
    )


def _given(document: Mapping[str, Any]) -> dict[str, Any]:
    """What of it may be said again."""
    return {name: document[name] for name in rule.FIELDS if name in document}


def _status(tx: Tx, document: Any, frozen: bool, state: Any, pending: bool) -> str:
    if document is None:
        return "off"
    if pending:
        return "pending"
    if state is not None and state.paused_at is not None:
        return "paused"
    if state is not None and is_held(tx, state):
        return "held_back"
    return "frozen" if frozen else "on"


def is_held(tx: Tx, state: Any) -> bool:
    """Is it held back still? A customer who has paid themselves since then has shown that they are there."""
    if state.next_attempt_at is None or state.next_attempt_at <= tx.now:
        return False
    asked = state.reason == "authentication_required"
    return not (asked and rows.by_hand_since(tx, state.customer_id, state.unit, state.held_at))
