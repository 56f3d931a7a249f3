"""What Stripe says of a payment that was made in the customer's absence → the top-up it was for. The answer, the
webhook and a later look all end here, and the first of them does it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Row

from billing.base import outbox
from billing.base.db import Tx
from billing.catalog.terms import Catalog
from billing.credits.writing import write
from billing.rules.periods import Span
from billing.rules.sale import auto_topup as rule
from billing.rules.sale.packs import pack_sale
from billing.rules.sale.values import PackSale, PackTerms
from billing.sales import auto_state, claims, stripe_customers
from billing.sales.back import payments, returned
from billing.sales.back.payments import Purchase
from billing.sales.claims import Sold, Source
from billing.sales.packs import topup_rows, topups
from billing.sales.sessions import FIRST_LOOK
from billing.sales.values import Applied, open_units
from billing.stripe.values import PaymentIntent

_NOTHING_CHARGED = "The payment failed; nothing was charged."
_MESSAGES = {
    "declined": "The card was declined: {said}",
    "card_refused": "The bank refuses this card for good: {said} Save another one, then go on.",
    "no_card": "The card can't be charged any more: {said} Save another one, then go on.",
    "authentication_required": "The bank wants you to confirm the payment yourself: buy credits by hand this time.",
}


def of_ours(tx: Tx, intent: PaymentIntent) -> Row[Any] | None:
    """The top-up that this payment names, if it was bought by itself."""
    row = topup_rows.read(tx, intent.metadata.get(topup_rows.MARK, ""))
    return row if row is not None and row.automatic is not None else None


def apply(tx: Tx, catalog: Catalog, row: Row[Any], intent: PaymentIntent, at: datetime) -> Applied:
    """Writes down what became of it, once: credits, a payment that is on its way, or what follows a decline."""
    wrong = _mismatch(tx, row, intent)
    if wrong is not None:
        return Applied(waits=wrong)
    if intent.status == "succeeded":
        return _paid(tx, catalog, row, intent, at)
    if intent.status == "processing":
        topup_rows.move(tx, row.id, "pending", session_id=intent.id, next_look_at=tx.now + FIRST_LOOK)
        return Applied(note="its money is on its way")
    return _failed(tx, row, intent)


def _mismatch(tx: Tx, row: Row[Any], intent: PaymentIntent) -> str | None:
    """Why this payment is not that of the top-up it names, or None."""
    whose = stripe_customers.customer_of(tx, intent.customer) if intent.customer is not None else None
    if whose != row.customer_id:
        return f"conflict: {intent.id} of {whose or intent.customer!r} names {row.id}, a top-up of another customer"
    if (intent.currency, intent.amount_cents) != (row.currency, row.cents):
        asked = f"{row.id} costs {row.cents} cents in {row.currency}"
        return f"{asked}, {intent.id} is for {intent.amount_cents} in {intent.currency}"
    if row.session_id not in (None, intent.id):
        return f"conflict: {intent.id} names {row.id}, whose payment is {row.session_id}"
    if intent.status == "succeeded" and intent.received_cents != row.cents:
        return f"{row.id} costs {row.cents} cents, {intent.id} has brought {intent.received_cents}"
    return None


def _paid(tx: Tx, catalog: Catalog, ours: Row[Any], intent: PaymentIntent, paid_at: datetime) -> Applied:
    wallet = open_units(tx, catalog, ours.customer_id, {ours.unit})[ours.unit]
    row = topup_rows.read(tx, ours.id)
    assert row is not None
    if row.status in ("paid", "refunded") or claims.claimed(tx, [intent.id]):
        return Applied(note="settled before")
    terms = PackTerms(row.pack, row.credits, Span.parse(row.valid_for) if row.valid_for else None, row.unit)
    sale = pack_sale(f"topup:{row.id}", terms, price="", quantity=1, cents=row.cents, currency=row.currency,
                     paid_at=paid_at, lines=())  # fmt: skip
    assert isinstance(sale, PackSale), sale
    topups.deliver(wallet, row.name, sale, intent.id)
    sold = [Sold(wallet, sale, {intent.id: row.cents})]
    write(tx, [wallet])
    claims.record(tx, Source(paid_at, None, intent.id, row.cents), sold)
    topup_rows.move(
        tx, row.id, "paid", session_id=intent.id, paid_at=paid_at, paid_cents=row.cents, reason=None
    )  # fmt: skip
    auto_state.lock(tx, row.customer_id, row.unit)
    state = auto_state.read(tx, row.customer_id, row.unit)
    if state is not None and state.paused_at is None:
        auto_state.free(tx, row.customer_id, row.unit)
    topups.tell_paid(tx, sold, automatic=True)
    fact = {"customer": row.customer_id, "unit": row.unit, "topup": row.id, "credits": row.credits,
            "cents": row.cents, "currency": row.currency}  # fmt: skip
    outbox.tell(tx, ("auto_topup.charged", fact))
    purchase = Purchase(session=intent.id)
    payments.note(tx, purchase, [(intent.id, row.cents)])
    returned.catch_up(tx, catalog, purchase)
    return Applied((sale.origin,))


def _failed(tx: Tx, row: Row[Any], intent: PaymentIntent) -> Applied:
    failure = intent.failure
    said = (failure and failure.message) or _NOTHING_CHARGED
    if not topup_rows.move(tx, row.id, "failed", session_id=intent.id, reason=said):
        return Applied(note="known before")
    state = auto_state.lock(tx, row.customer_id, row.unit)
    codes = (failure.code, failure.decline_code, failure.advice) if failure is not None else (None, None, None)
    failures = state.failures + 1
    follows = rule.after_decline(failures, *codes)
    message, until = _MESSAGES[follows.reason].format(said=said), tx.now + follows.delay
    values = {"failures": failures, "payment_method": failure.method if failure is not None else None}
    if state.paused_at is not None:  # whatever paused it meanwhile stands
        auto_state.change(tx, row.customer_id, row.unit, **values)
        return Applied(note=said)
    auto_state.hold_back(tx, row.customer_id, row.unit, follows.reason, message, until, **values)
    fact = {"customer": row.customer_id, "unit": row.unit, "topup": row.id, "reason": follows.reason,
            "message": message, "cents": row.cents, "currency": row.currency,
            "next_attempt_at": None if follows.paused else until}  # fmt: skip
    outbox.tell(tx, ("auto_topup.held_back", fact))
    if follows.paused:
        auto_state.pause(tx, row.customer_id, row.unit, follows.reason, message)
    return Applied(note=said)
