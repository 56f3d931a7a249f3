"""Buying: a top-up or a subscription is written down, Stripe is asked for its Checkout, and the buyer is sent there.

Each is one request under a key of the caller's: sent again it goes on where it was left, and buys nothing twice.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import Row

from billing.base.db import Database, Tx
from billing.catalog.terms import Catalog, Plan
from billing.credits import customers, recall
from billing.rules import asking
from billing.rules.refusals import (
    IdempotencyKeyReused,
    Invalid,
    Refusal,
    StripeRefused,
    StripeUnavailable,
    SubscriptionExists,
    UnknownPlan,
    UnknownSession,
)
from billing.sales import conversations, stripe_prices
from billing.sales.asking import checkouts, offers, settling
from billing.sales.asking.offers import asked
from billing.sales.conversations import Tell
from billing.sales.packs import topup_rows
from billing.sales.plans import subscriptions
from billing.sales.sessions import Return
from billing.sales.values import Checkout, Topup
from billing.stripe.gateway import Gateway

Shown = TypeVar("Shown", Topup, Checkout)

_ANOTHER = "Another Checkout was opened after it."


@dataclass(frozen=True, slots=True)
class Request:
    """What a caller asks for: a pack or a plan, or (`product` None) so many `credits` of a unit, under a key. `home` is
    where the buyer comes back to if neither address is given; it is no part of the request. `save_card`: what a top-up
    is paid with may be charged in the customer's absence from then on.
    """

    customer: str
    product: str | None
    key: str
    currency: str | None = None
    price: str | None = None
    success_url: str | None = None
    cancel_url: str | None = None
    home: str | None = None
    credits: int | None = None
    unit: str = "credits"
    save_card: bool = False

    def fingerprint(self, verb: str) -> str:
        if self.product is None:
            verb = f"{verb} {self.credits} {self.unit}"
        if self.save_card:
            verb = f"{verb} saving the card"
        return recall.fingerprint(verb, self.product, self.currency, self.price, self.success_url, self.cancel_url)

    def back(self) -> Return | Invalid:
        success = self.success_url or self.home
        if success is None:
            return Invalid.field("success_url", "Say where the buyer comes back to, such as https://app.example.com.")
        return Return(success, self.cancel_url or self.home)


@dataclass(frozen=True, slots=True)
class _Kind:
    """What top-ups and checkouts of subscriptions do alike: how a row is found again by the customer's key."""

    name: str
    by_key: Callable[[Tx, str, str], Row[Any] | None]


_TOPUP = _Kind("topup", topup_rows.by_key)
_SUBSCRIPTION = _Kind("subscription", checkouts.by_key)


def topup(db: Database, gateway: Gateway | None, catalog: Catalog, tell: Tell, request: Request) -> Topup:
    """Opens a top-up. Raises UnknownCustomer, UnknownPack, UnknownUnit, Invalid, IdempotencyKeyReused, StripeRefused;
    and StripeUnavailable when it could not be finished yet: then the step does, or the same request again.
    """
    fingerprint = _check(request, "topup")
    known = _known(db, _TOPUP, request, fingerprint)
    replayed = known is not None
    if known is None:
        wanted = request.product if request.product is not None else offers.Wanted(request.credits or 0, request.unit)
        offer = offers.topup(db, gateway, catalog, wanted, request.customer, request.currency)
        back = _accepted(request.back())
        with db.write() as tx:
            _accepted(customers.lock(tx, request.customer))
            again = _same(_TOPUP.by_key(tx, request.customer, request.key), request, fingerprint)
            known = again or topup_rows.begin(
                tx, request.customer, offer, back, request.key, fingerprint, save_card=request.save_card
            )
            replayed = again is not None
    _open(db, gateway, tell, _TOPUP, known)
    with db.read() as tx:
        row = topup_rows.read(tx, known.id)
        assert row is not None
        found = topup_rows.shown(tx, row, replayed=replayed)
    return _unless_refused(found, found.session, found.status)


