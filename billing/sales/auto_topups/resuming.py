"""Resuming: somebody says that a wallet may be topped up by itself again, having seen to the card or not."""

from __future__ import annotations

from billing.base.db import Database, Tx
from billing.catalog.terms import Catalog
from billing.credits import customers
from billing.rules import asking
from billing.rules.refusals import Invalid, Refusal, StripeUnavailable
from billing.sales import auto_state, conversations, stripe_customers
from billing.sales.asking import offers
from billing.sales.auto_topups import setting
from billing.sales.conversations import Tell
from billing.sales.values import AutoTopup
from billing.stripe.charging import Card
from billing.stripe.gateway import Gateway


def resume(db: Database, gateway: Gateway | None, catalog: Catalog, customer: str, unit: str) -> AutoTopup:
    """What held it back or paused it is over. The card that was declined last is left alone until its time all the
    same; another one is not.

    Raises UnknownCustomer, UnknownUnit, Invalid, StripeNotConfigured, StripeUnavailable.
    """
    with db.read() as tx:
        found = _accepted(setting.of_wallet(tx, catalog, customer, unit))
        payer = stripe_customers.stripe_id_of(tx, customer)
    if found.status not in ("paused", "held_back"):
        return found
    card = None if payer is None else offers.asked(gateway).charging.card_of(payer)
    with db.write() as tx:
        if card is None or card.expired(tx.now):
            raise Invalid.field("card", "No card is saved that could be charged: save one first.")
        locked = customers.lock(tx, customer)
        if isinstance(locked, Refusal):
            raise locked
        state = auto_state.read(tx, customer, unit)
        if state is not None and state.reason == "price_changed":
            refused = setting.agree_to_price(tx, catalog, customer, unit)
            if refused is not None:
                raise refused
        _free(tx, customer, unit, card)
        return _accepted(setting.of_wallet(tx, catalog, customer, unit))


def _free(tx: Tx, customer: str, unit: str, card: Card) -> None:
    state = auto_state.lock(tx, customer, unit)
    same = card.id == state.payment_method
    waits = state.next_attempt_at is not None and state.next_attempt_at > tx.now
    if state.reason in ("cap", "count") and state.paused_at is None:
        return  # a cap is raised, not resumed
    if not (same and waits):
        auto_state.free(tx, customer, unit)
    elif state.paused_at is not None:
        auto_state.change(tx, customer, unit, failures=0, paused_at=None)


def saved_card(db: Database, gateway: Gateway | None, customer: str) -> Card | None:
    """What the customer would be charged with, as Stripe says it now; None: nothing is saved.

    Raises UnknownCustomer, Invalid, StripeNotConfigured, StripeUnavailable.
    """
    wrong = asking.refuse(customer=asking.name(customer))
    if wrong is not None:
        raise wrong
    with db.read() as tx:
        found = customers.find(tx, customer)
        if isinstance(found, Refusal):
            raise found
        payer = stripe_customers.stripe_id_of(tx, customer)
    return None if payer is None else offers.asked(gateway).charging.card_of(payer)


def card_page(db: Database, gateway: Gateway | None, tell: Tell, customer: str, return_url: str) -> str:
    """Where the customer saves a card: Stripe's own portal, for which a Stripe customer is made where there is none.

    Raises UnknownCustomer, Invalid, StripeRefused, StripeNotConfigured, StripeUnavailable.
    """
    wrong = asking.refuse(customer=asking.name(customer), return_url=asking.address(return_url))
    if wrong is not None:
        raise wrong
    asked = offers.asked(gateway)
    with db.write() as tx:
        found = customers.lock(tx, customer)
        if isinstance(found, Refusal):
            raise found
        payer = stripe_customers.stripe_id_of(tx, customer)
        to_make = stripe_customers.needed(tx, customer) if payer is None else None
    if to_make is not None:
        conversations.carry_on(db, asked, {"customer": stripe_customers.MAKING}, tell, to_make)
        with db.read() as tx:
            payer = stripe_customers.stripe_id_of(tx, customer)
    if payer is None:
        raise StripeUnavailable("The Stripe customer could not be made yet. Send the same request again.")
    return asked.open_portal(payer, return_url)


def _accepted(answer: AutoTopup | Refusal) -> AutoTopup:
    if isinstance(answer, Refusal):
        raise answer
    return answer
