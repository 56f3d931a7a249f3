"""Balance transactions: what money coming and going did to the merchant's balance."""

from __future__ import annotations

from web.sandbox import ids
from web.sandbox.store import Object
from web.sandbox.work import Work

_WEEK = 7 * 24 * 60 * 60


def row(
    work: Work, kind: str, category: str, amount: int, currency: str, source: str, *, words: str, fee: int = 0
) -> Object:
    """One row, as the thing that it belongs to shows it."""
    dispute_fee = {"amount": fee, "application": None, "currency": currency, "description": "Dispute fee"}
    return {
        "id": ids.new("balance_transaction"),
        "object": "balance_transaction",
        "amount": amount,
        "available_on": work.now + _WEEK,
        "balance_type": "payments",
        "created": work.now,
        "currency": currency,
        "description": words,
        "exchange_rate": None,
        "fee": fee,
        "fee_details": [dispute_fee | {"type": "stripe_fee"}] if fee else [],
        "net": amount - fee,
        "reporting_category": category,
        "source": source,
        "status": "pending",
        "type": kind,
    }
