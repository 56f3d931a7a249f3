"""What the story's customers can buy: the sample catalog, and what its plans cost at Stripe."""

from __future__ import annotations

from importlib import resources

from billing import Catalog
from billing.catalog.loading import parse

UNMAPPED = "team"
"""A plan that is sold at Stripe, and not in the catalog: its invoice waits."""

MONTHLY_CENTS = {
    "basic": {"usd": 1900, "eur": 1700},
    "pro": {"usd": 7900, "eur": 7300},
    "scale": {"usd": 24900, "eur": 23900},
    UNMAPPED: {"usd": 14900},
}
"""By plan and currency. What packs cost stands in the catalog."""

YEARLY_CENTS = {"pro_yearly": {"usd": 79000, "eur": 73000}}
"""Of plans that are paid a year ahead, and bring their credits month by month."""

CODES = {"WELCOME20": 20, "ONTHEHOUSE": 100}
"""Promotion codes that are taken at every Checkout, and how many percent they take off."""


def lookup_key(plan: str, currency: str) -> str:
    """By what the catalog knows a plan's price."""
    return f"{plan}_{currency}" if plan in YEARLY_CENTS else f"{plan}_monthly_{currency}"


def product_name(plan: str) -> str:
    """As a buyer reads it at Stripe."""
    return f"{plan.title()} plan, not in the catalog" if plan == UNMAPPED else f"{plan.partition('_')[0].title()} plan"


def story_catalog() -> Catalog:
    """What the story's customers bought."""
    return parse(catalog_text())


def catalog_text() -> str:
    """The file as it is written."""
    return resources.files("web.demo").joinpath("catalog.toml").read_text(encoding="utf-8")
