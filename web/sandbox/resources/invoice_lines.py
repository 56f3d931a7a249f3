"""The lines of invoices: for an item, for a period of a subscription, for a trial."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from web.sandbox import ids
from web.sandbox.resources import invoice_items, prices
from web.sandbox.store import Object
from web.sandbox.work import Work


def of_item(work: Work, invoice: Object, item: Object) -> Object:
    """A line for an invoice item. A proration is a subscription item's, and says which item it was made as."""
    own = invoice_items.subscription_of(item)
    details: Object = {
        "invoice_item": item["id"],
        "proration": item["proration"],
        "proration_details": {"credited_items": None},
        "subscription": own,
    }
    credited = (item.get("proration_details") or {}).get("credited_items")
    if credited is not None:
        details["proration_details"] = {"credited_items": _credited(work, credited)}
    if own is not None and item["parent"]["subscription_details"]["subscription_item"] is not None:
        details["subscription_item"] = item["parent"]["subscription_details"]["subscription_item"]
        parent = _parent("subscription_item_details", details)
    else:
        parent = _parent("invoice_item_details", details)
    line = _line(invoice, item["amount"], item["description"], item["pricing"], item["quantity"], parent)
    names = ("period", "metadata", "discountable")
    return line | {name: item[name] for name in names}


def of_period(work: Work, invoice: Object, subscription: Object, item: Object, start: int, end: int) -> list[Object]:
    """The lines for one period of a subscription's item: one, or one for each tier that it reaches."""
    price = item["price"]
    name = _product_name(work, price)
    lines = []
    for part in prices.parts(price, item["quantity"]):
        words = f"{part.quantity} × {name} ({part.words})"
        pricing = invoice_items.pricing(price) | {"unit_amount_decimal": part.unit}
        line = _line(invoice, part.amount, words, pricing, part.quantity, _of_subscription(subscription, item))
        lines.append(line | {"period": {"end": end, "start": start}, "metadata": item["metadata"]})
    return lines


def of_trial(work: Work, invoice: Object, subscription: Object, item: Object, start: int, end: int) -> Object:
    """A line of nothing for the time that is tried."""
    price, quantity = item["price"], item["quantity"]
    words = f"Trial period for {_product_name(work, price)}"
    pricing = invoice_items.pricing(price) | {"unit_amount_decimal": "0"}
    line = _line(invoice, 0, words, pricing, quantity, _of_subscription(subscription, item))
    return line | {"period": {"end": end, "start": start}, "metadata": item["metadata"]}


def of_stub(
    work: Work, invoice: Object, subscription: Object, item: Object, start: int, end: int, amount: int
) -> Object:
    """A line for the part of a period that comes before the anchor."""
    price, quantity = item["price"], item["quantity"]
    day = datetime.fromtimestamp(start, UTC)
    words = f"Remaining time on {_product_name(work, price)} after {day:%d %b %Y}"
    pricing = invoice_items.pricing(price) | {"unit_amount_decimal": None}
    parent = _of_subscription(subscription, item, proration=True)
    line = _line(invoice, amount, words, pricing, quantity, parent)
    return line | {"period": {"end": end, "start": start}, "metadata": item["metadata"]}


def _of_subscription(subscription: Object, item: Object, *, proration: bool = False) -> Object:
    details = {
        "invoice_item": None,
        "proration": proration,
        "proration_details": {"credited_items": None},
        "subscription": subscription["id"],
        "subscription_item": item["id"],
    }
    return _parent("subscription_item_details", details)


def _parent(kind: str, details: Object) -> Object:
    return {"invoice_item_details": None, "subscription_item_details": None, "type": kind, kind: details}


def _credited(work: Work, credited: Object) -> Object | None:
    """What a credit gives back, where that is a line of an invoice by now."""
    if credited["type"] == "invoice_line_items":
        found: Object = credited["invoice_line_item_details"]
        return found
    item = work.find("invoiceitem", credited["invoice_item"])
    invoice = work.find("invoice", item["invoice"]) if item is not None else None
    if invoice is None:
        return None
    lines = [line["id"] for line in invoice["_lines"] if _item_of(line) == credited["invoice_item"]]
    return {"invoice": invoice["id"], "invoice_line_items": lines} if lines else None


def _item_of(line: Object) -> str | None:
    parent: dict[str, Any] = line["parent"]
    found: str | None = parent[parent["type"]]["invoice_item"]
    return found


def _product_name(work: Work, price: Object) -> str:
    product = work.find("product", price["product"])
    return str(product["name"] if product else price["id"])


def _line(
    invoice: Object, amount: int, description: str | None, pricing: Object | None, quantity: int, parent: Object
) -> Object:
    return {
        "id": ids.new("line_item"),
        "object": "line_item",
        "amount": amount,
        "currency": invoice["currency"],
        "description": description,
        "discount_amounts": [],
        "discountable": True,
        "discounts": [],
        "invoice": invoice["id"],
        "livemode": False,
        "metadata": {},
        "parent": parent,
        "period": {"end": invoice["created"], "start": invoice["created"]},
        "pretax_credit_amounts": [],
        "pricing": pricing,
        "quantity": quantity,
        "quantity_decimal": str(quantity),
        "subtotal": amount,
        "taxes": [],
    }
