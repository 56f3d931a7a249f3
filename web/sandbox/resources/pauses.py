"""What a pause means: for the invoices that come meanwhile, and for the subscription itself."""

from __future__ import annotations

from web.sandbox.resources import invoices
from web.sandbox.resources import subscription_items as items
from web.sandbox.store import Object
from web.sandbox.work import Work


def keeps_drafts(subscription: Object) -> bool:
    return bool((subscription["pause_collection"] or {}).get("behavior") == "keep_as_draft")


def disposes_of(work: Work, subscription: Object, invoice: Object) -> bool:
    """While collecting is paused an invoice is voided, or given up, as soon as it is there."""
    behavior = (subscription["pause_collection"] or {}).get("behavior")
    if behavior not in ("void", "mark_uncollectible"):
        return False
    invoices.finalize(work, invoice, charges=False)
    if behavior == "void":
        invoices.void(work, invoice)
    else:
        invoices.mark_uncollectible(work, invoice)
    return True


def collect_again(work: Work, subscription: Object) -> None:
    """It was paused until now."""
    with work.changing(subscription, "customer.subscription.updated"):
        subscription["pause_collection"] = None


def stop(work: Work, subscription: Object, reason: str) -> None:
    """Paused, for this reason."""
    for what in ("renew", "tell_of_trial_end"):
        work.rows.unschedule(what, subscription["id"])
    with work.changing(subscription, "customer.subscription.updated"):
        subscription["status"] = "paused"
        paused = {"subscription": {"type": reason}, "transitioned_at": work.now, "type": "subscription"}
        subscription["status_details"] = {"paused": paused}
    work.emit("customer.subscription.paused", subscription)


def go_on(work: Work, subscription: Object) -> None:
    """It runs from now on."""
    work.rows.schedule(items.period(subscription)[1], "renew", subscription["id"])
    with work.changing(subscription, "customer.subscription.updated"):
        subscription |= {"status": "active", "_resumes_with": None}
        subscription.pop("status_details", None)
    work.emit("customer.subscription.resumed", subscription)
