"""What becomes of a subscription when its items, its anchor or its trial change: prorations, and perhaps an invoice."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from web.sandbox.errors import Refused
from web.sandbox.resources import collecting, discounts, invoices, pending_updates, prorations, subscription_invoices
from web.sandbox.resources import subscription_items as items
from web.sandbox.resources import subscriptions as subs
from web.sandbox.resources.cards import Decline
from web.sandbox.store import Object
from web.sandbox.work import Work

PENDING_FOR = int(timedelta(hours=23).total_seconds())


@dataclass(frozen=True)
class Change:
    """What an update asks for. `items` as they are given, `anchor_now` to begin a period anew, a trial's end."""

    items: list[dict[str, Any]] | None = None
    proration: str = "create_prorations"
    at: int | None = None
    anchor_now: bool = False
    trial_end: int | None = None
    payment: str = "allow_incomplete"

    @classmethod
    def of(cls, work: Work, given: dict[str, Any]) -> Change:
        """What an update, or the preview of one, says of items and periods."""
        trial_end = given.get("trial_end")
        return cls(
            items=given.get("items"),
            proration=given.get("proration_behavior", "create_prorations"),
            at=given.get("proration_date"),
            anchor_now=(given.get("billing_cycle_anchor") or {}).get("type") == "now",
            trial_end=work.now if trial_end == "now" else trial_end,
            payment=given.get("payment_behavior", "allow_incomplete"),
        )

    @property
    def does_something(self) -> bool:
        return bool(self.items) or self.anchor_now or self.trial_end is not None


def apply(work: Work, subscription: Object, change: Change) -> None:
    """Does it, tells of it, and collects what has to be paid for it now."""
    if subscription["status"] in ("incomplete", "paused"):
        raise Refused(f"A subscription that is {subscription['status']} can't change its items.")
    if subscription["pending_update"] is not None:
        pending_updates.withdraw(work, subscription)
    if change.payment == "pending_if_incomplete":
        _try(work, subscription, change)
        return
    with work.changing(subscription, "customer.subscription.updated"):
        invoice = alter(work, subscription, change)
    if invoice is None:
        return
    decline = _collect(work, invoice, charge=change.payment != "default_incomplete")
    if decline is not None and change.payment == "error_if_incomplete":
        raise Refused(decline.message, status=402, kind="card_error", code=decline.code)
    if change.payment == "default_incomplete" and invoice["status"] == "open":
        with work.changing(subscription, "customer.subscription.updated"):
            subscription["status"] = "past_due"


def _try(work: Work, subscription: Object, change: Change) -> None:
    """Alters it only if what it costs is paid; else the change waits for the payment, 23 hours."""
    names = ("items", "billing_cycle_anchor", "trial_start", "trial_end", "status", "_billed")
    before = json.loads(json.dumps({name: subscription.get(name) for name in names}))
    invoice = alter(work, subscription, change)
    after = json.loads(json.dumps({name: subscription.get(name) for name in names}))
    subscription |= before
    if invoice is None:
        with work.changing(subscription, "customer.subscription.updated"):
            subscription |= after
            pending_updates.schedule(work, subscription)
        return
    subscription["_pending"] = {"invoice": invoice["id"], "after": after}
    invoices.finalize(work, invoice)
    decline = collecting.attempt(work, invoice, collecting.instrument(work, invoice))
    if decline is None:
        return
    pending_updates.schedule(work, subscription)
    expires_at = work.now + PENDING_FOR
    with work.changing(subscription, "customer.subscription.updated"):
        subscription["pending_update"] = {
            "billing_cycle_anchor": after["billing_cycle_anchor"] if change.anchor_now else None,
            "cancel_at_period_end": None,
            "discounts": None,
            "expires_at": expires_at,
            "metadata": None,
            "subscription_items": after["items"]["data"],
            "trial_end": None,
            "trial_from_plan": None,
        }
    work.rows.schedule(expires_at, "expire_update", subscription["id"])


