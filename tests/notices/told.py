"""What is told in these tests: an event of each kind that becomes a letter, and how to tell it."""

from __future__ import annotations

from typing import Any

from billing import Billing
from billing.base import outbox
from billing.base.db import Tx
from billing.catalog.loading import parse

CATALOG = parse("""
[units.tokens]
scale = 2

[plans.pro]
name = "Pro"
credits = 5000
prices = ["price_pro"]

[packs.small]
name = "Small"
credits = 1000
prices = { usd = 2500, eur = 2300 }
""")

AT = "2024-12-31T23:00:00Z"
"""Midnight in Berlin, where the year has begun."""

LOW = {
    "available": 900, "owed": 0, "allocation": 5000, "effective_at": AT, "cause": "spend:7",
    "thresholds": [{"setting": "20%", "credits": 1000}, {"setting": 950, "credits": 950}],
}  # fmt: skip
SPENT = {
    "available": 0, "owed": 0, "allocation": 5000, "effective_at": AT, "cause": "spend:9",
    "thresholds": [{"setting": "20%", "credits": 1000}, {"setting": 0, "credits": 0}],
}  # fmt: skip
BUCKETS = [
    {"bucket": "bkt_1_1", "credits": 1000, "ends_at": "2025-01-07T23:00:00Z", "description": "Small"},
    {"bucket": "bkt_1_4", "credits": 234, "ends_at": "2025-01-08T23:00:00Z", "description": None},
]
BOUGHT = {"topup": "top_1", "pack": "small", "credits": 1000, "cents": 2500, "currency": "usd"}

EVENTS: dict[str, tuple[str, dict[str, Any]]] = {
    "low": ("credits.low", LOW),
    "exhausted": ("credits.exhausted", SPENT),
    "expiring": (
        "credits.expiring",
        {"credits": 1234, "buckets": BUCKETS, "ends_at": "2025-01-07T23:00:00Z", "lead": "7 days"},
    ),
    "running_out": (
        "credits.running_out",
        {"available": 2400, "per_day": 410, "days": 5, "empty_at": "2025-01-06T09:30:00Z"},
    ),
    "unusual": ("usage.unusual", {"credits": 8200, "usual": 410, "times": 20, "day": "2024-12-30"}),
    "granted": (
        "credits.granted",
        {"credits": 5000, "available": 5400, "owed": 0, "effective_at": AT, "cause": "allocation:si_1:price_pro:x"},
    ),
    "payment_failed": ("payment.failed", {"invoice": "in_7", "subscription": "sub_1", "topup": None, "reason": "no"}),
    "debt_opened": (
        "debt.opened",
        {"credits": 120, "available": 0, "owed": 120, "effective_at": AT, "cause": "spend:5"},
    ),
    "debt_repaid": (
        "debt.repaid",
        {"credits": 120, "available": 880, "owed": 0, "effective_at": AT, "cause": "grant:6"},
    ),
    "topup_paid": ("topup.paid", {**BOUGHT, "cause": "topup:top_1"}),
    "topup_pending": ("topup.pending", {**BOUGHT, "reason": None}),
    "topup_failed": ("topup.failed", {**BOUGHT, "reason": "declined"}),
    "topup_refunded": ("topup.refunded", BOUGHT),
    "auto_topup_charged": ("auto_topup.charged", BOUGHT),
    "auto_topup_held_back": (
        "auto_topup.held_back",
        {"topup": None, "reason": "cap", "message": "…", "cents": 2500, "currency": "usd", "next_attempt_at": AT},
    ),
    "auto_topup_paused": (
        "auto_topup.paused",
        {"reason": "declined", "message": "Your card was declined.", "failures": 3},
    ),
}
"""By kind of letter: an event as it is told."""


def tell(billing: Billing, *named: str | tuple[str, dict[str, Any]], customer: str = "team_42") -> list[str]:
    """Events in one transaction, by a kind of letter or as they are; their ids."""
    facts = [EVENTS[one] if isinstance(one, str) else one for one in named]
    with billing.database.write() as tx:
        before = _ids(tx)
        outbox.tell(tx, *((name, {"customer": customer, "unit": "credits"} | fact) for name, fact in facts))
        return sorted(_ids(tx) - before)


def _ids(tx: Tx) -> set[str]:
    return set(tx.connection.execute(outbox.outbox.select()).scalars())


def run(billing: Billing) -> None:
    """Both steps to their end."""
    while billing.spread_notices():
        pass
    while billing.deliver_notices():
        pass
