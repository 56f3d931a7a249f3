"""Prices: one-time or recurring, per unit or in tiers."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from web.sandbox.errors import Refused, missing, needed
from web.sandbox.money import money
from web.sandbox.params import merged
from web.sandbox.resources import products
from web.sandbox.store import Object
from web.sandbox.work import Work


def make(work: Work, given: dict[str, Any], *, active: bool = True, quiet: bool = False) -> Object:
    """A price for a product that is named, or made with it. A quiet one tells nobody: made for one line."""
    tiers = _tiers(given)
    unit, exact = (None, None) if tiers else _unit(given)
    recurring = given.get("recurring")
    price = work.new(
        "price",
        active=given.get("active", active),
        billing_scheme="tiered" if tiers else "per_unit",
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
        tiers_mode=given.get("tiers_mode"),
        transform_quantity=None,
        type="recurring" if recurring else "one_time",
        unit_amount=unit,
        unit_amount_decimal=exact,
        _tiers=tiers,
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


@dataclass(frozen=True)
class Part:
    """What a line bills: so many units at this much each, or a flat amount."""

    quantity: int
    amount: int
    unit: str | None
    words: str


def total(price: Object, quantity: int) -> int:
    """Cents for so many units."""
    return sum(part.amount for part in parts(price, quantity))


def parts(price: Object, quantity: int) -> list[Part]:
    """What so many units are billed as: one line, or one for each tier they reach and each flat amount of it."""
    if not price.get("_tiers"):
        exact = price["unit_amount_decimal"]
        return [Part(quantity, _cents(Decimal(exact) * quantity), exact, f"at {_each(price)}")]
    found: list[Part] = []
    before = 0
    for number, tier in enumerate(price["_tiers"], 1):
        reached = quantity > before or not found
        last = tier["up_to"] is None or quantity <= tier["up_to"]
        graduated = price["tiers_mode"] == "graduated"
        if reached and (graduated or last):
            inside = min(quantity, tier["up_to"] or quantity) - before if graduated else quantity
            exact = tier["unit_amount_decimal"] or "0"
            words = f"Tier {number} at {_amount(price, exact)} / {_every(price)}"
            found.append(Part(inside, _cents(Decimal(exact) * inside), exact, words))
            if tier["flat_amount"]:
                flat = f"Tier {number} flat fee of {money(tier['flat_amount'], price['currency'])}"
                found.append(Part(0, tier["flat_amount"], None, flat))
        if last:
            break
        before = tier["up_to"]
    return found


def _cents(exact: Decimal) -> int:
    """A half rounded up."""
    return int(exact.quantize(Decimal(1), rounding=ROUND_HALF_UP))


def _each(price: Object) -> str:
    every = f" / {_every(price)}" if price["recurring"] else ""
    return _amount(price, price["unit_amount_decimal"]) + every


def _every(price: Object) -> str:
    recurring = price["recurring"] or {"interval": "unit", "interval_count": 1}
    count, interval = recurring["interval_count"], str(recurring["interval"])
    return interval if count == 1 else f"{count} {interval}s"


def _amount(price: Object, exact: str) -> str:
    if Decimal(exact) != int(Decimal(exact)):
        return f"{exact} hundredths of {price['currency']}"
    return money(int(Decimal(exact)), price["currency"])


def plan(price: Object) -> Object:
    """The price as the older plan object that a subscription's item still carries."""
    recurring = price["recurring"]
    return {
        "id": price["id"],
        "object": "plan",
        "active": price["active"],
        "amount": price["unit_amount"],
        "amount_decimal": price["unit_amount_decimal"],
        "billing_scheme": price["billing_scheme"],
        "created": price["created"],
        "currency": price["currency"],
        "interval": recurring["interval"],
        "interval_count": recurring["interval_count"],
        "livemode": False,
        "metadata": price["metadata"],
        "meter": None,
        "nickname": price["nickname"],
        "product": price["product"],
        "tiers_mode": price["tiers_mode"],
        "transform_usage": None,
        "trial_period_days": None,
        "usage_type": "licensed",
    }


def _tiers(given: dict[str, Any]) -> list[Object]:
    """Each with its end (`up_to`, none for the last), what a unit costs in it, and what it costs to be in it."""
    if given.get("billing_scheme") != "tiered":
        if "tiers" in given or "tiers_mode" in given:
            raise Refused("`tiers` are for `billing_scheme=tiered`.", param="tiers")
        return []
    if not given.get("tiers") or not given.get("tiers_mode"):
        raise needed("tiers" if given.get("tiers_mode") else "tiers_mode")
    tiers: list[Object] = []
    for tier in given["tiers"]:
        unit, exact = _unit(tier) if {"unit_amount", "unit_amount_decimal"} & set(tier) else (None, None)
        flat = tier.get("flat_amount")
        tiers.append(
            {
                "flat_amount": flat,
                "flat_amount_decimal": None if flat is None else str(flat),
                "unit_amount": unit,
                "unit_amount_decimal": exact,
                "up_to": None if tier["up_to"] == "inf" else tier["up_to"],
            }
        )
    ends = [tier["up_to"] for tier in tiers]
    if ends[-1] is not None or None in ends[:-1] or ends[:-1] != sorted(set(ends[:-1])):
        raise Refused("Tiers go up, each to more than the one before it; the last one is up to `inf`.", param="tiers")
    return tiers


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
