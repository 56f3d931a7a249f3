"""Whole lives at Stripe, in chapters: what the customer does stands between them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from billing.catalog.loading import parse
from billing.testing import TestBilling

from .told import CUSTOMER, Life, World

START = datetime(2025, 4, 1, tzinfo=UTC)
BACK = "https://app.example.com/back"

CATALOG = parse("""
[plans.basic]
name = "Basic"
credits = 100
prices = ["basic"]

[plans.pro]
name = "Pro"
credits = 250
prices = ["pro"]

[plans.yearly]
name = "Yearly"
credits = 100
prices = ["yearly"]

[packs.small]
name = "Small"
credits = 100
prices = { usd = 1000 }
""")
PRICES = {
    "basic": (1_000, "usd", "month"),
    "pro": (2_000, "usd", "month"),
    "yearly": (10_000, "usd", "year"),
}


def subscribe(plan: str) -> tuple[str, object]:
    def act(world: World, billing: TestBilling) -> None:
        world.names["session"] = str(billing.subscribe(CUSTOMER, plan, key="subscribe", success_url=BACK).session)

    return "act", act


def top_up(pack: str) -> tuple[str, object]:
    def act(world: World, billing: TestBilling) -> None:
        world.names["session"] = str(billing.topup(CUSTOMER, pack, key="topup", success_url=BACK).session)

    return "act", act


def spend(credits: int) -> tuple[str, object]:
    def act(world: World, billing: TestBilling) -> None:
        billing.spend(CUSTOMER, credits, key=f"spend-{world.at.isoformat()}")

    return "act", act


def pays(world: World) -> None:
    paid = world.sandbox.pay(world.names["session"])
    world.names |= {name: paid[name] for name in ("subscription", "payment_intent") if paid.get(name)}


def renews(world: World) -> None:
    world.go(world.at + timedelta(days=31, hours=2))
