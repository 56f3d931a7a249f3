"""Claims: each object of Stripe's causes one thing, once. A sale and the claims of its causes are written together."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import select

from billing.base import sets
from billing.base.db import Tx
from billing.credits.opening import OpenWallet
from billing.rules.sale.planchange import Take
from billing.rules.sale.values import Allocation, PackSale, PlanChange
from billing.sales.tables import change_takings, claims, sales


@dataclass(frozen=True, slots=True)
class Source:
    """Where the money came from: an invoice, a Checkout session, or a session that made an invoice, too.

    `total_cents` is all that was to be paid there, with tax and what is not for credits: refunds are a share of it.
    """

    paid_at: datetime
    invoice: str | None = None
    session: str | None = None
    total_cents: int | None = None


@dataclass(frozen=True, slots=True)
class Sold:
    """One sale, whose months were decided in the open wallet. `claimed`: Stripe's objects that brought it, with the
    cents of each; their sum is the sale's. `taken`: what a change took of earlier sales.
    """

    wallet: OpenWallet
    sale: Allocation | PlanChange | PackSale
    claimed: Mapping[str, int]
    taken: Sequence[Take] = ()


def claimed(tx: Tx, stripe_ids: Collection[str]) -> set[str]:
    """Those of them that have caused something. To be asked under the wallet's lock."""
    wanted = select(claims.c.stripe_id).where(claims.c.stripe_id.in_(list(stripe_ids)))
    return set(tx.connection.execute(wanted).scalars())


def packs_of_invoice(tx: Tx, invoice: str) -> bool:
    """Have lines of this invoice brought packs already?"""
    return _some(tx, (sales.c.invoice_id == invoice) & sales.c.session_id.is_(None) & (sales.c.kind == "pack"))


def settled_by_session(tx: Tx, invoice: str) -> bool:
    """Was this invoice made by a Checkout session that has brought its packs already?"""
    return _some(tx, (sales.c.invoice_id == invoice) & sales.c.session_id.is_not(None))


def sold_by_invoice(tx: Tx, invoice: str) -> bool:
    """Has this invoice brought anything?"""
    return _some(tx, sales.c.invoice_id == invoice)


def _some(tx: Tx, wanted: sa.ColumnElement[bool]) -> bool:
    return tx.connection.execute(select(sales.c.origin).where(wanted).limit(1)).first() is not None


def origins(tx: Tx, wallets: Collection[OpenWallet], wanted: Collection[str]) -> set[tuple[int, str]]:
    """(wallet, origin) of those sales that are there already."""
    if not wallets or not wanted:
        return set()
    its = select(sales.c.wallet_id, sales.c.origin).where(
        sales.c.wallet_id.in_([wallet.id for wallet in wallets]), sales.c.origin.in_(list(wanted))
    )
    return {(row.wallet_id, row.origin) for row in tx.connection.execute(its)}


def invoices_of(tx: Tx, origins: Collection[tuple[int, str]]) -> set[str]:
    """The invoices that brought these sales (wallet, origin)."""
    s = sales.c
    found: set[str] = set()
    for wallet, origin in origins:
        its = select(s.invoice_id).where(s.wallet_id == wallet, s.origin == origin, s.invoice_id.is_not(None))
        found.update(tx.connection.execute(its).scalars())
    return found


def record(tx: Tx, source: Source, sold: Sequence[Sold]) -> None:
    """Writes the sales and claims of months that have been written. An object that another transaction claimed
    meanwhile, under another wallet's lock, breaks a unique rule: then all of it is rolled back and tried again.
    """
    sets.insert(tx, sales, [_sale(source, one) for one in sold])
    rows = [
        {
            "stripe_id": stripe_id,
            "wallet_id": one.wallet.id,
            "origin": one.sale.origin,
            "cents": cents,
            "claimed_at": one.wallet.at,
        }
        for one in sold
        for stripe_id, cents in one.claimed.items()
    ]
    sets.insert(tx, claims, rows)
    takings = [
        {"wallet_id": one.wallet.id, "origin": one.sale.origin, "sale": take.origin, "ends_at": take.ends_at,
         "credits": take.credits, "cents": take.cents}
        for one in sold
        for take in one.taken
    ]  # fmt: skip
    sets.insert(tx, change_takings, takings)


def _sale(source: Source, one: Sold) -> dict[str, Any]:
    sale = one.sale
    own = _of_pack(sale) if isinstance(sale, PackSale) else _of_plan(sale)
    return {
        "wallet_id": one.wallet.id,
        "origin": sale.origin,
        "customer_id": one.wallet.customer,
        "invoice_id": source.invoice,
        "session_id": source.session,
        "price": sale.price or None,
        "quantity": sale.quantity,
        "cents": sale.cents,
        "currency": sale.currency if sale.cents else None,
        "total_cents": source.total_cents,
        "paid_at": source.paid_at,
        "recorded_at": one.wallet.at,
        **own,
    }


def _of_pack(sale: PackSale) -> dict[str, Any]:
    return {
        "kind": "pack",
        "product": sale.pack,
        "subscription_id": None,
        "item_id": None,
        "period_start": None,
        "period_end": None,
        "credits": sale.credits,
        "level": None,
        "every": None,
        "part": None,
    }


def _of_plan(sale: Allocation | PlanChange) -> dict[str, Any]:
    """A change begins where it was made, and brings what was granted for it; what it took stands beside it."""
    if isinstance(sale, Allocation):
        kind, start = "allocation", sale.period_start
        part = "trial" if sale.trial else "stub" if sale.stub else "whole"
    else:
        kind, start, part = "change", sale.at, None
    return {
        "kind": kind,
        "product": sale.plan,
        "subscription_id": sale.subscription,
        "item_id": sale.item,
        "period_start": start,
        "period_end": sale.period_end,
        "credits": sum(month.credits for month in sale.months),
        "level": sale.level,
        "every": sale.every,
        "part": part,
    }
