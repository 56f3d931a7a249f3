"""Charging: a wallet whose balance has called for it → a row of ours, then a payment in the customer's absence.

One wallet has one under way at most; while its fate is not known nothing else is asked for.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import Row, select

from billing.base import outbox
from billing.base.db import Database, Tx
from billing.base.round import Round
from billing.base.wording import money_text
from billing.catalog.terms import Catalog
from billing.credits import customers
from billing.credits.tables import wallets
from billing.credits.values import Customer
from billing.credits.writing import write
from billing.rules.refusals import Busy, Invalid, StripeNotConfigured, StripeRefused, Unavailable
from billing.rules.sale import auto_topup as rule
from billing.rules.sale.auto_topup import Setting
from billing.sales import auto_state, conversations, sessions, stripe_customers
from billing.sales.auto_topups import rows, setting, settling
from billing.sales.conversations import Kind, Kinds, Tell
from billing.sales.packs import topup_rows, topups
from billing.sales.packs.topup_rows import Offer
from billing.sales.tables import topups as topup_table
from billing.sales.values import open_units
from billing.stripe.calling import Params
from billing.stripe.charging import Card
from billing.stripe.gateway import Gateway
from billing.stripe.values import PaymentIntent

_LOG = logging.getLogger("billing.auto_topups")
_GRACE = timedelta(minutes=1)
_NO_CARD = "No card is saved that could be charged: save one, then go on."
_EXPIRED = "The saved card has expired: save another one, then go on."
_SWITCHED_OFF = "It was switched off before anything was charged."
_NOT_DUE = "The balance did not call for it any more when its turn came: nothing was charged."
_RELINKED = "Another Stripe customer was linked before anything was charged."
_UNKNOWN = "It could not be found out what became of the last payment. Look at it at Stripe, then go on."


@dataclass(frozen=True, slots=True)
class _Due:
    customer: str
    unit: str


def charge_due(db: Database, gateway: Gateway, catalog: Catalog, tell: Tell, limit: int) -> Round:
    """The step: begins a purchase for up to `limit` wallets that call for one. Is there more, and how many were
    begun?
    """
    with db.read() as tx:
        due = _due(tx, limit)
    begun = 0
    for one in due:
        try:
            begun += _charge(db, gateway, catalog, tell, one)
        except Busy as busy:  # one customer who is locked for long must not keep the others waiting
            _LOG.warning("the top-up of %s waits: %s", one.customer, busy)
        except (Unavailable, StripeNotConfigured) as error:
            _LOG.warning("the top-up of %s waits: %s", one.customer, error)
            return Round(False, begun)
        except StripeRefused as refused:
            _LOG.warning("the top-up of %s: %s", one.customer, refused)
            _put_off(db, one)
        except Exception:  # noqa: BLE001 - whatever it is, the others must not wait for it
            _LOG.exception("the top-up of %s could not be begun", one.customer)
            _put_off(db, one)
    return Round(len(due) == limit, begun)


def _put_off(db: Database, one: _Due) -> None:
    """What can't be begun makes way for the others, unless it was paused because of that."""
    with suppress(Unavailable), db.write() as tx:
        if auto_state.lock(tx, one.customer, one.unit).paused_at is None:
            until = tx.now + rule.DELAYS[0]
            auto_state.hold_back(
                tx, one.customer, one.unit, "error", "It could not be begun: it is tried again.", until
            )


def _due(tx: Tx, limit: int) -> list[_Due]:
    """Wallets that call for one and have none under way, the longest waiting first; whoever is held back or paused is
    left alone.
    """
    w, t = wallets.c, topup_table.c
    own = (t.customer_id == w.customer_id) & (t.unit == w.unit)
    going_on = select(t.id).where(own, t.automatic.is_not(None), t.status.in_(auto_state.GOING_ON)).exists()
    query = (
        select(w.customer_id, w.unit)
        .outerjoin(*auto_state.STATES)
        .where(w.topup_due_at <= tx.now, auto_state.nothing_in_the_way(tx), ~going_on)
        .order_by(w.topup_due_at, w.id)
        .limit(limit)
    )
    return [_Due(row.customer_id, row.unit) for row in tx.connection.execute(query)]