def alter(work: Work, subscription: Object, change: Change) -> Object | None:
    """The items, the periods and the prorations as they shall be; the invoice that this needs at once."""
    at, begun = _instant(work, subscription, change), items.period(subscription)[0]
    old: list[Object] = json.loads(json.dumps(subscription["items"]["data"]))
    new = items.changed(work, subscription, change.items or [])
    switched = items.interval(new[0]["price"]) != items.interval(old[0]["price"])
    trying = subscription["status"] == "trialing"
    restarts = _restarts(subscription, change, switched=switched)
    there = {item["id"]: item for item in old}
    touched = [
        item
        for item in new
        if restarts or switched or item["id"] not in there or not items.same(item, there[item["id"]])
    ]
    if switched and not restarts and not trying:
        _move_period(subscription, new, at)
    subscription["items"] |= {"data": new, "total_count": len(new)}
    prorated = False
    if change.proration != "none" and not trying:
        unchanged = {item["id"] for item in new} - {item["id"] for item in touched}
        ended = [item for item in old if item["id"] not in unchanged]
        prorated = _prorate(work, subscription, ended, [] if restarts else touched, at)
    invoice = None
    if restarts:
        _restart(work, subscription, change)
        invoice = subscription_invoices.draft(work, subscription, "subscription_update")
    elif prorated and (switched or change.proration == "always_invoice"):
        since = {"period_start": begun}
        invoice = subscription_invoices.draft(work, subscription, "subscription_update", bills_period=False, **since)
    pending_updates.schedule(work, subscription)
    if invoice is not None:
        subscription["latest_invoice"] = invoice["id"]
        work.emit("invoice.created", invoice)
    return invoice


def _restarts(subscription: Object, change: Change, *, switched: bool) -> bool:
    """Whether a period begins now. Another interval alone begins one only in classic mode, where nothing is tried."""
    classic = subscription["billing_mode"]["type"] == "classic" and subscription["status"] != "trialing"
    return change.anchor_now or change.trial_end is not None or (switched and classic)


def _prorate(work: Work, subscription: Object, ended: list[Object], begun: list[Object], at: int) -> bool:
    """Credits what ends, charges what begins, item by item. Whether there is anything."""
    made = False
    charged = {item["id"]: item for item in begun}
    for item in ended:
        made = prorations.credit(work, subscription, item, at) is not None or made
        if item["id"] in charged:
            _charge(work, subscription, charged.pop(item["id"]), at)
    for item in charged.values():
        _charge(work, subscription, item, at)
    return made or bool(begun)


def _charge(work: Work, subscription: Object, item: Object, at: int) -> None:
    prorations.charge(work, subscription, item, at, discounts.net(work, subscription, item))


def _restart(work: Work, subscription: Object, change: Change) -> None:
    """A period begins now: paid for, or tried until `trial_end`."""
    subs.end_trial(work, subscription)
    if change.trial_end is not None and change.trial_end > work.now:
        subs.begin_trial(work, subscription, change.trial_end)
        items.begin_period(subscription, work.now, change.trial_end)
        return
    subscription["billing_cycle_anchor"] = work.now
    items.begin_period(subscription, work.now)


def _move_period(subscription: Object, new: list[Object], at: int) -> None:
    """Another interval on the same anchor: the period that now is in."""
    start, end = items.around(subscription, new[0]["price"], at)
    for item in new:
        item |= {"current_period_start": start, "current_period_end": end}


def _instant(work: Work, subscription: Object, change: Change) -> int:
    if change.at is None:
        return work.now
    start, end = items.period(subscription)
    if not start <= change.at <= end:
        raise Refused("The proration date must be within the current period.", param="proration_date")
    return change.at


def _collect(work: Work, invoice: Object, *, charge: bool) -> Decline | None:
    invoices.finalize(work, invoice)
    if not charge and invoice["amount_due"] > 0:
        return None
    return collecting.attempt(work, invoice, collecting.instrument(work, invoice))
