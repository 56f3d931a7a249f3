"""What one of something costs, where a price says that at all."""

from __future__ import annotations

from typing import Any

import pytest

from billing.stripe import answers

PRICE: dict[str, Any] = {
    "id": "price_1", "object": "price", "active": True, "currency": "usd", "unit_amount": 1_000, "lookup_key": None,
    "recurring": {"interval": "month", "interval_count": 1},
}  # fmt: skip


@pytest.mark.parametrize(
    ("more", "cents"),
    [
        ({}, 1_000),
        ({"unit_amount": None}, None),
        ({"transform_quantity": {"divide_by": 10, "round": "up"}}, None),  # ten of them cost it
    ],
)
def test_what_one_costs(more: dict[str, Any], cents: int | None) -> None:
    price = PRICE | more
    assert answers.price(price).cents == cents
    items = {"object": "list", "data": [{"id": "si_1", "object": "subscription_item", "price": price, "quantity": 25}]}
    told = {
        "id": "sub_1",
        "object": "subscription",
        "customer": "cus_1",
        "status": "active",
        "created": 1,
        "items": items,
    }
    assert answers.subscription(told).items[0].cents == cents


def test_a_pack_is_bought_one_at_a_time() -> None:
    assert (
        answers.price(PRICE | {"recurring": None, "transform_quantity": {"divide_by": 10, "round": "up"}}).cents
        == 1_000
    )