def _charge(db: Database, gateway: Gateway, catalog: Catalog, tell: Tell, one: _Due) -> bool:
    """Was a purchase begun?"""
    with db.read() as tx:
        payer = stripe_customers.stripe_id_of(tx, one.customer)
    card = None if payer is None else _card(gateway, payer)
    with db.write() as tx:
        conversation = _begin(tx, catalog, one, payer, card)
    tell(tx.told)
    if conversation is not None:
        conversations.carry_on(db, gateway, kinds(catalog), tell, conversation)
    return conversation is not None


def _card(gateway: Gateway, payer: str) -> Card | None:
    try:
        return gateway.charging.card_of(payer)
    except StripeRefused as refused:
        if refused.missing is None:
            raise
        return None


def _begin(tx: Tx, catalog: Catalog, one: _Due, payer: str | None, card: Card | None) -> str | None:
    """Decides, under the locks of customer and wallet, whether one is bought now, and writes it down: the id of its
    conversation.
    """
    locked = customers.lock(tx, one.customer)
    assert isinstance(locked, Customer), locked
    if stripe_customers.stripe_id_of(tx, one.customer) != payer:  # linked meanwhile: the card is another's
        return None
    wallet = open_units(tx, catalog, one.customer, {one.unit})[one.unit]
    state = auto_state.lock(tx, one.customer, one.unit)
    document = wallet.row["auto_topup"]
    if wallet.position.frozen or state.paused_at is not None or setting.is_held(tx, state):
        return None
    if rows.going_on(tx, one.customer, one.unit) is not None:
        return None
    wanted = None if document is None else Setting.of(document)
    if wanted is None or wallet.position.available > wanted.threshold:  # what was due has come between
        write(tx, [wallet])
        return None
    offer = setting.offer_of(catalog, one.unit, wanted, wallet.position.available, wallet.position.owed)
    refused = _refuse(tx, catalog, one, wanted, offer, card)
    if refused is not None:
        if refused[0] in ("no_card", "not_sold", "price_changed"):
            auto_state.pause(tx, one.customer, one.unit, *refused)
        return None
    assert isinstance(offer, Offer) and payer is not None and card is not None
    row = rows.begin(tx, one.customer, offer)
    params = _params(row, payer, card)
    return conversations.intend(tx, "auto_topup", row.id, one.customer, lambda _: params)


def _refuse(
    tx: Tx, catalog: Catalog, one: _Due, wanted: Setting, offer: Offer | Invalid, card: Card | None
) -> tuple[str, str] | None:
    """Why nothing is bought: what pauses it, or a cap, until which is told once."""
    if catalog.checkout.automatic_tax:
        return "not_sold", setting.TAXED
    if isinstance(offer, Invalid):
        return "not_sold", setting.NOT_SOLD
    if setting.goes_round(catalog, one.unit, wanted):
        return "not_sold", setting.LOOPS
    dearer = setting.dearer(catalog, one.unit, wanted)
    if dearer is not None:
        return "price_changed", dearer
    count, cents = rows.month(tx, one.customer, one.unit, wanted.currency)
    cap = rule.over_cap(wanted, count, cents, offer.cents)
    if cap is not None:
        return _capped(tx, one, wanted, offer, cap)
    if card is None:
        return "no_card", _NO_CARD
    return ("no_card", _EXPIRED) if card.expired(tx.now) else None


def _capped(tx: Tx, one: _Due, wanted: Setting, offer: Offer, cap: str) -> tuple[str, str]:
    start, end = rule.month_of(tx.now)
    most = f"{wanted.max_count} times" if cap == "count" else money_text(wanted.max_cents, wanted.currency)
    message = f"This month's limit is reached: at most {most}. The next one may come on {end.date()}."
    auto_state.hold_back(tx, one.customer, one.unit, cap, message, end)
    fact = {"customer": one.customer, "unit": one.unit, "topup": None, "reason": cap, "message": message,
            "cents": offer.cents, "currency": offer.currency, "next_attempt_at": end}  # fmt: skip
    limit = wanted.max_count if cap == "count" else wanted.max_cents
    once = f"auto_topup.held_back {one.customer} {one.unit} {start.date()} {cap} {limit}"
    outbox.tell_once(tx, once, "auto_topup.held_back", fact)
    return cap, message


