from __future__ import annotations

import pytest

from billing.catalog.loading import parse
from billing.catalog.prices import owner_of
from billing.catalog.terms import Catalog

CATALOG = parse("""
[plans.pro]
name = "Pro"
credits = 5
prices = ["price_1", "pro_yearly"]
[packs.pro]
name = "Pro pack"
credits = 5
stripe_prices = ["price_2"]
""")


@pytest.mark.parametrize(
    ("price", "lookup_key", "owner"),
    [
        ("price_1", None, CATALOG.plans["pro"]),
        ("price_9", "pro_yearly", CATALOG.plans["pro"]),
        ("price_2", None, CATALOG.packs["pro"]),
        ("price_2", "pro_yearly", CATALOG.packs["pro"]),
        (None, "price_2", CATALOG.packs["pro"]),
        ("price_9", None, None),
        ("PRICE_1", "", None),
        (None, None, None),
    ],
)
def test_a_price_is_known_by_its_id_before_its_lookup_key(
    price: str | None, lookup_key: str | None, owner: object
) -> None:
    assert owner_of(CATALOG, price, lookup_key) is owner


def test_nothing_is_sold_without_a_catalog() -> None:
    assert owner_of(Catalog.DEFAULT, "price_1", "pro_yearly") is None
