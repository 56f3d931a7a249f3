"""What the odd cases sell beside the others: seats by tiers, a pack with a price at Stripe, dinars."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from billing.catalog.loading import parse
from tests.cases import sold
from tests.cases.desk import Desk

_MORE = parse("""
[plans.seats]
name = "Seats"
credits = 10
prices = ["seats"]

[packs.listed]
name = "Listed"
credits = 40
stripe_prices = ["listed"]

[packs.small]
name = "Small"
credits = 100
prices = { usd = 1000, jpy = 1500, kwd = 3070 }
""")
CATALOG = replace(
    sold.CATALOG, plans={**sold.CATALOG.plans, **_MORE.plans}, packs={**sold.CATALOG.packs, **_MORE.packs}
)

TIERS = [
    {"up_to": 5, "unit_amount": 500},
    {"up_to": 10, "unit_amount": 400, "flat_amount": 1_000},
    {"up_to": "inf", "unit_amount": 300},
]
PRICES: dict[str, dict[str, Any]] = {
    "seats": {
        "billing_scheme": "tiered",
        "tiers_mode": "graduated",
        "tiers": TIERS,
        "recurring": {"interval": "month"},
    },
    "listed": {"unit_amount": 650},
}


def stock(desk: Desk) -> None:
    """Makes the prices that stand for them."""
    for key, told in PRICES.items():
        params: Any = {"product_data": {"name": key}, "currency": "usd", "lookup_key": key} | told
        desk.prices[key] = desk.v1.prices.create(params).id
    desk.news()