def _params(row: Row[Any], payer: str, card: Card) -> Params:
    return {
        "amount": row.cents,
        "currency": row.currency,
        "customer": payer,
        "payment_method": card.id,
        "confirm": True,
        "off_session": True,
        "error_on_requires_action": True,
        "automatic_payment_methods": {"enabled": True, "allow_redirects": "never"},
        "description": topups.words(row.name) if topup_rows.pack_of(row.pack) else row.name,
        "metadata": {topup_rows.MARK: row.id, stripe_customers.REFERENCE: row.customer_id},
    }


def kinds(catalog: Catalog) -> Kinds:
    """The conversation of such a payment, with the catalog by which its credits are granted."""

    def record(tx: Tx, row: Row[Any], made: PaymentIntent) -> str:
        topup = topup_rows.read(tx, row.subject)
        assert topup is not None
        answer = settling.apply(tx, catalog, topup, made, made.created)
        if answer.waits is not None:
            topup_rows.move(tx, topup.id, "pending", session_id=made.id)  # somebody looks at it: no other until then
            topup_rows.note_review(tx, made.id, answer.waits)
        return made.id

    kind = Kind(
        prepare=_prepare,
        ask=lambda gateway, params, key: gateway.charging.charge(params, key),
        look_up=_look_up,
        record=record,
        end=_end,
        missing=sessions.missing,
        withdrawn=_withdrawn,
    )
    return {"auto_topup": kind}


def _prepare(tx: Tx, row: Row[Any]) -> Params | None:
    """Nothing is asked any more once its fate is known; nor, where it was not asked for yet, if it is not wanted now:
    whoever decided it may have died days ago.
    """
    topup = topup_rows.read(tx, row.subject)
    assert topup is not None
    params: Params = row.params
    if topup.status not in auto_state.GOING_ON:
        return None
    unwanted = _unwanted(tx, row, topup) if row.asked_at is None else None
    if unwanted is not None:
        topup_rows.move(tx, topup.id, "failed", reason=unwanted)
        return None
    return params


def _unwanted(tx: Tx, row: Row[Any], topup: Row[Any]) -> str | None:
    """Why it is not asked for after all."""
    its = (wallets.c.customer_id == topup.customer_id) & (wallets.c.unit == topup.unit)
    if tx.connection.execute(select(wallets.c.topup_due_at).where(its)).scalar_one() is None:
        return _withdrawn(tx, row) or _NOT_DUE
    if stripe_customers.stripe_id_of(tx, topup.customer_id) != row.params["customer"]:
        return _RELINKED
    return _withdrawn(tx, row)


def _withdrawn(tx: Tx, row: Row[Any]) -> str | None:
    """Switched off, frozen or paused meanwhile: what was asked for is looked for, and not asked for again."""
    topup = topup_rows.read(tx, row.subject)
    assert topup is not None
    its = (wallets.c.customer_id == topup.customer_id) & (wallets.c.unit == topup.unit)
    wallet = tx.connection.execute(select(wallets.c.auto_topup, wallets.c.frozen_at).where(its)).one()
    state = auto_state.read(tx, topup.customer_id, topup.unit)
    paused = state is not None and state.paused_at is not None
    return _SWITCHED_OFF if wallet.auto_topup is None or wallet.frozen_at is not None or paused else None


def _look_up(gateway: Gateway, row: Row[Any]) -> PaymentIntent | None:
    since = row.asked_at - _GRACE
    return gateway.charging.find(row.params["customer"], since, topup_rows.MARK, row.subject)


def _end(tx: Tx, row: Row[Any], reason: str) -> None:
    """Nothing will come of it, as far as is known: the next is not begun before somebody has looked."""
    topup = topup_rows.read(tx, row.subject)
    assert topup is not None
    if not topup_rows.move(tx, topup.id, "failed", reason=reason) or reason == _SWITCHED_OFF:
        return
    known = row.attempts <= conversations.MOST_ATTEMPTS and tx.now < row.asked_at + conversations.KEY_LIVES
    message = f"The payment was refused: {reason}" if known else _UNKNOWN
    auto_state.pause(tx, topup.customer_id, topup.unit, "refused" if known else "unknown", message)
