"""Top-ups that were opened here: a row each, from open to paid. What they cost and bring is as it was when opened."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Row, func, select

from billing.base import ids, outbox, sets
from billing.base.db import Tx
from billing.base.wording import span_text
from billing.catalog.terms import ANY, Amounts, CheckoutTerms, Pack
from billing.credits.tables import wallets
from billing.rules.refusals import Refusal, UnknownTopup
from billing.rules.sale.amounts import bonus_credits
from billing.sales import conversations, sessions, stripe_customers
from billing.sales.conversations import Kind
from billing.sales.sessions import Return
from billing.sales.tables import refunds, sales, topups
from billing.sales.values import Topup
from billing.stripe.calling import Params
from billing.stripe.gateway import Gateway
from billing.stripe.values import OpenedSession

MARK = "billing_topup"
"""The metadata of a session of ours that names its top-up."""

RANKS = {"open": 0, "expired": 1, "pending": 2, "failed": 3, "paid": 4, "refunded": 5}
"""A status gives way to a higher one only: so the order in which Stripe's facts arrive decides nothing."""


@dataclass(frozen=True, slots=True)
class Offer:
    """What is asked for one pack, and what the buyer reads at Stripe. `price` names Stripe's own price, where the
    catalog has none. `bonus`: of the pack's credits, what comes on top.
    """

    pack: Pack
    title: str
    cents: int
    currency: str
    price: str | None
    bonus: int = 0
    terms: CheckoutTerms = field(default_factory=CheckoutTerms)


def made_to_measure(amounts: Amounts, credits: int) -> Pack:
    """The pack of so many credits and what comes on top of them."""
    more = bonus_credits(credits, amounts.bonus)
    return Pack(amounts.product, amounts.name, credits + more, amounts.description, amounts.id,
                valid_for=amounts.valid_for, stripe_product=amounts.stripe_product,
                promotion_codes=amounts.promotion_codes)  # fmt: skip


def begin(
    tx: Tx, customer: str, offer: Offer, back: Return, key: str, request: str, *, save_card: bool = False
) -> Row[Any]:
    """Writes a top-up down, and that its Checkout session is to be made. Under the customer's lock."""
    pack, id, terms = offer.pack, ids.new("top"), offer.terms
    if pack.promotion_codes is not None:
        terms = replace(terms, promotion_codes=pack.promotion_codes)
    row = {
        "id": id,
        "customer_id": customer,
        "unit": pack.unit,
        "pack": pack.id,
        "name": pack.name,
        "quantity": 1,
        "credits": pack.credits,
        "cents": offer.cents,
        "currency": offer.currency,
        "valid_for": span_text(pack.valid_for).replace(",", "") if pack.valid_for else None,
        "price": offer.price,
        "status": "open",
        "key": key,
        "request": request,
        **back.of("topup", id),
        "created_at": tx.now,
        "looks": 0,
        "bonus": offer.bonus,
        "opened_as": asdict(terms),
    }
    sets.insert(tx, topups, [row])
    made = read(tx, id)
    assert made is not None
    params = _params(made, offer, terms)
    if save_card:
        params = {**params, "payment_intent_data": {"setup_future_usage": "off_session"}}
    conversations.intend(tx, "topup", id, customer, lambda _: params)
    return made


def read(tx: Tx, id: str) -> Row[Any] | None:
    return tx.connection.execute(select(topups).where(topups.c.id == id)).one_or_none()


def by_key(tx: Tx, customer: str, key: str) -> Row[Any] | None:
    its = (topups.c.customer_id == customer) & (topups.c.key == key)
    return tx.connection.execute(select(topups).where(its)).one_or_none()


def find(tx: Tx, customer: str, id: str) -> Topup | Refusal:
    """The customer's top-up, or `UnknownTopup`."""
    row = read(tx, id)
    return UnknownTopup(id) if row is None or row.customer_id != customer else shown(tx, row)


