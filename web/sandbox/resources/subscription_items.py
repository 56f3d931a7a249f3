"""A subscription's items: which price, how many, and the period that runs."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from web.sandbox import ids, periods
from web.sandbox.errors import Refused, missing, needed
from web.sandbox.params import merged
from web.sandbox.resources import prices
from web.sandbox.store import Object
from web.sandbox.work import Work

MOST = 20


@dataclass(frozen=True)
class Wanted:
    """One item of a subscription that is to be."""

    price: Object
    quantity: int = 1
    metadata: dict[str, str] = field(default_factory=dict)


def first(work: Work, subscription: Object, wanted: list[Wanted], end: int | None = None) -> Object:
    """The items of a new subscription; their period begins now and ends as their price says, or at `end`."""
    items = [_item(work, subscription, one, work.now, end) for one in wanted]
    url = f"/v1/subscription_items?subscription={subscription['id']}"
    return {"object": "list", "data": items, "has_more": False, "total_count": len(items), "url": url}


def changed(work: Work, subscription: Object, given: list[dict[str, Any]]) -> list[Object]:
    """The items after a change: each entry names one of them (`id`) and what becomes of it, or a new price."""
    items = [json.loads(json.dumps(item)) for item in subscription["items"]["data"]]
    for number, one in enumerate(given):
        param = f"items[{number}]"
        if one.get("id") is None:
            if one.get("price") is None:
                raise needed(f"{param}[price]")
            new = Wanted(prices.sold(work, one["price"], f"{param}[price]"), one.get("quantity", 1))
            start, end = period(subscription)
            items.append(_item(work, subscription, new, start, end) | {"metadata": merged({}, one.get("metadata"))})
            continue
        item = next((item for item in items if item["id"] == one["id"]), None)
        if item is None:
            raise missing("subscription item", one["id"], f"{param}[id]")
        if one.get("deleted"):
            items.remove(item)
            continue
        if one.get("price") is not None:
            price = prices.sold(work, one["price"], f"{param}[price]")
            item |= {
                "price": price,
                "plan": prices.plan(price),
                "quantity": 1 if item["quantity"] is None else item["quantity"],
            }
        if "quantity" in one:
            item["quantity"] = one["quantity"]
        item["metadata"] = merged(item["metadata"], one.get("metadata"))
    if not items:
        raise Refused("A subscription must have at least one active plan. Cancel it instead.", param="items")
    if len({item["price"]["id"] for item in items}) < len(items):
        raise Refused("Subscription items must have different prices: two of them would have the same.", param="items")
    check([item["price"] for item in items])
    if items[0]["price"]["currency"] != subscription["currency"]:
        raise Refused("The price's currency is not the subscription's.", param="items")
    return items


def check(wanted: list[Object]) -> None:
    for number, price in enumerate(wanted):
        if price["recurring"] is None:
            words = "The price specified is set to `type=one_time` but this field only accepts `type=recurring`."
            raise Refused(words, param=f"items[{number}][price]")
    if len({price["currency"] for price in wanted}) > 1:
        raise Refused("All prices on a subscription must have the same currency.", param="items")
    if len({interval(price) for price in wanted}) > 1:
        raise Refused("The sandbox wants all prices of a subscription to have the same interval.", param="items")


def interval(price: Object) -> tuple[str, int]:
    recurring = price["recurring"]
    return recurring["interval"], recurring["interval_count"]


def period(subscription: Object) -> tuple[int, int]:
    """The running period of all its items, which have one."""
    item = subscription["items"]["data"][0]
    return item["current_period_start"], item["current_period_end"]


def begin_period(subscription: Object, start: int, end: int | None = None) -> None:
    """The next period of every item begins; it ends where the anchor has its price end, or at `end`."""
    for item in subscription["items"]["data"]:
        until = end or _end(subscription, item["price"], start)
        item |= {"current_period_start": start, "current_period_end": until}


def around(subscription: Object, price: Object, at: int) -> tuple[int, int]:
    """The period of a price that an instant is in, counted from the subscription's anchor."""
    anchor, (every, count) = subscription["billing_cycle_anchor"], interval(price)
    end = periods.next_end(anchor, every, count, at)
    number = 0
    while periods.after(anchor, every, count, number) < end:
        number += 1
    return periods.after(anchor, every, count, number - 1), end


def same(one: Object, other: Object) -> bool:
    """Whether two states of an item cost the same."""
    return bool(one["price"]["id"] == other["price"]["id"] and one["quantity"] == other["quantity"])


def _item(work: Work, subscription: Object, wanted: Wanted, start: int, end: int | None) -> Object:
    return {
        "id": ids.new("subscription_item"),
        "object": "subscription_item",
        "billing_thresholds": None,
        "created": work.now,
        "current_period_end": end or _end(subscription, wanted.price, start),
        "current_period_start": start,
        "discounts": [],
        "metadata": wanted.metadata,
        "plan": prices.plan(wanted.price),
        "price": wanted.price,
        "quantity": wanted.quantity,
        "subscription": subscription["id"],
        "tax_rates": [],
    }


def _end(subscription: Object, price: Object, start: int) -> int:
    return periods.next_end(subscription["billing_cycle_anchor"], *interval(price), start)
