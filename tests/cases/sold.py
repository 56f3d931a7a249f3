"""What is sold in the cases, and the prices that stand for it at Stripe."""

from __future__ import annotations

from billing.catalog.loading import parse

WRITTEN = """
[plans.basic]
name = "Basic"
credits = 100
prices = ["basic", "basic_yearly", "basic_eur", "basic_jpy"]

[plans.pro]
name = "Pro"
credits = 250
prices = ["pro", "pro_yearly"]

[plans.try]
name = "Try"
credits = 100
prices = ["try"]
trial_credits = 30

[plans.extra]
name = "Extra"
credits = 40
prices = ["extra"]

[plans.free]
name = "Free"
credits = 10

[packs.small]
name = "Small"
credits = 100
prices = { usd = 1000, eur = 900, jpy = 1500 }

[packs.month]
name = "Month"
credits = 50
prices = { usd = 600 }
valid_for = "30 days"
"""
CATALOG = parse(WRITTEN)

PRICES: dict[str, tuple[int, str, str | None]] = {
    "basic": (1_000, "usd", "month"),
    "basic_yearly": (10_000, "usd", "year"),
    "basic_eur": (900, "eur", "month"),
    "basic_jpy": (1_500, "jpy", "month"),
    "pro": (2_000, "usd", "month"),
    "pro_yearly": (20_000, "usd", "year"),
    "try": (1_000, "usd", "month"),
    "extra": (500, "usd", "month"),
    "support": (300, "usd", "month"),
}
"""By lookup key: cents, currency, interval. `support` brings no credits: the catalog does not know it."""
