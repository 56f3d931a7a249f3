"""/v1/products and /v1/prices."""

from __future__ import annotations

from web.sandbox.api.operation import Asked, Operation, matching, paged, takes
from web.sandbox.params import (
    PAGE,
    SPAN,
    Currency,
    Fields,
    Kind,
    Labels,
    Number,
    OneOf,
    Several,
    Text,
    Whole,
    Word,
    YesNo,
)
from web.sandbox.resources import prices, products
from web.sandbox.store import Object
from web.sandbox.work import shown

_EVERY: dict[str, Kind] = {"interval": OneOf("day", "month", "week", "year"), "interval_count": Whole(1, 36)}
RECURRING = Fields(_EVERY, ["interval"])
PRODUCT_DATA = Fields(
    {"name": Text(), "description": Text(), "metadata": Labels(), "images": Several(Text()), "unit_label": Text()},
    ["name"],
)
UNIT: dict[str, Kind] = {"unit_amount": Whole(0, 99_999_999), "unit_amount_decimal": Number()}
TAX_BEHAVIOR = OneOf("exclusive", "inclusive", "unspecified")

_PRODUCT: dict[str, Kind] = {
    **{name: Text() for name in products.PLAIN},
    "active": YesNo(),
    "images": Several(Text(), 8),
    "metadata": Labels(),
    "name": Text(),
}
_PRICE: dict[str, Kind] = {
    "active": YesNo(),
    "lookup_key": Text(),
    "metadata": Labels(),
    "nickname": Text(),
    "tax_behavior": TAX_BEHAVIOR,
    "transfer_lookup_key": YesNo(),
}
_NEW_PRICE: dict[str, Kind] = {
    **_PRICE,
    **UNIT,
    "billing_scheme": OneOf("per_unit", "tiered"),
    "currency": Currency(),
    "product": Text(),
    "product_data": Fields(
        {"id": Text(), "active": YesNo(), "metadata": Labels(), "name": Text(), "unit_label": Text()}, ["name"]
    ),
    "tiers": Several(Fields({**UNIT, "flat_amount": Whole(0), "up_to": Word(("inf",), Whole(1))}, ["up_to"])),
    "tiers_mode": OneOf("graduated", "volume"),
    "recurring": Fields({**_EVERY, "usage_type": OneOf("licensed")}, ["interval"]),
}


def _create_product(asked: Asked) -> Object:
    return shown(products.make(asked.work, asked.params))


def _retrieve_product(asked: Asked) -> Object:
    return shown(asked.work.addressed("product", asked.id))


def _update_product(asked: Asked) -> Object:
    return shown(products.change(asked.work, asked.work.addressed("product", asked.id), asked.params))


def _list_products(asked: Asked) -> Object:
    found = matching(asked, "product", "active")
    wanted = asked.params.get("ids")
    return paged(asked, "/v1/products", [one for one in found if not wanted or one["id"] in wanted], "product")


def _create_price(asked: Asked) -> Object:
    return shown(prices.make(asked.work, asked.params))


def _retrieve_price(asked: Asked) -> Object:
    return shown(asked.work.addressed("price", asked.id))


def _update_price(asked: Asked) -> Object:
    return shown(prices.change(asked.work, asked.work.addressed("price", asked.id), asked.params))


def _list_prices(asked: Asked) -> Object:
    found = matching(asked, "price", "active", "currency", "product", "type")
    keys = asked.params.get("lookup_keys")
    return paged(asked, "/v1/prices", [one for one in found if not keys or one["lookup_key"] in keys], "price")


OPERATIONS = (
    Operation("POST", "/v1/products", _create_product, takes(_PRODUCT | {"id": Text()}, "name")),
    Operation(
        "GET",
        "/v1/products",
        _list_products,
        Fields({**PAGE, "active": YesNo(), "created": SPAN, "ids": Several(Text())}),
    ),
    Operation("GET", "/v1/products/{id}", _retrieve_product),
    Operation("POST", "/v1/products/{id}", _update_product, takes(_PRODUCT | {"default_price": Text()})),
    Operation("POST", "/v1/prices", _create_price, takes(_NEW_PRICE, "currency")),
    Operation(
        "GET",
        "/v1/prices",
        _list_prices,
        Fields(
            {
                **PAGE,
                "active": YesNo(),
                "created": SPAN,
                "currency": Currency(),
                "lookup_keys": Several(Text(), 10),
                "product": Text(),
                "type": OneOf("one_time", "recurring"),
            }
        ),
    ),
    Operation("GET", "/v1/prices/{price}", _retrieve_price),
    Operation("POST", "/v1/prices/{price}", _update_price, takes(_PRICE)),
)
