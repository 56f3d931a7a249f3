"""Invoice items: what the next invoice of a customer will carry, too."""

from __future__ import annotations

from typing import Any

from web.sandbox.errors import Refused, needed
from web.sandbox.params import merged
from web.sandbox.resources import prices
from web.sandbox.store import Object
from web.sandbox.work import Work


def make(work: Work, customer: Object, given: dict[str, Any], invoice: Object | None) -> Object:
    """Priced by a price, or by an amount: then a price is made for it alone, as Stripe does."""
    price, quantity = _price(work, given), given.get("quantity", 1)
    period = given.get("period") or {"start": work.now, "end": work.now}
    amount = prices.total(price, quantity)
    item = new(work, customer["id"], price["currency"], amount, quantity) | {
        "description": given.get("description") or _product_name(work, price),
        "discountable": given.get("discountable", True),
        "invoice": invoice["id"] if invoice else None,
        "metadata": merged({}, given.get("metadata")),
        "period": {"end": period["end"], "start": period["start"]},
        "pricing": pricing(price),
    }
    if given.get("subscription"):
        details = {"subscription": given["subscription"], "subscription_item": None}
        item["parent"] = {"subscription_details": details, "type": "subscription_details"}
    work.keep(item)
    work.emit("invoiceitem.created", item)
    return item


def change(work: Work, item: Object, given: dict[str, Any]) -> Object:
    for name in ("amount", "description", "discountable"):
        if name in given:
            item[name] = given[name]
    item |= {"net_amount": item["amount"], "metadata": merged(item["metadata"], given.get("metadata"))}
    return work.keep(item)


def new(work: Work, customer: str, currency: str, amount: int, quantity: int) -> Object:
    """An item that says no more than whom it bills and how much."""
    item = work.new(
        "invoiceitem",
        amount=amount,
        currency=currency,
        customer=customer,
        customer_account=None,
        date=work.now,
        description=None,
        discountable=True,
        discounts=[],
        invoice=None,
        metadata={},
        net_amount=amount,
        parent=None,
        period={"end": work.now, "start": work.now},
        pricing=None,
        proration=False,
        quantity=quantity,
        quantity_decimal=str(quantity),
        tax_rates=[],
        test_clock=None,
    )
    del item["created"]
    return item


def pending(work: Work, customer: Object, currency: str | None = None, subscription: str | None = None) -> list[Object]:
    """Those that wait for an invoice, in the order they were made: the customer's, and this subscription's own."""
    waiting = work.rows.select("invoiceitem", customer=customer["id"], invoice=None)
    return [
        item
        for item in reversed(waiting)
        if currency in (None, item["currency"]) and subscription_of(item) in (None, subscription)
    ]


def subscription_of(item: Object) -> str | None:
    """The subscription it belongs to; none, and the next invoice takes it."""
    parent = item["parent"]
    return parent["subscription_details"]["subscription"] if parent else None


def pricing(price: Object) -> Object:
    """How a line says what it was priced by."""
    return {
        "price_details": {"price": price["id"], "product": price["product"]},
        "type": "price_details",
        "unit_amount_decimal": price["unit_amount_decimal"],
    }


def _price(work: Work, given: dict[str, Any]) -> Object:
    named = (given.get("pricing") or {}).get("price")
    ways = [name for name in ("amount", "price_data") if name in given] + (["pricing"] if named else [])
    if len(ways) > 1:
        raise Refused(f"You may only specify one of these parameters: {', '.join(ways)}.", param=ways[1])
    if named:
        price = prices.sold(work, named, "pricing[price]")
        if price["type"] != "one_time":
            words = "The price specified is set to `type=recurring` but this field only accepts `type=one_time`."
            raise Refused(words, param="pricing[price]")
        return price
    if "price_data" in given:
        return prices.make(work, given["price_data"], active=False, quiet=True)
    if "amount" not in given:
        raise needed("amount")
    if "currency" not in given:
        raise needed("currency")
    name = given.get("description") or "Invoice item"
    unit = {"currency": given["currency"], "unit_amount": given["amount"], "product_data": {"name": name}}
    return prices.make(work, unit, active=False, quiet=True)


def _product_name(work: Work, price: Object) -> str | None:
    product = work.find("product", price["product"])
    return None if product is None else str(product["name"])
