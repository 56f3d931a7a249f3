"""Prices: one-time or recurring, per unit."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from web.sandbox.errors import Refused, missing, needed
from web.sandbox.params import merged
from web.sandbox.resources import products
from web.sandbox.store import Object
from web.sandbox.work import Work


def make(work: Work, given: dict[str, Any], *, active: bool = True, quiet: bool = False) -> Object:
    """A price for a product that is named, or made with it. A quiet one tells nobody: made for one line."""
    unit, exact = _unit(given)
    recurring = given.get("recurring")
    price = work.new(
        "price",
        active=given.get("active", active),
        billing_scheme="per_unit",
        currency=given["currency"],
        custom_unit_amount=None,
        lookup_key=None,
        metadata=merged({}, given.get("metadata")),
        nickname=given.get("nickname"),
        product=_product(work, given, quiet=quiet),
        recurring=recurring
        and {
            "interval": recurring["interval"],
            "interval_count": recurring.get("interval_count", 1),
            "meter": None,
            "trial_period_days": None,
            "usage_type": "licensed",
        },
        tax_behavior=given.get("tax_behavior") or "unspecified",
        tiers_mode=None,
        transform_quantity=None,
        type="recurring" if recurring else "one_time",
        unit_amount=unit,
        unit_amount_decimal=exact,
    )
    if given.get("lookup_key"):
        _take_lookup_key(work, price, given["lookup_key"], transfer=given.get("transfer_lookup_key", False))
    work.keep(price)
    if not quiet:
        work.emit("price.created", price)
    return price


def change(work: Work, price: Object, given: dict[str, Any]) -> Object:
    with work.changing(price, "price.updated"):
        for name in ("active", "nickname", "tax_behavior"):
            if name in given:
                price[name] = given[name]
        price["metadata"] = merged(price["metadata"], given.get("metadata"))
        if "lookup_key" in given:
            if given["lookup_key"] is None:
                price["lookup_key"] = None
            else:
                _take_lookup_key(work, price, given["lookup_key"], transfer=given.get("transfer_lookup_key", False))
    return price


def sold(work: Work, id: str, param: str) -> Object:
    """A price that a purchase names; refused where there is none, or none any more."""
    price = work.find("price", id)
    if price is None:
        raise missing("price", id, param)
    if not price["active"]:
        words = f"The price specified is inactive. This field only accepts active prices: {id}."
        raise Refused(words, param=param)
    return price


def total(price: Object, quantity: int) -> int:
    """Cents for so many units, a half rounded up."""
    exact = Decimal(price["unit_amount_decimal"]) * quantity
    return int(exact.quantize(Decimal(1), rounding=ROUND_HALF_UP))


def plan(price: Object) -> Object:
    """The price as the older plan object that a subscription's item still carries."""
    recurring = price["recurring"]
    return {
        "id": price["id"],
        "object": "plan",
        "active": price["active"],
        "amount": price["unit_amount"],
        "amount_decimal": price["unit_amount_decimal"],
        "billing_scheme": "per_unit",
        "created": price["created"],
        "currency": price["currency"],
        "interval": recurring["interval"],
        "interval_count": recurring["interval_count"],
        "livemode": False,
        "metadata": price["metadata"],
        "meter": None,
        "nickname": price["nickname"],
        "product": price["product"],
        "tiers_mode": None,
        "transform_usage": None,
        "trial_period_days": None,
        "usage_type": "licensed",
    }


def _unit(given: dict[str, Any]) -> tuple[int | None, str]:
    if ("unit_amount" in given) == ("unit_amount_decimal" in given):
        if "unit_amount" not in given:
            raise needed("unit_amount")
        words = "You may only specify one of these parameters: unit_amount, unit_amount_decimal."
        raise Refused(words, param="unit_amount")
    exact = Decimal(given["unit_amount_decimal"] if "unit_amount" not in given else given["unit_amount"])
    whole = exact == exact.to_integral_value()
    return (int(exact), str(int(exact))) if whole else (None, f"{exact.normalize():f}")


def _product(work: Work, given: dict[str, Any], *, quiet: bool) -> str:
    if given.get("product"):
        return str(work.named("product", given["product"], "product")["id"])
    if not given.get("product_data"):
        raise needed("product")
    if not quiet:
        return str(products.make(work, given["product_data"])["id"])
    return str(products.make(work, {"active": False, **given["product_data"]})["id"])


def _take_lookup_key(work: Work, price: Object, key: str, *, transfer: bool) -> None:
    for other in work.rows.select("price", lookup_key=key):
        if other["id"] == price["id"]:
            continue
        if not transfer:
            words = (
                f"A price (`{other['id']}`) already uses that lookup key. Pass `transfer_lookup_key=true` to move it."
            )
            raise Refused(words, param="lookup_key")
        with work.changing(other, "price.updated"):
            other["lookup_key"] = None
    price["lookup_key"] = key
