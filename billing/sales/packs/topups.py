"""Top-ups: a paid Checkout session → the pack it bought. Called by the webhook and by whoever sees the session paid."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row

from billing.base import outbox
from billing.base.db import Tx
from billing.catalog.prices import owner_then
from billing.catalog.terms import Catalog, Pack
from billing.credits import customers, grants
from billing.credits.opening import OpenWallet
from billing.credits.writing import write
from billing.rules.periods import Span
from billing.rules.sale.packs import pack_sale
from billing.rules.sale.values import PackSale, PackTerms
from billing.sales import claims, stripe_customers
from billing.sales.back import payments, returned
from billing.sales.back.payments import Purchase
from billing.sales.claims import Sold, Source
from billing.sales.packs import ties, topup_rows
from billing.sales.sessions import FIRST_LOOK
from billing.sales.stripe_customers import Nobody, Payer
from billing.sales.values import Applied, open_units, pack_terms
from billing.stripe.values import Session, SessionLine


@dataclass(frozen=True, slots=True)
class _Bought:
    """One pack that a session bought: by a line of it, or by its metadata (`line` None)."""

    pack: Pack
    quantity: int
    cents: int
    price: str
    line: str | None


def settle(tx: Tx, catalog: Catalog, session: Session, paid_at: datetime) -> Applied:
    """Grants what the session bought, once, whoever calls it how often, in whatever order with its invoice.

    A session of another mode only links its customer; one that is not paid yet waits for nothing of ours. Of a session
    that was opened here, our own row says what it brings.
    """
    if session.mode == "setup" or (session.mode != "payment" and session.status == "expired"):
        return Applied(note=f"a session of mode {session.mode} sells nothing when it is {session.status}")
    ours = ties.of_session(tx, session) if session.mode == "payment" else None
    if session.mode == "payment" and session.payment_status == "unpaid":
        return _not_paid_yet(tx, session, ours)
    payer = stripe_customers.payer(tx, session.customer, session.client_reference_id)
    linked = None if isinstance(payer, Nobody) else payer.linked
    if session.mode != "payment":
        return _only_linked(session, payer)
    refused = _not_paid(session)
    if refused is not None:
        return Applied(waits=refused, linked=linked)
    if isinstance(payer, Nobody):
        return Applied(waits=payer.reason)
    if isinstance(ours, str):
        return Applied(waits=ours, linked=linked)
    if ours is not None:
        return _settle_ours(tx, catalog, ours, session, payer, paid_at)
    return _settle_foreign(tx, catalog, session, payer, paid_at)


def fail(tx: Tx, session: Session) -> Applied:
    """The payment of a completed session failed for good: what was waiting for it is over."""
    ours = ties.of_session(tx, session)
    if ours is None or isinstance(ours, str) or _somebody_elses(tx, session, ours):
        return Applied(note="no top-up of ours")
    failed = topup_rows.move(tx, ours.id, "failed", reason="The payment failed; nothing was charged.")
    return Applied(note="the top-up failed" if failed else "known before")


def _not_paid_yet(tx: Tx, session: Session, ours: Row[Any] | str | None) -> Applied:
    """A session that is over expired; one that is complete waits for its money; an open one can still be paid."""
    if ours is None or isinstance(ours, str) or _somebody_elses(tx, session, ours):
        return Applied(note="not paid yet")
    if session.status == "expired":
        topup_rows.move(tx, ours.id, "expired", reason="Nobody paid in time; nothing was charged.")
    elif session.status == "complete":
        topup_rows.move(tx, ours.id, "pending", session_id=session.id, next_look_at=tx.now + FIRST_LOOK)
    return Applied(note="it expired unpaid" if session.status == "expired" else "not paid yet")


def _somebody_elses(tx: Tx, session: Session, ours: Row[Any]) -> bool:
    """Is the session another customer's, whatever top-up it names?"""
    whose = stripe_customers.customer_of(tx, session.customer) if session.customer is not None else None
    return whose not in (None, ours.customer_id)


