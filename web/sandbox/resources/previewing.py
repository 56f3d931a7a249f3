"""What an invoice would be: made, looked at, and undone."""

from __future__ import annotations

import json
from typing import Any

from web.sandbox.errors import needed
from web.sandbox.resources import changing, customers, discounts, endings, invoices, prices, subscription_invoices
from web.sandbox.resources import subscription_items as items
from web.sandbox.resources import subscriptions as subs
from web.sandbox.store import Object
from web.sandbox.work import Work, shown


def preview(work: Work, given: dict[str, Any]) -> Object:
    """The next invoice of a subscription, as it is or after a change; the first one of a new one."""
    told = len(work.events)
    with work.rows.undone():
        invoice = _made(work, given)
        customer = work.find("customer", invoice["customer"])
        assert customer is not None
        due, ending = invoices.reckoned(invoice, customer["balance"])
        invoice |= {"amount_due": due, "amount_remaining": due, "starting_balance": customer["balance"]}
        invoice |= {"ending_balance": ending, "auto_advance": False, "automatically_finalizes_at": None}
        copy: Object = json.loads(json.dumps(shown(invoice)).replace(invoice["id"], f"upcoming_{invoice['id']}"))
    del work.events[told:]
    return copy


def _made(work: Work, given: dict[str, Any]) -> Object:
    details = given.get("subscription_details") or {}
    if not given.get("subscription"):
        return _of_a_new_one(work, given, details)
    subscription = work.named("subscription", given["subscription"], "subscription")
    if given.get("discounts"):
        had = {"customer": subscription["customer"], "currency": subscription["currency"]}
        subscription["discounts"] = discounts.give(work, given["discounts"], **had)
    if details.get("cancel_now"):
        return endings.cancellation(work, subscription)
    change = changing.Change.of(work, details)
    if change.does_something:
        invoice = changing.alter(work, subscription, change)
        if invoice is not None:
            return invoice
    start, end = items.period(subscription)
    items.begin_period(subscription, end)
    subscription["trial_end"] = None
    return subscription_invoices.draft(work, subscription, "upcoming", period_start=start, period_end=end)


def _of_a_new_one(work: Work, given: dict[str, Any], details: dict[str, Any]) -> Object:
    if not given.get("customer"):
        raise needed("customer")
    customer = customers.living(work, given["customer"])
    wanted = [
        items.Wanted(prices.sold(work, one.get("price") or "", f"items[{number}][price]"), one.get("quantity", 1))
        for number, one in enumerate(details.get("items") or [])
    ]
    if not wanted:
        raise needed("subscription_details[items]")
    had = {"customer": str(customer["id"]), "currency": str(wanted[0].price["currency"])}
    begins = subs.begins(work, {"trial_end": details.get("trial_end")})
    subscription = subs.make(
        work,
        customer,
        wanted,
        lambda id: discounts.give(work, given.get("discounts"), subscription=id, **had),
        **begins,
    )
    return subscription_invoices.draft(work, subscription, "subscription_create")
