"""Products."""

from __future__ import annotations

from typing import Any

from web.sandbox.errors import Refused
from web.sandbox.params import merged
from web.sandbox.store import Object
from web.sandbox.work import Work

PLAIN = ("description", "statement_descriptor", "unit_label", "url")


def make(work: Work, given: dict[str, Any]) -> Object:
    product = work.new(
        "product",
        active=given.get("active", True),
        default_price=None,
        images=given.get("images", []),
        marketing_features=[],
        metadata=merged({}, given.get("metadata")),
        name=given["name"],
        package_dimensions=None,
        shippable=None,
        tax_code=None,
        type="service",
        updated=work.now,
        **{name: given.get(name) for name in PLAIN},
    )
    if given.get("id"):
        if work.rows.find(given["id"]):
            raise Refused("Product already exists.", code="resource_already_exists", param="id")
        product["id"] = given["id"]
    work.keep(product)
    work.emit("product.created", product)
    return product


def change(work: Work, product: Object, given: dict[str, Any]) -> Object:
    with work.changing(product, "product.updated"):
        for name in (*PLAIN, "active", "name", "images"):
            if name in given:
                product[name] = given[name]
        product["metadata"] = merged(product["metadata"], given.get("metadata"))
        if given.get("default_price"):
            price = work.named("price", given["default_price"], "default_price")
            if price["product"] != product["id"]:
                raise Refused("The default price must be a price of this product.", param="default_price")
            product["default_price"] = price["id"]
        product["updated"] = work.now
    return product
