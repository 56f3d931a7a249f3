"""What a Checkout session sells: its lines, what is taken off them, the tax on them, and what that makes together."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from web.sandbox import ids
from web.sandbox.errors import Refused, needed
from web.sandbox.money import least, money, odd
from web.sandbox.resources import prices
from web.sandbox.store import Object
from web.sandbox.work import Work

TAX_PERCENT = 20
"""The one pretended rate, wherever the buyer is."""


def total_up(session: Object) -> None:
    """All figures anew, from the lines' own amounts: after its discount, and with tax once it is known where."""
    lines = session["_items"]
    taxed = session["automatic_tax"]["status"] == "complete" and not session.get("_exempt")
    for line in lines:
        after = line["amount_subtotal"] - line["amount_discount"]
        tax, added = tax_on(after, line["price"]) if taxed else (0, 0)
        line |= {"amount_tax": tax, "amount_total": after + added}
    session["amount_subtotal"] = sum(line["amount_subtotal"] for line in lines)
    session["amount_total"] = sum(line["amount_total"] for line in lines)
    session["total_details"] = {
        "amount_discount": sum(line["amount_discount"] for line in lines),
        "amount_shipping": 0,
        "amount_tax": sum(line["amount_tax"] for line in lines),
    }


def judge(session: Object) -> None:
    """Refused where it is too little to be charged, or no amount of its currency."""
    total, currency = session["amount_total"], session["currency"]
    if session["mode"] == "payment" and 0 < total < least(currency):
        words = "The Checkout Session's total amount due must add up to at least"
        raise Refused(f"{words} {money(least(currency), currency)} {currency}", code="amount_too_small")
    if odd(total, currency):
        raise Refused(
            f"Amounts in {currency} must be divisible by 10: {total} is not.", code="parameter_invalid_integer"
        )


def tax_on(amount: int, price: Object) -> tuple[int, int]:
    """The tax in an amount, and how much of it comes on top: all of it, or nothing where the price includes it."""
    if price["tax_behavior"] == "inclusive":
        return amount - _rounded(Decimal(amount) * 100 / (100 + TAX_PERCENT)), 0
    tax = _rounded(Decimal(amount) * TAX_PERCENT / 100)
    return tax, tax


def _rounded(amount: Decimal) -> int:
    return int(amount.quantize(Decimal(1), rounding=ROUND_HALF_UP))


def make(work: Work, one: dict[str, Any], name: str) -> Object:
    if ("price" in one) == ("price_data" in one):
        raise (
            needed(f"{name}[price]")
            if "price" not in one
            else Refused("You may only specify one of these parameters: price, price_data.", param=f"{name}[price]")
        )
    if "price" in one:
        price = prices.sold(work, one["price"], f"{name}[price]")
    else:
        price = prices.make(work, one["price_data"], active=True, quiet=True)
    product, quantity = work.find("product", price["product"]), one.get("quantity", 1)
    amount = prices.total(price, quantity)
    return {
        "id": ids.new("item"),
        "object": "item",
        "adjustable_quantity": None,
        "amount_discount": 0,
        "amount_subtotal": amount,
        "amount_tax": 0,
        "amount_total": amount,
        "currency": price["currency"],
        "description": product and product["name"],
        "metadata": {},
        "price": price,
        "quantity": quantity,
    }
