"""Prorations: what of a period is not used is credited, what is left of it is charged, by the second."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal

from web.sandbox.resources import invoice_items, prices
from web.sandbox.resources.subscription_items import around
from web.sandbox.store import Object
from web.sandbox.work import Work


def share(amount: int, part: int, whole: int) -> int:
    """So much of an amount as the part is of the whole, a half away from zero."""
    return int((Decimal(amount) * part / whole).quantize(Decimal(1), rounding=ROUND_HALF_UP))


def credit(work: Work, subscription: Object, item: Object, at: int) -> Object | None:
    """Gives back what was billed for the time after `at`; nothing where nothing was billed for it.

    A flexible subscription's credit is a share of what was billed; a classic one's, of what the item costs now.
    """
    billed = subscription["_billed"].pop(item["id"], None)
    if billed is None:
        return None
    amount, start, end = billed["amount"], billed["start"], billed["end"]
    if subscription["billing_mode"]["type"] == "classic" and amount:
        start, end = around(subscription, item["price"], at)
        amount = prices.total(item["price"], item["quantity"])
    at = max(at, start)
    if at >= end:
        return None
    made = _item(work, subscription, item, -share(amount, end - at, end - start), (at, end), "Unused time on")
    if billed["invoice"] is not None:
        lines = {"invoice": billed["invoice"], "invoice_line_items": billed["lines"]}
        credited = {"invoice_item": None, "invoice_line_item_details": lines, "type": "invoice_line_items"}
    else:
        credited = {"invoice_item": billed["item"], "invoice_line_item_details": None, "type": "invoice_item"}
    made["proration_details"]["credited_items"] = credited
    return _kept(work, made)


def charge(work: Work, subscription: Object, item: Object, at: int, net: int) -> Object:
    """Bills what is left of an item's period after `at`; `net` is what the whole period costs."""
    start, end = item["current_period_start"], item["current_period_end"]
    whole_start, whole_end = around(subscription, item["price"], max(at, start))
    amount = share(net, end - max(at, start), whole_end - whole_start)
    made = _item(work, subscription, item, amount, (max(at, start), end), "Remaining time on")
    kept = _kept(work, made)
    subscription["_billed"][item["id"]] = {
        "amount": amount,
        "start": made["period"]["start"],
        "end": end,
        "invoice": None,
        "lines": [],
        "item": kept["id"],
    }
    return kept


def note_billed(subscription: Object, invoice: Object) -> None:
    """Remembers what an invoice's lines bill for each item's period: later credits are a share of it."""
    found: dict[str, Object] = {}
    for line in invoice["_lines"]:
        parent = line["parent"]["subscription_item_details"] or {}
        if parent.get("subscription") != subscription["id"]:
            continue
        net = line["amount"] - sum(one["amount"] for one in line["discount_amounts"])
        if parent["invoice_item"] is not None:
            for billed in subscription["_billed"].values():
                if billed["item"] == parent["invoice_item"]:
                    billed |= {"invoice": invoice["id"], "lines": [line["id"]]}
            continue
        span = {"start": line["period"]["start"], "end": line["period"]["end"], "invoice": invoice["id"], "item": None}
        billed = found.setdefault(parent["subscription_item"], {"amount": 0, "lines": [], **span})
        billed["amount"] += net
        billed["lines"].append(line["id"])
    subscription["_billed"] |= found


def _item(work: Work, subscription: Object, item: Object, amount: int, period: tuple[int, int], words: str) -> Object:
    price, quantity = item["price"], item["quantity"]
    product = work.find("product", price["product"])
    name = product["name"] if product else price["id"]
    day = datetime.fromtimestamp(period[0], UTC)
    counted = f"{quantity} × {name}" if quantity != 1 else name
    made = invoice_items.new(work, subscription["customer"], subscription["currency"], amount, quantity)
    return made | {
        "description": f"{words} {counted} after {day:%d %b %Y}",
        "discountable": False,
        "metadata": item["metadata"],
        "parent": {
            "subscription_details": {"subscription": subscription["id"], "subscription_item": item["id"]},
            "type": "subscription_details",
        },
        "period": {"end": period[1], "start": period[0]},
        "pricing": invoice_items.pricing(price) | {"unit_amount_decimal": None},
        "proration": True,
        "proration_details": {"credited_items": None, "discount_amounts": []},
    }


def _kept(work: Work, item: Object) -> Object:
    work.keep(item)
    work.emit("invoiceitem.created", item)
    return item