def _settle_ours(
    tx: Tx, catalog: Catalog, ours: Row[Any], session: Session, payer: Payer, paid_at: datetime
) -> Applied:
    """What a top-up of ours says, if that is what was paid."""
    wrong = ties.mismatch(ours, session, payer.customer)
    if wrong is not None:
        return Applied(waits=wrong, linked=payer.linked)
    wallet = open_units(tx, catalog, ours.customer_id, {ours.unit})[ours.unit]
    row = topup_rows.read(tx, ours.id)
    assert row is not None
    if row.status in ("paid", "refunded") and row.session_id == session.id:
        return Applied(note="settled before", linked=payer.linked)
    taken = row.session_id not in (None, session.id)
    if taken or _settled(tx, session) != set():
        return Applied(waits=f"conflict: {row.id} or {session.id} was settled in another way", linked=payer.linked)
    terms = PackTerms(row.pack, row.credits // row.quantity, Span.parse(row.valid_for) if row.valid_for else None,
                      row.unit)  # fmt: skip
    paid = session.net_cents or 0  # the credits are granted whole, whatever a promotion code took off
    sale = pack_sale(f"topup:{row.id}", terms, price=row.price or "", quantity=row.quantity, cents=paid,
                     currency=row.currency, paid_at=paid_at, lines=())  # fmt: skip
    assert isinstance(sale, PackSale), sale
    deliver(wallet, row.name, sale, session.id)
    sold = [Sold(wallet, sale, {session.id: paid} | ({session.invoice: 0} if session.invoice else {}))]
    write(tx, [wallet])
    claims.record(tx, Source(paid_at, session.invoice, session.id, session.amount_total_cents), sold)
    topup_rows.move(tx, row.id, "paid", session_id=session.id, paid_at=paid_at, paid_cents=paid, reason=None)
    tell_paid(tx, sold)
    _paid_by(tx, catalog, session)
    return Applied((sale.origin,), linked=payer.linked)


def _settle_foreign(tx: Tx, catalog: Catalog, session: Session, payer: Payer, paid_at: datetime) -> Applied:
    """What a session that was opened elsewhere bought, by its lines' prices or its metadata."""
    linked = payer.linked
    bought, unknown = _bought(catalog, session, session.created or paid_at)
    if session.invoice is not None:  # it may bring the same, in another unit
        customers.lock(tx, payer.customer)
    wallets = open_units(tx, catalog, payer.customer, {one.pack.unit for one in bought})
    done = _settled(tx, session)
    if done is None:
        return Applied(note="settled before", linked=linked)
    left = [one for one in bought if one.line is None or one.line not in done]
    decided = [(one, _sale(session, one, paid_at, alone=len(bought) == 1)) for one in left]
    waits = [*unknown, *(sale for _, sale in decided if isinstance(sale, str))]
    sold: list[Sold] = []
    for one, sale in decided:
        if isinstance(sale, PackSale):
            wallet = wallets[sale.unit]
            deliver(wallet, one.pack.name, sale, session.id)
            sold.append(Sold(wallet, sale, _claims(session, one, first=not sold and not done)))
    if sold:
        write(tx, wallets.values())
        claims.record(tx, Source(paid_at, session.invoice, session.id, session.amount_total_cents), sold)
        tell_paid(tx, sold)
        _paid_by(tx, catalog, session)
    granted = tuple(one.sale.origin for one in sold)
    return Applied(
        granted,
        "; ".join(waits) or None,
        None if granted or waits else "settled before" if done else "nothing was bought",
        linked,
    )


def _paid_by(tx: Tx, catalog: Catalog, session: Session) -> None:
    """Which payment it was, so that a refund of it finds what it brought; one may be known already."""
    purchase = Purchase(session.invoice, session.id)
    payments.note(tx, purchase, [(session.payment_intent, session.amount_total_cents)])
    returned.catch_up(tx, catalog, purchase)


def _only_linked(session: Session, payer: Payer | Nobody) -> Applied:
    """A subscription's session says whose its Stripe customer is; what it sells comes with its invoice."""
    note = f"a session of mode {session.mode} only says whose Stripe customer it is"
    if isinstance(payer, Payer):
        return Applied(note=note, linked=payer.linked)
    to_link = session.customer is not None and session.client_reference_id is not None
    return Applied(waits=payer.reason) if to_link else Applied(note=note)


def deliver(wallet: OpenWallet, name: str, sale: PackSale, source: str) -> None:
    """Decides the bucket of a pack of that name in an open wallet; the caller writes."""
    lot = grants.Lot(
        credits=sale.credits,
        description=words(name, sale.quantity) if topup_rows.pack_of(sale.pack) else name,
        origin=sale.origin,
        effective_at=min(sale.effective_at, wallet.at),  # Stripe's clock may be seconds ahead of ours
        expires_at=sale.expires_at,
        paid_cents=sale.cents,
        currency=sale.currency,
        metadata={"pack": sale.pack, "paid_by": source},
    )
    grants.sell(wallet, sale.origin, [lot])


