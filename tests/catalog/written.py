"""Catalogs as people write them, and what is said about them."""

from __future__ import annotations

import pytest

from billing.catalog.loading import CatalogInvalid, parse

EVERY_KEY = """\
[policy]
burn_down = ["expires_at", "priority", "id"]
overdraft = { limit = 100, debt = "carry" }

[units.tokens]
scale = 3

[plans.pro]
name = "Pro"
description = "For teams"
credits = 5000
unit = "tokens"
every = "year"
prices = ["price_1Pro", "pro_yearly"]
at_period_end = "keep"
grace = "2 hours"
late_grace = "3 days"
overdraft = "unlimited"
credit_share = "12.5%"
trial_credits = 30
on_upgrade = "next_period"

[packs.small]
name = "Small"
description = "For a rainy day"
credits = 1_000
unit = "tokens"
prices = { usd = 1000, eur = 900 }
stripe_prices = ["price_1Small"]
valid_for = "12 months"
"""


def errors(text: str) -> list[str]:
    with pytest.raises(CatalogInvalid) as caught:
        parse(text)
    return [str(error) for error in caught.value.errors]


def only_error(text: str) -> str:
    (found,) = errors(text)
    return found


def plan(**keys: str) -> str:
    table = {"name": '"Pro"', "credits": "5"} | keys
    return "[plans.pro]\n" + "".join(f"{key} = {value}\n" for key, value in table.items() if value)


def pack(**keys: str) -> str:
    return plan(**keys).replace("plans.pro", "packs.pro")
