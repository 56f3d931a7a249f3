"""Credits bought in any number: what so many cost, and what a large purchase brings on top. Whole numbers only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from billing.rules.money import step


@dataclass(frozen=True, slots=True)
class Bonus:
    """Who buys `least` credits or more gets `percent` of them on top, rounded down, and `credits`."""

    least: int
    percent: int = 0
    credits: int = 0


def cost_cents(credits: int, cents: int, per: int, currency: str) -> int:
    """What so many credits cost at `cents` for `per` of them: rounded up to what Stripe can charge in the currency."""
    charged = step(currency)
    return -(-credits * cents // (per * charged)) * charged


def bonus_credits(credits: int, tiers: Sequence[Bonus]) -> int:
    """What comes on top: by the highest tier that the purchase reaches, for all of it."""
    reached = [tier for tier in tiers if credits >= tier.least]
    if not reached:
        return 0
    tier = max(reached, key=lambda one: one.least)
    return credits * tier.percent // 100 + tier.credits
