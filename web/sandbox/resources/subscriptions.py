"""Subscriptions: what is sold by the period. Their invoices and money stand in `collecting`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from web.sandbox import ids, periods
from web.sandbox.errors import Refused
from web.sandbox.params import merged
from web.sandbox.resources import prices
from web.sandbox.store import Object
from web.sandbox.work import Work

ENDED = ("canceled", "incomplete_expired")


@dataclass(frozen=True)
class Wanted:
    """One item of a subscription that is to be."""

    price: Object
    quantity: int = 1
    metadata: dict[str, str] = field(default_factory=dict)


def make(work: Work, customer: Object, wanted: list[Wanted], **fields: Any) -> Object:
    """Not paid yet, and not kept. The caller collects its first invoice."""
    _check(wanted)
    subscription = work.new(
        "subscription",
        application=None,
        application_fee_percent=None,
        automatic_tax={"disabled_reason": None, "enabled": False, "liability": None},
        billing_cycle_anchor=work.now,
        billing_cycle_anchor_config=None,
        billing_mode={
            "flexible": {"proration_discounts": "included"},
            "type": "flexible",
            "updated_at": work.now,
        },
        billing_schedules=[],
        billing_thresholds=None,
        cancel_at=None,
        cancel_at_period_end=False,
        canceled_at=None,
        cancellation_details={"comment": None, "feedback": None, "reason": None},
        collection_method="charge_automatically",
        currency=wanted[0].price["currency"],
        customer=customer["id"],
        customer_account=None,
        days_until_due=None,
        default_payment_method=None,
        default_source=None,
        default_tax_rates=[],
        description=None,
        discounts=[],
        ended_at=None,
        invoice_settings={"account_tax_ids": None, "issuer": {"type": "self"}},
        latest_invoice=None,
        metadata={},
        next_pending_invoice_item_invoice=None,
        on_behalf_of=None,
        pause_collection=None,
        payment_settings={
            "payment_method_options": None,
            "payment_method_types": None,
            "save_default_payment_method": "off",
        },
        pending_invoice_item_interval=None,
        pending_setup_intent=None,
        pending_update=None,
        schedule=None,
        start_date=work.now,
        status="incomplete",
        test_clock=None,
        transfer_data=None,
        trial_end=None,
        trial_settings={"end_behavior": {"missing_payment_method": "create_invoice"}},
        trial_start=None,
    )
    subscription |= fields
    subscription["items"] = _items(work, subscription, wanted)
    return subscription


def period(subscription: Object) -> tuple[int, int]:
    """The running period of all its items, which have one."""
    item = subscription["items"]["data"][0]
    return item["current_period_start"], item["current_period_end"]


def begin_period(subscription: Object, start: int) -> None:
    """The next period of every item begins."""
    for item in subscription["items"]["data"]:
        item |= {"current_period_start": start, "current_period_end": _end(subscription, item["price"], start)}


def end(work: Work, subscription: Object, reason: str | None, status: str = "canceled") -> None:
    """Over now. What was to become due no longer does."""
    for what in ("renew", "cancel", "expire_incomplete"):
        work.rows.unschedule(what, subscription["id"])
    with work.changing(subscription):
        subscription |= {"status": status, "ended_at": work.now}
        subscription["canceled_at"] = subscription["canceled_at"] or work.now
        if reason is not None:
            subscription["cancellation_details"]["reason"] = reason
    if status == "canceled":
        work.emit("customer.subscription.deleted", subscription)
    else:
        work.emit("customer.subscription.updated", subscription, {"ended_at": None, "status": "incomplete"})


def change(work: Work, subscription: Object, given: dict[str, Any]) -> None:
    """Metadata, card, and whether and when it ends."""
    if subscription["status"] in ENDED and set(given) - {"metadata", "cancellation_details"}:
        raise Refused("A canceled subscription can only update its cancellation_details and metadata.")
    with work.changing(subscription, "customer.subscription.updated"):
        subscription["metadata"] = merged(subscription["metadata"], given.get("metadata"))
        for name in ("description", "default_payment_method"):
            if name in given:
                subscription[name] = given[name]
        subscription["cancellation_details"] |= given.get("cancellation_details") or {}
        if "cancel_at_period_end" in given:
            at_end = given["cancel_at_period_end"]
            _cancel_at(work, subscription, period(subscription)[1] if at_end else None, at_end=at_end)
        elif "cancel_at" in given:
            _cancel_at(work, subscription, given["cancel_at"], at_end=False)


def _cancel_at(work: Work, subscription: Object, at: int | None, *, at_end: bool) -> None:
    subscription |= {"cancel_at": at, "cancel_at_period_end": at_end, "canceled_at": None if at is None else work.now}
    subscription["cancellation_details"]["reason"] = None if at is None else "cancellation_requested"
    if at is None:
        work.rows.unschedule("cancel", subscription["id"])
    else:
        work.rows.schedule(at, "cancel", subscription["id"])


def _check(wanted: list[Wanted]) -> None:
    for number, one in enumerate(wanted):
        if one.price["recurring"] is None:
            words = "The price specified is set to `type=one_time` but this field only accepts `type=recurring`."
            raise Refused(words, param=f"items[{number}][price]")
    if len({one.price["currency"] for one in wanted}) > 1:
        raise Refused("All prices on a subscription must have the same currency.", param="items")
    if len({(one.price["recurring"]["interval"], one.price["recurring"]["interval_count"]) for one in wanted}) > 1:
        raise Refused("The sandbox wants all prices of a subscription to have the same interval.", param="items")


def _items(work: Work, subscription: Object, wanted: list[Wanted]) -> Object:
    items = [
        {
            "id": ids.new("subscription_item"),
            "object": "subscription_item",
            "billing_thresholds": None,
            "created": work.now,
            "current_period_end": _end(subscription, one.price, work.now),
            "current_period_start": work.now,
            "discounts": [],
            "metadata": one.metadata,
            "plan": prices.plan(one.price),
            "price": one.price,
            "quantity": one.quantity,
            "subscription": subscription["id"],
            "tax_rates": [],
        }
        for one in wanted
    ]
    url = f"/v1/subscription_items?subscription={subscription['id']}"
    return {"object": "list", "data": items, "has_more": False, "total_count": len(items), "url": url}


def _end(subscription: Object, price: Object, start: int) -> int:
    recurring = price["recurring"]
    anchor = subscription["billing_cycle_anchor"]
    return periods.next_end(anchor, recurring["interval"], recurring["interval_count"], start)