def page(tx: Tx, customer: str, after: str | None, limit: int) -> list[Topup] | Refusal:
    """The newest first, beginning behind the top-up `after`."""
    query = select(topups).where(topups.c.customer_id == customer)
    query = query.order_by(topups.c.created_at.desc(), topups.c.id.desc()).limit(limit)
    if after is not None:
        last = read(tx, after)
        if last is None or last.customer_id != customer:
            return UnknownTopup(after)
        place = sa.tuple_(topups.c.created_at, topups.c.id)
        query = query.where(place < sa.tuple_(sa.literal(last.created_at, topups.c.created_at.type), last.id))
    rows = list(tx.connection.execute(query))
    went = _went(tx, [row.session_id for row in rows if row.paid_at is not None])
    return [_shown(row, tx.now, went, replayed=False) for row in rows]


def shown(tx: Tx, row: Row[Any], *, replayed: bool = False) -> Topup:
    """A row as it is shown now."""
    return _shown(row, tx.now, _went(tx, [row.session_id] if row.paid_at is not None else []), replayed=replayed)


def _went(tx: Tx, session_ids: Sequence[str | None]) -> dict[str, tuple[int | None, int]]:
    """By session: all that was paid there, with tax, and what of it was given back."""
    wanted = [id for id in session_ids if id is not None]
    if not wanted:
        return {}
    s, r = sales.c, refunds.c
    back = (
        select(func.coalesce(func.sum(r.cents), 0))
        .where(r.session_id == s.session_id, r.status == "succeeded")
        .scalar_subquery()
    )
    query = select(s.session_id, func.max(s.total_cents).label("total"), func.max(back).label("back"))
    rows = tx.connection.execute(query.where(s.session_id.in_(wanted)).group_by(s.session_id))
    return {row.session_id: (row.total, int(row.back)) for row in rows}


def _shown(row: Row[Any], now: datetime, went: Mapping[str, tuple[int | None, int]], *, replayed: bool) -> Topup:
    total_cents, refunded_cents = went.get(row.session_id, (None, 0))
    return Topup(
        id=row.id,
        customer=row.customer_id,
        unit=row.unit,
        pack=pack_of(row.pack),
        quantity=row.quantity,
        credits=row.credits,
        bonus=row.bonus or 0,
        cents=row.cents,
        paid_cents=row.cents if row.paid_cents is None and row.paid_at is not None else row.paid_cents,
        currency=row.currency,
        status=row.status,
        checkout_url=sessions.address(row, now),
        reason=row.reason,
        created_at=row.created_at,
        expires_at=row.expires_at,
        paid_at=row.paid_at,
        session=row.session_id,
        total_cents=total_cents,
        refunded_cents=refunded_cents,
        automatic=row.automatic is not None,
        replayed=replayed,
    )


def pack_of(product: str) -> str | None:
    """The pack's id, None where it was made to measure."""
    return None if product.startswith(ANY) else product


def usual_currency(tx: Tx, customer: str) -> str | None:
    """The currency in which the customer buys at Stripe, which takes no other beside it; else that paid in last."""
    fixed = stripe_customers.currency_of(tx, customer)
    if fixed is not None:
        return fixed
    its = select(wallets.c.id).where(wallets.c.customer_id == customer)
    query = select(sales.c.currency).where(sales.c.wallet_id.in_(its), sales.c.currency.is_not(None))
    return tx.connection.execute(query.order_by(sales.c.recorded_at.desc()).limit(1)).scalar_one_or_none()


def lost(tx: Tx, session: str) -> None:
    """Stripe knows no such session. If its time is over it can't be paid any more, and nobody waits for it."""
    row = tx.connection.execute(select(topups).where(topups.c.session_id == session)).one_or_none()
    if row is not None and row.expires_at is not None and row.expires_at <= tx.now:
        move(tx, row.id, "expired", reason=sessions.LOST)


