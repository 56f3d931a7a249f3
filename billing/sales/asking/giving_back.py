"""Giving back: a refund that is asked for here. A row of ours first, then Stripe is asked, then it is told as any other
refund is: what the customer loses follows from that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Row, select

from billing.base import ids, sets
from billing.base.db import Database, Tx
from billing.catalog.terms import Catalog
from billing.credits import customers, recall
from billing.rules import asking
from billing.rules.refusals import (
    IdempotencyKeyReused,
    Invalid,
    Refusal,
    StripeRefused,
    UnknownCustomer,
    UnknownPurchase,
)
from billing.sales import conversations
from billing.sales.asking import offers, settling
from billing.sales.back import payments, refund_rows, refunds, returned, shares
from billing.sales.back.payments import Purchase
from billing.sales.back.refund_rows import MARK
from billing.sales.conversations import Kind, Kinds, Tell
from billing.sales.tables import payments as payment_rows
from billing.sales.tables import refund_orders, sales, topups
from billing.sales.values import Refund, RefundPreview
from billing.stripe.calling import Params
from billing.stripe.gateway import Gateway
from billing.stripe.questions import PaymentsOfInvoice, RefundsOfPayment
from billing.stripe.values import InvoicePayment
from billing.stripe.values import Refund as StripeRefund


@dataclass(frozen=True, slots=True)
class _Bought:
    """What is to be given back of, and all that can be."""

    purchase: Purchase
    sold: Sequence[Row[Any]]
    total_cents: int
    currency: str


def refund(
    db: Database, gateway: Gateway | None, catalog: Catalog, tell: Tell, customer: str, purchase: str,
    cents: int | None, key: str,
) -> Refund:  # fmt: skip
    """Asks Stripe to give money back of a purchase (`cents` None: all that is left of it), once per key.

    Raises UnknownCustomer, UnknownPurchase, Invalid, IdempotencyKeyReused, StripeRefused, StripeNotConfigured;
    StripeUnavailable: it goes on by itself, or with the same request again.
    """
    wrong = asking.refuse(
        customer=asking.name(customer),
        purchase=asking.text(purchase),
        cents=asking.maybe(_cents, cents),
        key=asking.key(key),
    )
    if wrong is not None:
        raise wrong
    asked = recall.fingerprint("refund", purchase, cents)
    with db.read() as tx:
        order = refund_rows.by_key(tx, customer, key)
        bought = None if order is not None else _bought(tx, customer, purchase)
    replayed = order is not None
    if bought is not None:
        learn_payments(db, gateway, bought.purchase, bought.total_cents)
        with db.write() as tx:
            _accepted(customers.lock(tx, customer))
            order = refund_rows.by_key(tx, customer, key)
            replayed = order is not None
            order = order or _begin(tx, customer, purchase, bought, cents, key, asked)
    assert order is not None
    if order.request != asked:
        raise IdempotencyKeyReused(key)
    _carry_on(db, gateway, catalog, tell, order)
    with db.read() as tx:
        found = refund_rows.shown(tx, order.id, replayed=replayed)
    if found.status == "failed" and found.refund is None:
        raise StripeRefused(found.reason or "it gave no reason")
    return found


def preview(tx: Tx, catalog: Catalog, customer: str, purchase: str) -> RefundPreview | Refusal:
    """What of the purchase is unused and would come back with a refund of it."""
    wrong = asking.refuse(customer=asking.name(customer), purchase=asking.text(purchase))
    if wrong is not None:
        return wrong
    try:
        bought = _bought(tx, customer, purchase)
    except (UnknownCustomer, UnknownPurchase) as unknown:
        return unknown
    gone, going, questioned = refund_rows.money_back(tx, bought.purchase, bought.total_cents, bought.currency)
    open_cents = refund_rows.ordered(tx, bought.purchase)
    left = max(0, _left(tx, bought, gone + going + questioned + open_cents))
    unused = [returned.unused(tx, catalog, row) for row in bought.sold]
    credits, cents = sum(one[0] for one in unused), sum(one[1] for one in unused)
    parts = sum(row.cents for row in bought.sold)
    return RefundPreview(
        purchase=purchase,
        currency=bought.currency,
        total_cents=bought.total_cents,
        refunded_cents=gone,
        pending_cents=going + open_cents,
        disputed_cents=questioned,
        refundable_cents=left,
        unused_credits=credits,
        unused_cents=min(left, bought.total_cents * cents // parts) if parts else 0,
    )


def learn_payments(db: Database, gateway: Gateway | None, purchase: Purchase, total_cents: int) -> None:
    """Which payments paid it, asked where that is not known, or not of all that was paid."""
    with db.read() as tx:
        its = select(payment_rows.c.id, payment_rows.c.cents).where(purchase.paid(payment_rows))
        known = list(tx.connection.execute(its.where(payment_rows.c.intent.is_(None))))
    paid_cents = sum(row.cents or 0 for row in known)
    if purchase.invoice is None or paid_cents >= total_cents or (known and gateway is None):
        return
    answer: Sequence[InvoicePayment] = offers.asked(gateway).answer(PaymentsOfInvoice(purchase.invoice))
    paid = [(one.payment_intent or one.charge, one.amount_paid_cents) for one in answer if one.status == "paid"]
    with db.write() as tx:
        payments.note(tx, purchase, paid)


def _bought(tx: Tx, customer: str, purchase: str) -> _Bought:
    """Raises UnknownCustomer, UnknownPurchase."""
    _accepted(customers.find(tx, customer))
    its = (sales.c.invoice_id == purchase) | (sales.c.session_id == purchase) | (sales.c.origin == purchase)
    topup = tx.connection.execute(select(topups.c.session_id).where(topups.c.id == purchase)).scalar_one_or_none()
    if topup is not None:
        its |= sales.c.session_id == topup
    first = tx.connection.execute(select(sales).where(its, sales.c.customer_id == customer).limit(1)).first()
    if first is None:
        raise UnknownPurchase(purchase)
    paid = Purchase(first.invoice_id, first.session_id)
    sold = payments.sales_of(tx, paid)
    currency = returned.currency_of(sold)
    if currency is None:
        raise Invalid.field("purchase", "Nothing was paid for it.")
    return _Bought(paid, sold, returned.total_cents(sold), currency)


def _left(tx: Tx, bought: _Bought, back_cents: int) -> int:
    """What can still be given back of all that was to be paid: what was paid beyond that went back first."""
    known = returned.is_known(bought.sold)
    beyond = shares.paid_beyond(tx, bought.purchase, bought.total_cents) if known and back_cents else 0
    return bought.total_cents - max(0, back_cents - beyond)


def _begin(tx: Tx, customer: str, purchase: str, bought: _Bought, cents: int | None, key: str, asked: str) -> Row[Any]:
    """Writes it down, if that much can still be given back. Under the customer's lock."""
    gone, going, questioned = refund_rows.money_back(tx, bought.purchase, bought.total_cents, bought.currency)
    left = _left(tx, bought, gone + going + questioned + refund_rows.ordered(tx, bought.purchase))
    payment, most = refund_rows.richest(tx, bought.purchase, bought.total_cents, bought.currency)
    wanted = left if cents is None else cents
    if left <= 0:
        raise Invalid.field("purchase", "Nothing is left of it that could be given back.")
    if payment is None:
        raise Invalid.field("purchase", "No payment of it is known: it was paid outside Stripe, or not at all.")
    if wanted > min(left, most):
        raise Invalid.field("cents", f"At most {min(left, most)} cents can be given back of it at once.")
    id = ids.new("rfd")
    row = {
        "id": id, "customer_id": customer, "purchase": purchase, "payment": payment, "cents": wanted,
        "currency": bought.currency, "status": "open", "key": key, "request": asked, "created_at": tx.now,
        "invoice_id": bought.purchase.invoice,
    }  # fmt: skip
    sets.insert(tx, refund_orders, [row])
    named = {"payment_intent" if payment.startswith("pi_") else "charge": payment}
    conversations.intend(tx, "refund", id, customer, lambda _: {**named, "amount": wanted, "metadata": {MARK: id}})
    order = refund_rows.read(tx, id)
    assert order is not None
    return order


