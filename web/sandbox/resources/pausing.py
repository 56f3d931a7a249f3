"""A subscription is paused and resumed, and what that costs."""

from __future__ import annotations

from web.sandbox.errors import Refused
from web.sandbox.resources import collecting, discounts, invoices, pauses, prorations, subscription_invoices
from web.sandbox.resources import subscription_items as items
from web.sandbox.store import Object
from web.sandbox.work import Work


def pause(work: Work, subscription: Object, *, credited_from: str = "now", invoiced: bool = False) -> None:
    """Stands still: no periods, no invoices. What of the running period is not used is credited."""
    if subscription["status"] not in ("active", "trialing", "past_due"):
        raise Refused(f"A subscription that is {subscription['status']} can't be paused.")
    if credited_from != "none" and subscription["status"] != "trialing":
        start, _ = items.period(subscription)
        at = start if credited_from == "item_current_period_start" else work.now
        for item in subscription["items"]["data"]:
            prorations.credit(work, subscription, item, at)
    if invoiced and subscription_invoices.waiting_for(work, subscription):
        invoice = subscription_invoices.draft(work, subscription, "subscription_update", bills_period=False)
        subscription["latest_invoice"] = invoice["id"]
        work.emit("invoice.created", invoice)
        invoices.finalize(work, invoice)
        collecting.attempt(work, invoice, collecting.instrument(work, invoice))
    pauses.stop(work, subscription, "pause_requested")


def resume(
    work: Work,
    subscription: Object,
    *,
    anew: bool = True,
    prorates: str = "create_prorations",
    pays_first: bool = False,
) -> None:
    """Runs again, from a new period that is billed at once; or within its old periods, for the rest of this one."""
    if subscription["status"] != "paused":
        raise Refused("Only a subscription that is paused can be resumed.")
    with work.changing(subscription):
        if anew:
            subscription["billing_cycle_anchor"] = work.now
            items.begin_period(subscription, work.now)
        else:
            start, end = items.around(subscription, subscription["items"]["data"][0]["price"], work.now)
            items.begin_period(subscription, start, end)
            if prorates != "none":
                for item in subscription["items"]["data"]:
                    net = discounts.net(work, subscription, item)
                    prorations.charge(work, subscription, item, work.now, net)
    if not anew and prorates != "always_invoice":
        pauses.go_on(work, subscription)
        return
    invoice = subscription_invoices.draft(work, subscription, "subscription_update", bills_period=anew)
    subscription |= {"latest_invoice": invoice["id"], "_resumes_with": invoice["id"]}
    work.keep(subscription)
    work.emit("invoice.created", invoice)
    invoices.finalize(work, invoice)
    if not pays_first:
        pauses.go_on(work, subscription)
    collecting.attempt(work, invoice, collecting.instrument(work, invoice))
