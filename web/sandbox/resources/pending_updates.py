"""Changes of a subscription that wait for a payment."""

from __future__ import annotations

from web.sandbox.resources import invoices
from web.sandbox.resources import subscription_items as items
from web.sandbox.resources import subscriptions as subs
from web.sandbox.store import Object
from web.sandbox.work import Work


def withdraw(work: Work, subscription: Object, *, expired: bool = False) -> None:
    """A pending update is no longer one: its invoice is void."""
    invoice = work.find("invoice", subscription["_pending"]["invoice"])
    work.rows.unschedule("expire_update", subscription["id"])
    if invoice is not None and invoice["status"] == "open":
        invoices.void(work, invoice)
    with work.changing(subscription, "customer.subscription.updated"):
        subscription |= {"pending_update": None, "_pending": None}
    if expired:
        work.emit("customer.subscription.pending_update_expired", subscription)


def land(work: Work, subscription: Object) -> None:
    """A pending update has been paid for."""
    work.rows.unschedule("expire_update", subscription["id"])
    waited = subscription["pending_update"] is not None
    with work.changing(subscription, "customer.subscription.updated"):
        subscription |= subscription["_pending"]["after"] | {"pending_update": None, "_pending": None}
        schedule(work, subscription)
    if waited:
        work.emit("customer.subscription.pending_update_applied", subscription)


def schedule(work: Work, subscription: Object) -> None:
    """Renews at its period's end, whatever that is by now; who leaves then, leaves then."""
    work.rows.schedule(items.period(subscription)[1], "renew", subscription["id"])
    if subscription["cancel_at_period_end"]:
        subs.cancel_at(work, subscription, items.period(subscription)[1], at_end=True)
