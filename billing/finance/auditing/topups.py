"""The audit of top-ups: each that was paid is exactly one sale, of what it cost and brought; no other is any."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from sqlalchemy import Select, literal, or_, select

from billing.base.db import Tx
from billing.catalog.terms import CheckoutTerms
from billing.credits.tables import wallets
from billing.finance.auditing.breach import Breach
from billing.sales.tables import sales, topups

_SETTLED = ("paid", "refunded")
_OURS = "topup:top_"
"""How the origin of a sale begins that was opened as a top-up here."""


def breaches(tx: Tx) -> Iterator[Breach]:
    """All that is wrong between top-ups and their sales."""
    yield from _sold(tx)
    yield from _unopened(tx)
    for id in tx.connection.execute(_undated()).scalars():
        yield Breach("3 top-ups", id, "it says when it was paid, or is paid, but not both")
    for id in tx.connection.execute(_wrong()).scalars():
        yield Breach("3 top-ups", id, "more was paid than it costs, or all of it came on top")


@cache
def _undated() -> Select[str]:
    paid = topups.c.status.in_(_SETTLED)
    return select(topups.c.id).where(paid != topups.c.paid_at.is_not(None)).order_by(topups.c.id)


@cache
def _wrong() -> Select[str]:
    wrong = or_(topups.c.paid_cents > topups.c.cents, topups.c.paid_cents < 0, topups.c.bonus >= topups.c.credits)
    return select(topups.c.id).where(wrong).order_by(topups.c.id)


@cache
def _beside_sales() -> Select[Any]:
    """Top-ups, each with its sale."""
    its = literal("topup:") + topups.c.id == sales.c.origin
    bought = (topups.c.currency, topups.c.customer_id, topups.c.unit, topups.c.pack, topups.c.credits,
              topups.c.session_id)  # fmt: skip
    sold = (sales.c.currency, sales.c.customer_id, wallets.c.unit, sales.c.product, sales.c.credits,
            sales.c.session_id)  # fmt: skip
    money = (topups.c.cents, topups.c.paid_cents, topups.c.opened_as, sales.c.cents)
    return (
        select(topups.c.id, topups.c.status, sales.c.origin, *money, *bought, *sold)
        .outerjoin(sales, its)
        .outerjoin(wallets, wallets.c.id == sales.c.wallet_id)
        .order_by(topups.c.id)
    )


def _sold(tx: Tx) -> Iterator[Breach]:
    """Origins belong to one wallet each; a sale in two wallets would show as two rows, and one of another customer."""
    for id, status, origin, cents, paid, opened_as, brought, *both in tx.connection.execute(_beside_sales()):
        if status not in _SETTLED:
            if origin is not None:
                yield Breach("3 top-ups", id, f"it is {status}, and yet it was sold")
        elif origin is None:
            yield Breach("3 top-ups", id, f"it is {status}, and was never sold")
        else:
            due = _due(cents, paid, opened_as)
            asked = (due, *([None, *both[1:6]] if due == 0 else both[:6]))
            given = (brought, *both[6:])
            if asked != given:
                yield Breach("3 top-ups", id, f"opened as {asked}, sold as {given}")


def _due(cents: int, paid: int | None, opened_as: Mapping[str, Any] | None) -> int:
    """What had to be paid: what it costs, unless it was opened so that less may be paid."""
    terms = CheckoutTerms(**(opened_as or {}))
    less = terms.promotion_codes or (terms.automatic_tax and terms.tax_behavior == "inclusive")
    return paid if less and paid is not None else cents


def _unopened(tx: Tx) -> Iterator[Breach]:
    """A sale that names a top-up of ours has one."""
    for wallet, origin in tx.connection.execute(_without_topup()):
        yield Breach("3 top-ups", f"wallet {wallet}, {origin}", "no such top-up was opened")


@cache
def _without_topup() -> Select[int, str]:
    its = literal("topup:") + topups.c.id == sales.c.origin
    query = select(sales.c.wallet_id, sales.c.origin).outerjoin(topups, its)
    return query.where(sales.c.origin.startswith(_OURS), topups.c.id.is_(None))
