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


def lookup_key(plan: str, currency: str) -> str:
    """By what the catalog knows a plan's price."""
    return f"{plan}_monthly_{currency}"


def story_catalog() -> Catalog:
    """What the story's customers bought."""
    return parse(catalog_text())


def catalog_text() -> str:
    """The file as it is written."""
    return resources.files("web.demo").joinpath("catalog.toml").read_text(encoding="utf-8")