def subscribe(db: Database, gateway: Gateway | None, catalog: Catalog, tell: Tell, request: Request) -> Checkout:
    """Opens a Checkout of a plan; earlier ones of its unit that were not paid are closed, so that nobody pays two.

    Raises as `topup`, UnknownPlan, and SubscriptionExists.
    """
    fingerprint = _check(request, "subscribe")
    known = _known(db, _SUBSCRIPTION, request, fingerprint)
    replayed = known is not None
    if known is None:
        plan = catalog.plans_on_sale.get(request.product or "")
        if plan is None:
            raise UnknownPlan(request.product or "")
        back = _accepted(request.back())
        price = offers.plan_price(db, gateway, plan, request.customer, request.currency, request.price)
        _close_others(db, gateway, catalog, tell, request, plan.unit)
        with db.write() as tx:
            _accepted(customers.lock(tx, request.customer))
            again = _same(_SUBSCRIPTION.by_key(tx, request.customer, request.key), request, fingerprint)
            replayed = again is not None
            if again is None:
                _refuse_second(tx, catalog, request.customer, plan)
                checkouts.close_unopened(tx, request.customer, plan.unit, _ANOTHER)
                stripe_prices.note(tx, [(price.id, price.lookup_key)])
            known = again or checkouts.begin(
                tx, request.customer, plan, price.id, back, request.key, fingerprint, catalog.checkout
            )
    _open(db, gateway, tell, _SUBSCRIPTION, known)
    with db.read() as tx:
        row = checkouts.read(tx, known.id)
        assert row is not None
        found = checkouts.shown(row, tx.now, replayed=replayed)
    return _unless_refused(found, found.session, found.status)


def _check(request: Request, verb: str) -> str:
    """The request's fingerprint, if it is well formed."""
    wrong = asking.refuse(
        customer=asking.name(request.customer),
        key=asking.key(request.key),
        currency=asking.maybe(asking.currency, request.currency),
        price=asking.maybe(asking.text, request.price),
        success_url=asking.maybe(asking.address, request.success_url),
        cancel_url=asking.maybe(asking.address, request.cancel_url),
        save_card=asking.flag(request.save_card),
        **_wrong_product(request, "pack" if verb == "topup" else "plan"),
    )
    if wrong is not None:
        raise wrong
    return request.fingerprint(verb)


def _wrong_product(request: Request, name: str) -> dict[str, str | None]:
    """A top-up is of a pack or of so many credits, and not of both."""
    if name == "plan":
        return {"plan": asking.text(request.product)}
    if (request.product is None) == (request.credits is None):
        return {"pack": "Name a pack, or how many credits: one of both."}
    if request.product is not None:
        return {"pack": asking.text(request.product)}
    return {"credits": asking.credits(request.credits), "unit": asking.text(request.unit)}


def _known(db: Database, kind: _Kind, request: Request, fingerprint: str) -> Row[Any] | None:
    """What this key opened before, if it did."""
    with db.read() as tx:
        _accepted(customers.find(tx, request.customer))
        return _same(kind.by_key(tx, request.customer, request.key), request, fingerprint)


def _same(row: Row[Any] | None, request: Request, fingerprint: str) -> Row[Any] | None:
    if row is not None and row.request != fingerprint:
        raise IdempotencyKeyReused(request.key)
    return row


def _close_others(
    db: Database, gateway: Gateway | None, catalog: Catalog, tell: Tell, request: Request, unit: str
) -> None:
    """Ends Checkouts in other tabs. One that can't be ended was paid a moment ago: then it is settled. What the same
    request has opened meanwhile is none of them.
    """
    with db.read() as tx:
        others = [one for one in checkouts.open_ones(tx, request.customer, unit) if one.key != request.key]
    for other in others:
        talking = asked(gateway)
        over = talking.expire_session(other.session_id)
        if not over:
            try:
                settling.settle(db, talking, catalog, tell, other.session_id)
            except UnknownSession:  # of another account or mode: nobody can pay it here
                over = True
        if over:
            with db.write() as tx:
                checkouts.move(tx, other.id, "expired", reason=_ANOTHER)


def _refuse_second(tx: Tx, catalog: Catalog, customer: str, plan: Plan) -> None:
    living = subscriptions.living(tx, catalog, customer, plan.unit)
    if living is not None:
        raise SubscriptionExists(living.plan or plan.id, living.id or "")


def _open(db: Database, gateway: Gateway | None, tell: Tell, kind: _Kind, row: Row[Any]) -> None:
    """Goes on with the session's conversation, if it is open."""
    with db.read() as tx:
        conversation = conversations.open_one(tx, kind.name, row.id)
    if conversation is not None:
        try:
            conversations.carry_on(db, asked(gateway), settling.KINDS, tell, conversation)
        except StripeUnavailable as unavailable:
            unavailable.purchase = row.id
            raise


def _unless_refused(found: Shown, session: str | None, status: str) -> Shown:
    """What Stripe refused is refused again, in the same words, for as long as the key is the same."""
    if session is None and status == "failed":
        raise StripeRefused(found.reason or "it gave no reason")
    return found


def _accepted(answer: Any) -> Any:
    if isinstance(answer, Refusal):
        raise answer
    return answer