def tell_paid(tx: Tx, sold: list[Sold], *, automatic: bool = False) -> None:
    """A fact for each pack sold."""
    for one in sold:
        if isinstance(one.sale, PackSale):
            sale = one.sale
            fact = {"customer": one.wallet.customer, "unit": sale.unit, "pack": topup_rows.pack_of(sale.pack),
                    "credits": sale.credits, "cents": sale.cents, "currency": sale.currency, "cause": sale.origin,
                    "automatic": automatic}  # fmt: skip
            outbox.tell(tx, ("topup.paid", fact))


def _not_paid(session: Session) -> str | None:
    """`no_payment_required` is a free order: paid when there was nothing to pay."""
    if session.payment_status == "paid":
        return None
    if session.payment_status == "no_payment_required" and not session.amount_total_cents:
        return None
    return f"payment status {session.payment_status!r} with {session.amount_total_cents} cents to pay is not known"


def _bought(catalog: Catalog, session: Session, at: datetime) -> tuple[list[_Bought], list[str]]:
    """The packs that were bought, as they were on sale then, and why the rest of the session brings nothing."""
    if session.currency is None or session.net_cents is None:
        return [], ["the session does not say what was paid"]
    if session.net_cents < 0:
        return [], [f"the session gives back more than it costs ({session.net_cents} cents)"]
    if session.lines is None:
        one = _by_metadata(catalog, session, at)
        return ([], [one]) if isinstance(one, str) else ([one], [])
    if session.has_more:
        return [], [f"only the first {len(session.lines)} lines of the session are known"]
    found: list[_Bought] = []
    unknown: list[str] = []
    for line in session.lines:
        one = _by_line(catalog, line, at)
        if isinstance(one, str):
            unknown.append(one)
        else:
            found.append(one)
    if len({one.line for one in found}) < len(found):
        return [], ["two lines of the session have the same id"]
    return found, unknown


def _by_line(catalog: Catalog, line: SessionLine, at: datetime) -> _Bought | str:
    pack = owner_then(catalog, line.price, line.lookup_key, at)
    if not isinstance(pack, Pack):
        return f"unknown price {line.price}" if pack is None else f"price {line.price} is that of a plan"
    if line.net_cents < 0:
        return f"the line of price {line.price} gives money back"
    return _Bought(pack, line.count, line.net_cents, line.price or "", line.id)


def _by_metadata(catalog: Catalog, session: Session, at: datetime) -> _Bought | str:
    """The pack that the session's metadata names, if that is what was asked for it: metadata alone mints nothing."""
    name = session.metadata.get("pack")
    if name is None:
        return "unknown price: the session names no pack in its metadata, and its lines are not in the event"
    pack = catalog.at(at).packs.get(name) or catalog.packs.get(name)
    if pack is None:
        return f"unknown pack {name!r}"
    price = pack.prices.get(session.currency or "")
    if price is None or price != session.amount_subtotal_cents:
        asked = "nothing" if price is None else f"{price} cents"
        return f"pack {name} costs {asked} in {session.currency}, the session was for {session.amount_subtotal_cents}"
    return _Bought(pack, 1, session.net_cents or 0, "", None)


def _settled(tx: Tx, session: Session) -> set[str] | None:
    """The session's lines that have brought something; None if all of it was settled. Under the wallets' locks."""
    lines = {line.id for line in session.lines or ()}
    done = claims.claimed(tx, [session.id, *lines])
    if session.invoice is not None and claims.packs_of_invoice(tx, session.invoice):
        return None
    if session.id in done and not done & lines:
        return None
    return done & lines


def _sale(session: Session, one: _Bought, paid_at: datetime, *, alone: bool) -> PackSale | str:
    named = session.id if alone or one.line is None else f"{session.id}:{one.line}"
    sale = pack_sale(
        f"topup:{named}",
        pack_terms(one.pack),
        price=one.price,
        quantity=one.quantity,
        cents=one.cents,
        currency=session.currency or "",
        paid_at=paid_at,
        lines=(),
    )
    return sale if isinstance(sale, PackSale) else sale[1]


def _claims(session: Session, one: _Bought, *, first: bool) -> dict[str, int]:
    """The session's first sale claims the session and the invoice it made, too, so that neither brings it again."""
    claimed: dict[str, int] = {}
    if first:
        claimed[session.id] = one.cents if one.line is None else 0
        if session.invoice is not None:
            claimed[session.invoice] = 0
    if one.line is not None:
        claimed[one.line] = one.cents
    return claimed


def words(name: str, quantity: int = 1) -> str:
    """What a pack is called: `Small pack`, `2 × Small pack`."""
    what = name if "pack" in name.lower() else f"{name} pack"
    return what if quantity == 1 else f"{quantity} × {what}"