def _carry_on(db: Database, gateway: Gateway | None, catalog: Catalog, tell: Tell, order: Row[Any]) -> None:
    with db.read() as tx:
        conversation = conversations.open_one(tx, "refund", order.id)
    if conversation is not None:
        conversations.carry_on(db, offers.asked(gateway), kinds(catalog), tell, conversation)


def kinds(catalog: Catalog) -> Kinds:
    """All conversations there are, that of a refund with the catalog by which it takes back."""
    return {**settling.KINDS, "refund": _asking(catalog)}


def _asking(catalog: Catalog) -> Kind:
    def record(tx: Tx, row: Row[Any], made: StripeRefund) -> str:
        its = refund_orders.c.id == row.subject
        change = {"status": "asked", "refund_id": made.id, "ended_at": tx.now}
        tx.connection.execute(sa.update(refund_orders).where(its).values(**change))
        refunds.apply(tx, catalog, made, {})
        return made.id

    return Kind(
        prepare=_prepare,
        ask=lambda gateway, params, key: gateway.refund(params, key),
        look_up=_look_up,
        record=record,
        end=_end,
    )


def _prepare(tx: Tx, row: Row[Any]) -> Params | None:
    order = refund_rows.read(tx, row.subject)
    assert order is not None
    params: Params = row.params
    return params if order.status == "open" else None


def _look_up(gateway: Gateway, row: Row[Any]) -> StripeRefund | None:
    of = RefundsOfPayment(row.params.get("payment_intent"), row.params.get("charge"))
    made: Sequence[StripeRefund] = gateway.answer(of)
    return next((one for one in made if one.metadata.get(MARK) == row.subject), None)


def _end(tx: Tx, row: Row[Any], reason: str) -> None:
    its = (refund_orders.c.id == row.subject) & (refund_orders.c.status == "open")
    change = {"status": "failed", "reason": reason, "ended_at": tx.now}
    tx.connection.execute(sa.update(refund_orders).where(its).values(**change))


def _cents(value: object) -> str | None:
    return "Must be at least 1." if value == 0 else asking.cents(value)


def _accepted(answer: object) -> None:
    if isinstance(answer, Refusal):
        raise answer