def note_review(tx: Tx, session: str, reason: str) -> None:
    """What was paid is not what was asked, and no event may ever say so: it is kept on the top-up, and told once."""
    row = tx.connection.execute(select(topups).where(topups.c.session_id == session)).one_or_none()
    if row is not None and row.reason != reason:
        tx.connection.execute(sa.update(topups).where(topups.c.id == row.id).values(reason=reason))
        fact = {"customer": row.customer_id, "topup": row.id, "object": session, "reason": reason}
        outbox.tell(tx, ("review.needed", fact))


def move(tx: Tx, id: str, status: str, **values: Any) -> bool:
    """Brings it to the status unless it has a higher one already. Says whether it did."""
    lower = [name for name, rank in RANKS.items() if rank < RANKS[status]]
    over = {} if status in ("open", "pending") else {"ended_at": tx.now, "next_look_at": None}
    its = (topups.c.id == id) & topups.c.status.in_(lower)
    done = tx.connection.execute(sa.update(topups).where(its).values(status=status, **over, **values)).rowcount
    if done and status in ("pending", "failed"):
        row = read(tx, id)
        assert row is not None
        fact = {"customer": row.customer_id, "topup": id, "unit": row.unit, "pack": pack_of(row.pack),
                "credits": row.credits, "cents": row.cents, "currency": row.currency, "reason": row.reason,
                "automatic": row.automatic is not None}  # fmt: skip
        outbox.tell(tx, (f"topup.{status}", fact))
    return bool(done)


def _params(row: Row[Any], offer: Offer, terms: CheckoutTerms) -> Params:
    """What is asked of Stripe, but for its customer, who may still have to be made."""
    mark = {MARK: row.id}
    line: Params = {"price": row.price} if row.price else {"price_data": _price_data(row, offer, terms)}
    # A price of Stripe's that has several currencies is sold in that of the buyer's place, unless one is named.
    more: Params = {"currency": row.currency} if row.price else {}
    if terms.invoice:
        told = {"metadata": {**mark, stripe_customers.REFERENCE: row.customer_id}}
        more = {**more, "invoice_creation": {"enabled": True, "invoice_data": told}}
    lines = [{**line, "quantity": row.quantity}]
    return {**sessions.params(row, mark, terms), **more, "mode": "payment", "line_items": lines}


def _price_data(row: Row[Any], offer: Offer, terms: CheckoutTerms) -> Params:
    price: dict[str, Any] = {"currency": row.currency, "unit_amount": row.cents}
    if offer.pack.stripe_product is not None:
        price["product"] = offer.pack.stripe_product
    else:
        product = {"name": offer.title, "description": offer.pack.description[:500]}
        price["product_data"] = {name: text for name, text in product.items() if text}
    if terms.automatic_tax:
        price["tax_behavior"] = terms.tax_behavior
    return price


def _prepare(tx: Tx, row: Row[Any]) -> Params | str | None:
    topup = read(tx, row.subject)
    assert topup is not None
    return sessions.with_customer(tx, row) if topup.session_id is None and topup.status == "open" else None


def _look_up(gateway: Gateway, row: Row[Any]) -> OpenedSession | None:
    customer = row.params.get("customer")
    return (
        None if customer is None else gateway.find_session(customer, row.asked_at - sessions.GRACE, MARK, row.subject)
    )


def _record(tx: Tx, row: Row[Any], made: OpenedSession) -> str:
    """The webhook may have told of the session before: then only its address is new."""
    sessions.record(tx, topups, row.subject, made)
    return made.id


def _end(tx: Tx, row: Row[Any], reason: str) -> None:
    move(tx, row.subject, "failed", reason=reason)


OPENING = Kind(
    prepare=_prepare,
    ask=lambda gateway, params, key: gateway.open_session(params, key),
    look_up=_look_up,
    record=_record,
    end=_end,
    missing=sessions.missing,
)
